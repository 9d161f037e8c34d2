"""The orchestrator: one node of a ccx cluster."""
