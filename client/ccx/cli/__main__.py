"""`python -m ccx.cli` is `ccx`."""

from ccx.cli.entry import main

main()
