"""Say what all lines have in common that a worker logs."""

from __future__ import annotations

import os
from typing import Any

from runner.identity import Identity


def logged_facts() -> dict[str, Any]:
    """Name the run, if there is one, and the worker."""
    run = Identity.from_environment().run_id
    return {**({"run": run} if run else {}), "worker": os.getpid()}
