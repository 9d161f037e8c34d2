"""Pure decisions: languages, limits, plans, verdicts. No I/O, no await, no clock."""
