# Added by ccx: where an interpreter is stopped that was started before its script is known (see parked.c).
import sys

if sys.orig_argv[1:] == ["/ccx/parked"]:
    _spec = sys.modules["_frozen_importlib"].ModuleSpec("parked", None, origin="/ccx/parked.so")
    sys.modules["_imp"].create_dynamic(_spec).wait_for_job()
    del _spec
del sys


def _getlogin(_ask=__import__("os").getlogin):
    """The name of the user that logged in; in a sandbox nobody has, and it is the name of the user."""
    try:
        return _ask()
    except OSError:
        import os
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name


__import__("os").getlogin = _getlogin
del _getlogin
