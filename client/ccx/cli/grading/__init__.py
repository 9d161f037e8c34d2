"""`ccx grade`: submissions of many people, tests, and what comes of both."""
