"""Alembic's folder: `env` runs what is in `versions`, each of which is never changed once released."""
