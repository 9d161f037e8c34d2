"""The page: serves what `client/web` is built to."""
