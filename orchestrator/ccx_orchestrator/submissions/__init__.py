"""The use case: a submission is accepted, waits, runs, ends with one result. Sees ports; never Docker, HTTP or SQL."""
