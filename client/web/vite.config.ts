import { defineConfig } from "vite";

// The names of built files change with what is in them: the node lets browsers keep them for ever.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../../orchestrator/ccx_orchestrator/dashboard/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700, // the editor, which is loaded when it is asked for
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8700", ws: true }, "/healthz": "http://127.0.0.1:8700" } },
});
