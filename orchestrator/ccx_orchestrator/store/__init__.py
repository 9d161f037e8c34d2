"""Where submissions are kept. Each module is one way of the `ports.Store`."""
