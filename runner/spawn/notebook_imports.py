"""Import, in a kernel that waits, what its notebook will import; keep it light."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import itertools
import pkgutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

_ROOMS = ("http", "model", "predict", "serving", "cells")
# Installed packages that these import, or that are imported before a kernel is forked.
_OF_OURS = {
    *(
        "httptools",
        "msgspec",
        "prometheus_client",
        "threadpoolctl",
        "uvloop",
        "websockets",
        "wrapt",
    ),
    *("joblib", "numpy", "pandas", "scipy", "sklearn"),
}


def load(names: Sequence[str], ours: Sequence[str] = ()) -> None:
    """Import installed modules; whatever goes wrong will go wrong again in the cell itself.

    What lies beside the notebook is left out: it is edited like the notebook, and a kernel that
    waited must not run the code of yesterday. So is what the notebook imports after it: it may
    set what that import reads. Filters of warnings that an import sets stay set, as they would
    in the cell.

    Args:
        names: What the notebook imports, in its order.
        ours: What we import besides.
    """
    _import(ahead(names))
    with _without_working_folder():
        _import(ours)
        if taken := _names_beside():
            _import_all_of_ours()
    for name in list(sys.modules):
        if name.partition(".")[0] in taken:
            del sys.modules[name]
    with warnings.catch_warnings():
        pass  # what was warned of in silence is not remembered: it is told to the cells, too


def _import(names: Iterable[str]) -> None:
    silence = io.StringIO()
    for name in names:
        with (
            contextlib.suppress(Exception, SystemExit),
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
        ):
            importlib.import_module(name)


@contextlib.contextmanager
def _without_working_folder() -> Iterator[None]:
    """Have what we import found where it was installed, whatever lies beside the notebook."""
    path = sys.path[:]
    sys.path[:] = [folder for folder in path if folder not in {"", str(Path.cwd())}]
    try:
        yield
    finally:
        sys.path[:] = path


def _names_beside() -> set[str]:
    """Give the names of what we import that a module beside the notebook has, too.

    Its own is what the notebook is to find: Python looks there before it looks among what was
    installed, but not before its own library.
    """
    return {name for name in _OF_OURS if _is_beside(name)}


def _is_beside(name: str) -> bool:
    spec = PathFinder.find_spec(name, [str(Path.cwd())])
    if spec is None or not spec.origin:  # a mere folder comes after what was installed
        return False
    return Path(spec.origin) != Path(str(getattr(sys.modules.get(name), "__file__", "")))


def _import_all_of_ours() -> None:
    """Import whatever a service may need of our package: later it would find the notebook's."""
    for room in _ROOMS:
        found = importlib.import_module(f"runner.{room}")
        _import(each.name for each in pkgutil.walk_packages(found.__path__, f"runner.{room}."))
    importlib.import_module("runner.http.server").import_ahead()


def ahead(names: Sequence[str]) -> list[str]:
    """Give those up to the first that was not installed."""
    return list(itertools.takewhile(is_installed, names))


def is_installed(name: str) -> bool:
    """Tell whether a module is Python's own, ours, or was installed by pip."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names or root == "runner":
        return True
    spec = importlib.util.find_spec(root)
    if spec is None:
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or [])]
    return any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places)
