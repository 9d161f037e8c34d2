"""HTTP out, to addresses that users name: the only door through which a user can make a node call somebody."""
