"""The numbered events of a submission, as they are kept for readers."""
