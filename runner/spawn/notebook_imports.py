"""Import, in a kernel that waits, what its notebook will import; keep it light."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import sys
import warnings
from pathlib import Path


def load(names: list[str]) -> None:
    """Import installed modules; whatever goes wrong will go wrong again in the cell itself.

    What lies beside the notebook is left out: it is edited like the notebook,
    and a kernel that waited must not run the code of yesterday.
    """
    silence = io.StringIO()
    for name in names:
        with (
            contextlib.suppress(Exception, SystemExit),
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            if is_installed(name):
                importlib.import_module(name)


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
