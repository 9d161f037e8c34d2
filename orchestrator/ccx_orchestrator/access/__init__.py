"""Who may come in: names of this node, pages of other sites, connections. Pure: what to do about it is for the door."""
