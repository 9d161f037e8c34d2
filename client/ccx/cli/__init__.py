"""The `ccx` command. Pure modules decide (options, exit codes, the verdict line); `run`, `languages` and `nodes` act.

Nothing here knows a language by name: the node is asked. Only `embedded` imports the orchestrator, and only when it
is needed.
"""
