"""Know what no fork survives, and what forked workers must not share.

Nothing is imported for it: what a notebook has not imported it has not used. What stands here of
torch, JAX, TensorFlow and CuPy that is not public only adds to what their open devices tell.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

# NVIDIA's, AMD's, Intel's, and all of them below Windows.
_GPU = re.compile(r"/dev/(?:nvidia(?:\d+|ctl|-uvm)|kfd|dri/renderD\d+|dxg)$")
_MOST_NAMED = 5
_SAYS_NOTHING = (AttributeError, OSError, RuntimeError)
_SQLITE = b"SQLite format 3\0"  # with which a file of one begins


def what_no_fork_survives(open_files: Path = Path("/proc/self/fd")) -> str:
    """Say which library has to do with a device, or with threads, that no child would have.

    Args:
        open_files: A folder of links, one for each open file.

    Returns:
        Its name and what of it; empty if there is none.
    """
    for module, name, is_used in _LIBRARIES:
        found = sys.modules.get(module)
        with contextlib.suppress(AttributeError, RuntimeError, OSError):
            if found is not None and is_used(found):
                return name
    devices = sorted({path for path in _targets(open_files) if _GPU.match(path)})
    return f"the GPU ({devices[0]} is open)" if devices else ""


def _targets(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for file in list(folder.iterdir()):
            with contextlib.suppress(OSError):  # it was closed
                yield str(file.readlink())


def _has_tensorflow_begun(context: Any) -> bool:
    current = context.context_safe() if hasattr(context, "context_safe") else context._context  # noqa: SLF001 - there is no public way that does not begin
    return current is not None and bool(current._initialized)  # noqa: SLF001 - likewise


_LIBRARIES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("torch", "CUDA (torch)", lambda torch: torch.cuda.is_initialized()),
    ("torch", "an Intel GPU (torch)", lambda torch: torch.xpu.is_initialized()),
    ("jax._src.xla_bridge", "JAX", lambda bridge: bridge._backends),  # noqa: SLF001 - likewise
    ("tensorflow.python.eager.context", "TensorFlow", _has_tensorflow_begun),
    ("cupy.cuda.driver", "CUDA (CuPy)", lambda driver: driver.ctxGetCurrent()),
)


def shared_connections() -> list[str]:
    """Name the connections to databases that are open, and would be shared by all workers."""
    kinds = {
        kind: tell
        for (module, name), tell in _CONNECTIONS.items()
        if isinstance(kind := getattr(sys.modules.get(module), name, None), type)
    }
    said = {text for each, tell in _those_of(kinds) if (text := _told(tell, each))}
    said |= {f"SQLite in {os.path.relpath(file)}" for file in _sqlite_files()}
    return sorted(said)[:_MOST_NAMED]


def _sqlite_files() -> Iterator[str]:
    """Find open databases by their files; those in memory are copied with the rest of it.

    No connection is asked: another thread may be using it, and to wait for that may take hours.
    Nor is a file opened anew: to close it would take the locks of all its connections (POSIX).
    """
    for file in _descriptors():
        with contextlib.suppress(OSError):  # it was closed
            if stat.S_ISREG(os.fstat(file).st_mode) and os.pread(file, 16, 0) == _SQLITE:
                yield str(Path(f"/proc/self/fd/{file}").readlink())


def _descriptors() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(file.name) for file in Path("/proc/self/fd").iterdir()]
    return []


Tell = Callable[[Any], str]


def _those_of(kinds: dict[type, Tell]) -> Iterable[tuple[Any, Tell]]:
    classes = tuple(kinds)
    # By its type, not `isinstance`: that asks objects for their class, and some do work for it.
    found = [each for each in gc.get_objects() if issubclass(type(each), classes)]
    return [
        (each, kinds[next(kind for kind in classes if isinstance(each, kind))]) for each in found
    ]


def _told(tell: Tell, connection: Any) -> str:
    """Ask a connection; one that is being closed, or belongs to another thread, says nothing."""
    try:
        return tell(connection)
    except _SAYS_NOTHING:
        return ""


def _of_engine(engine: Any) -> str:
    pool = engine.pool
    is_used = pool.checkedin() + pool.checkedout() > 0
    return f"SQLAlchemy to {engine.url.render_as_string(hide_password=True)}" if is_used else ""


_CONNECTIONS: dict[tuple[str, str], Tell] = {
    ("psycopg", "Connection"): lambda each: "" if each.closed else "psycopg",
    ("psycopg", "AsyncConnection"): lambda each: "" if each.closed else "psycopg",
    ("psycopg2.extensions", "connection"): lambda each: "" if each.closed else "psycopg2",
    ("pymysql.connections", "Connection"): lambda each: "PyMySQL" if each.open else "",
    ("sqlalchemy.engine", "Engine"): _of_engine,
}
