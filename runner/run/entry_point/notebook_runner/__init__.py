"""Be what papermill imports of us: it loads every engine that is installed, used or not.

It does so wherever papermill is imported, also in a folder with a ``runner.py`` of the user's.
That must neither be executed for it nor break the import. So this package has a name of its
own, and looks for ours only when the engine is asked for, in the place where both were installed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


class RunnerEngine:
    """Hand all that papermill asks an engine on to `runner.run.engine.RunnerEngine`."""

    @classmethod
    def execute_notebook(cls, *words: Any, **options: Any) -> Any:
        """Execute a notebook."""
        return _engine().execute_notebook(*words, **options)

    @classmethod
    def nb_kernel_name(cls, *words: Any, **options: Any) -> Any:
        """Name the kernel."""
        return _engine().nb_kernel_name(*words, **options)

    @classmethod
    def nb_language(cls, *words: Any, **options: Any) -> Any:
        """Name the language."""
        return _engine().nb_language(*words, **options)


def _engine() -> Any:
    """Import the engine.

    Raises:
        ImportError: Another module has the name of our package in this process already.
    """
    place = str(next(above for above in Path(__file__).parents if (above / "runner/run").is_dir()))
    sys.path.insert(0, place)
    try:
        package = importlib.import_module("runner")
        if not hasattr(package, "__path__"):
            raise ImportError(
                f"{package.__file__} was imported as 'runner', the name of the engine's package:"
                " rename it, or execute the notebook by the command `runner run`"
            )
        return importlib.import_module("runner.run.engine").RunnerEngine
    finally:
        sys.path.remove(place)
