"""The API of Piston, version 2: runtimes, execute, packages, and the WebSocket."""

PATH = "/api/v2"
