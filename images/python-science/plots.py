"""Matplotlib's backend in a sandbox: what is shown is saved, as figure-1.png, figure-2.png and so on.

It draws as Agg does. As with a window that was closed, a figure that was shown is gone.
"""

import itertools
import os

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

_names = (f"figure-{number}.png" for number in itertools.count(1))


def _save(figure):
    """Where a file has the name already, the next one is taken: it may be the program's own."""
    figure.savefig(next(name for name in _names if not os.path.lexists(name)))


class FigureManager(FigureManagerBase):
    """A figure without a window."""

    def show(self):
        """Save this figure."""
        _save(self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block=None):
        """Save all figures."""
        for manager in Gcf.get_all_fig_managers():
            manager.show()
            Gcf.destroy(manager)


class FigureCanvas(FigureCanvasAgg):
    """Agg's, with a manager that saves."""

    manager_class = FigureManager
