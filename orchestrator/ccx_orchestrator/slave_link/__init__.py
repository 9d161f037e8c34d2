"""The only door to other nodes: the public API, through the client's SDK."""
