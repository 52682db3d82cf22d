"""Make matplotlib fit to be imported in one process and used in those that are forked from it.

Its import starts no thread and opens no figure, but it decides two things for good:

- Where it draws to: what ``MPLBACKEND`` says. A kernel sets that as it starts, so that plots go
  into the notebook; without it they would go nowhere.
- Where its cache is. If it can write nowhere at home it makes a folder, which whoever imported
  it removes at its end: each fork would remove that of the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "MPLBACKEND"
_INTO_THE_NOTEBOOK = "module://matplotlib_inline.backend_inline"  # as ipykernel names it
_PLACES = {"XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache"}


def survives_fork(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a module of matplotlib's can be imported before a fork.

    Its backends are left out: some start what no fork takes along, such as Qt.
    """
    parts = name.split(".")
    return parts[0] == "matplotlib" and parts[1:2] != ["backends"] and _is_at_home(environ)


@contextmanager
def as_in_a_kernel() -> Iterator[None]:
    """Have what is imported now draw to where it would in a kernel."""
    given = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = given or _INTO_THE_NOTEBOOK
    try:
        yield
    finally:
        del os.environ[_VARIABLE]
        if given is not None:
            os.environ[_VARIABLE] = given


def _is_at_home(environ: Mapping[str, str]) -> bool:
    """Tell whether it can write where it wants to; it makes these folders itself."""
    try:
        for folder in _folders(environ):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                return False
    except (OSError, RuntimeError):  # this one says that there is no home
        return False
    return True


def _folders(environ: Mapping[str, str]) -> list[Path]:
    """List its folders, as ``matplotlib.get_configdir`` and ``get_cachedir`` find them on Linux."""
    if own := environ.get("MPLCONFIGDIR"):
        return [Path(own)]
    return [
        Path(environ.get(name) or Path.home() / place, "matplotlib")
        for name, place in _PLACES.items()
    ]
