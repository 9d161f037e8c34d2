"""Many nodes as one: who there is, what runs where, what happens when one goes. Sees ports, never Docker or HTTP."""
