"""Reads submissions wherever they are: on this node, in the store, or on the node that has them."""
