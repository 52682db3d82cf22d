"""What we use of IPython that its documentation does not promise."""

from __future__ import annotations

import inspect

import IPython
from IPython.core.compilerop import CachingCompiler
from IPython.core.events import available_events
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from support.insides import require, require_in_source


def test_a_cell_runs_within_run_code() -> None:
    """By this frame we know that a cell waits for a call."""
    require(InteractiveShell, "run_code")
    require(InteractiveShell.run_code, "__code__")


def test_the_shell_has_what_is_replaced() -> None:
    """Displays go to ``display_pub``, the end of a cell is an event."""
    require_in_source(InteractiveShell, "self.display_pub", "self.events", "self.history_manager")
    assert "post_run_cell" in available_events, "the event post_run_cell is gone"
    require(IPython, "get_ipython")


def test_the_file_of_a_cell_tells_its_execution() -> None:
    """So what is raised while a request is answered can be said to be of a cell."""
    compiler = CachingCompiler()
    file = compiler.cache("1 / 0", 7)
    assert compiler.format_code_name(file) == ("Cell", "In[7]")
    assert compiler.format_code_name(__file__) is None


def test_what_keeps_the_outputs_of_cells_is_known() -> None:
    """IPython 9.1 and newer keeps them by ``_tee`` in ``outputs``; older ones keep none."""
    if "self.outputs" in inspect.getsource(HistoryManager) or hasattr(HistoryManager, "outputs"):
        require(InteractiveShell, "_tee")
