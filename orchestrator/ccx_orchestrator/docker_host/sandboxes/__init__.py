"""One sandbox: what it is made like, how it is hardened, how it is started and destroyed."""
