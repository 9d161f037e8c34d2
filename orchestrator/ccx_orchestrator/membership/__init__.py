"""What makes a node one of its cluster: its certificate, whom it trusts, and how both are kept up to date."""
