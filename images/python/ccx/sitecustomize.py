# Added by ccx: where an interpreter is stopped that was started before its script is known (see parked.c).
import sys

if sys.orig_argv[1:] == ["/ccx/parked"]:
    _spec = sys.modules["_frozen_importlib"].ModuleSpec("parked", None, origin="/ccx/parked.so")
    sys.modules["_imp"].create_dynamic(_spec).wait_for_job()
    del _spec
del sys
