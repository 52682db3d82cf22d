"""Carry what a thread has set for itself into the threads that work for it.

A cell that sets a decimal precision, or how scikit-learn gives its tables, does so for its thread
and its context only. What is called for it in another thread has to find the same.
"""

from __future__ import annotations

import contextvars
import functools
import sys
from collections.abc import Callable, Iterator


class ThreadContext:
    """Hold what the thread that makes it has set: its context, and the settings of libraries."""

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._settings = list(_settings())

    def run(self, work: Callable[[], object]) -> None:
        """Do the work of a whole thread with a copy of it."""
        for apply in self._settings:
            apply()
        self._context.copy().run(work)


def _settings() -> Iterator[Callable[[], object]]:
    """Give what sets, in another thread, what libraries keep for each; none is imported for it."""
    if (sklearn := sys.modules.get("sklearn")) and hasattr(sklearn, "get_config"):
        yield functools.partial(sklearn.set_config, **sklearn.get_config())
    if (numpy := sys.modules.get("numpy")) and hasattr(numpy, "geterr"):
        yield functools.partial(numpy.seterr, **numpy.geterr())
    if (torch := sys.modules.get("torch")) and hasattr(torch, "is_grad_enabled"):
        yield functools.partial(torch.set_grad_enabled, torch.is_grad_enabled())
