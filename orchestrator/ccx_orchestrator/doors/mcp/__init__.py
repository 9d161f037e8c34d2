"""The Model Context Protocol, for agents: streamable HTTP at `/mcp`."""

PATH = "/mcp"
