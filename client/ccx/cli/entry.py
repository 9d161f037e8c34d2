"""What the installed command `ccx` runs. The command takes a moment to import, and Ctrl-C in that moment must end it as
it does at any other: without a traceback.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

_INTERRUPTED = 130  # as `exit_codes.ExitCode.INTERRUPTED`, which is not imported yet


def main() -> NoReturn:
    """See `ccx.cli.main`."""
    # Nothing that is imported is garbage. To look for some meanwhile, and once more at the end, takes a quarter of the
    # time of a short command (0.34 s became 0.26 s).
    gc.disable()
    _open_closed_streams()
    try:
        from ccx.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    gc.freeze()
    gc.enable()
    run()


def _open_closed_streams() -> None:
    """Where one is closed (as by `2>&-`), the next file or socket would get its number, and what is meant for it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            setattr(sys, name, os.fdopen(number, mode))
