"""Import, in a kernel that waits, what its notebook will import; keep it light."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import itertools
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path


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
    silence = io.StringIO()
    for name in [*ahead(names), *ours]:
        with (
            contextlib.suppress(Exception, SystemExit),
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
        ):
            importlib.import_module(name)
    with warnings.catch_warnings():
        pass  # what was warned of in silence is not remembered: it is told to the cells, too


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
