"""The subcommands of `ccx`, a module for each group."""
