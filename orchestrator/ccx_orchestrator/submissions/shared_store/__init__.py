"""What a node does only because other nodes share its store."""
