"""HTTP in: routes, the reading of requests, the table from errors to answers. No decisions."""
