"""Import, in the process that runs and kernels are forked from, what they all need.

Only packages that are known to survive a fork are imported here: a kernel imports the rest
of what its notebook asks for by itself, see `runner.spawn.notebook_imports`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from runner.spawn import notebook_imports

if TYPE_CHECKING:
    from runner.notebook.document import Notebook

_SURVIVES_FORK = {"joblib", "numpy", "pandas", "scipy", "sklearn"}
_OF_A_KERNEL = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.debugger_backport",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "ipykernel.kernelapp",
    "psutil",
    "runner.serving.adoption",
    "runner.run.forked_kernel",
    "sqlite3",
    "tornado.platform.asyncio",
)
_OF_A_SERVED_MODEL = (
    "runner.model.artefacts",
    "runner.predict.app",
    "runner.predict.fast.preparation",
    "runner.predict.endpoint_factory",
    "runner.serving.serve",
    "uvloop",
    "sklearn.linear_model",
)
_PLAIN_LAUNCH = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


def for_kernel(document: Notebook) -> None:
    """Import what a kernel and this notebook's first cells import."""
    with barred("debugpy.server"):  # no debugger reaches a kernel of ours; it takes 12 MB
        notebook_imports.load([], ["ipykernel.debugger"])
    imports = document.imports()
    asked = [name for name in notebook_imports.ahead(imports) if _root(name) in _SURVIVES_FORK]
    notebook_imports.load(asked, _OF_A_KERNEL)
    if asked and any(_root(name) == "runner" for name in imports):
        notebook_imports.load([], _OF_A_SERVED_MODEL)


def for_run(path: Path, module: str) -> dict[str, ModuleType]:
    """Import what a run needs besides.

    Args:
        path: A notebook that it may execute.
        module: What it is.

    Returns:
        What no kernel must find imported: libraries that read the environment when a notebook
        imports them, or that were imported while others were barred from them.
    """
    before = set(sys.modules)
    known = {_root(name) for name in before} | sys.stdlib_module_names | {"runner"}
    from runner.run import run

    importlib.import_module(module)
    run.load_papermill()
    run.load_schema(path)
    return {
        name: module
        for name, module in sys.modules.items()
        if (_root(name) not in known and not name.startswith("_cython"))
        or (module is None and name not in before)  # barred
    }


def is_ours(kernel_name: str) -> bool:
    """Tell whether a kernel is what IPython would launch with our very Python, plainly."""
    try:
        spec = KernelSpecManager().get_kernel_spec(kernel_name)
    except NoSuchKernel:
        return False
    first = Path(spec.argv[0])
    here = {Path(sys.executable).parent, Path()}
    is_python = first.name.startswith("python") and first.parent in here
    return is_python and spec.argv[1:] == _PLAIN_LAUNCH and not spec.env


@contextmanager
def barred(name: str) -> Iterator[None]:
    """Let the import of a module fail, if it was not imported yet."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # that is how
    try:
        yield
    finally:
        del sys.modules[name]


def installed_at() -> list[tuple[str, int]]:
    """Say when packages were last installed or removed: the times of their folders, in ns."""
    folders = [path for path in map(Path, sys.path) if path.name.endswith("-packages")]
    return [(str(path), path.stat().st_mtime_ns) for path in folders if path.exists()]


def _root(name: str) -> str:
    return name.partition(".")[0]
