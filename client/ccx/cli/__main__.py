"""`python -m ccx.cli` is `ccx`."""

from ccx.cli.main import main

main()
