"""Make a folder a sweep's own, and put there what the notebook is as it begins."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from runner.record import folders, history
from runner.record.private_files import write_private
from runner.run.stop_request import StopRequest
from runner.sweep.comparison import not_held
from runner.sweep.locks import SETUP, Locks, waited_for
from runner.sweep.options import SweepOptions

OWN_FILES = ("results.csv", "results.svg", "report.ipynb")
_SETUP_WITHIN = 60.0  # seconds


def set_up(options: SweepOptions, locks: Locks, stop: StopRequest, content: bytes) -> Path:
    """Make the folder ours, and put there what the notebook is now; give that file.

    It has a name of its own: another version's may still be read.

    Args:
        options: What is swept.
        locks: The folder's.
        stop: The requests to stop.
        content: The notebook's.

    Raises:
        ConfigurationError: The folder became another notebook's since it was named.
        InterruptedRunError: A signal came as we waited for another process.
        RunnerError: Another does not come to its end.
    """
    folder = options.folder
    source = folder / f"source-{hashlib.sha256(content).hexdigest()[:12]}.ipynb"
    claim = functools.partial(locks.claim, SETUP)
    with waited_for(claim, _SETUP_WITHIN, lambda: stop.signum) as is_ours:
        if not is_ours:
            raise not_held(options, stop)
        if options.out is None:
            folders.take(folder, options.path)
        history.take_names(folder, (*OWN_FILES, source.name))
        write_private(source, content)
    return source
