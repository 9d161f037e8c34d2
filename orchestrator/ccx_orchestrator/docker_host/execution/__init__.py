"""Runs one plan in one sandbox: the executor, the session with the runner, what a user types meanwhile."""
