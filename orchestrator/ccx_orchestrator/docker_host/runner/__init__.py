"""The wire to PID 1 of a sandbox: its frames, and the connection they travel over."""
