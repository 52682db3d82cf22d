"""Let notebooks find a home and temporary files that can be written, where the system has none.

So it is for an arbitrary user id (OpenShift), which no list of users has, and with a read-only
root. The rules of this file:

1. What can be written is left as it is, and so is what somebody has set.
2. A home that can be read but not written stays: packages and models may lie in it. Only what
   IPython and Jupyter write goes elsewhere.
3. What is made here goes at the end.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from runner import files
from runner.errors import ConfigurationError
from runner.run.private_folder import PrivateFolder

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - it is nowhere else
_WRITTEN = {"IPYTHONDIR": ".ipython", "JUPYTER_RUNTIME_DIR": ".local/share/jupyter/runtime"}


@contextlib.contextmanager
def writable_home(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Set the variables by which libraries find them, for us and all that we start.

    Raises:
        ConfigurationError: No folder at all can be written.
    """
    _find_temporary(environ)
    _find_user(environ)
    home = _home(environ)
    if home is not None and files.may_write(home):
        yield
        return
    with contextlib.closing(PrivateFolder()) as folder:
        if home is None:
            environ["HOME"] = str(folder.path)
        else:
            for name, place in _WRITTEN.items():
                if name not in environ and not files.can_be_made(home / place):
                    environ[name] = str(folder.path / name.lower())
        yield


def _find_temporary(environ: MutableMapping[str, str]) -> None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        if not files.may_write(_IN_MEMORY):
            raise ConfigurationError(
                "no folder for temporary files can be written",
                hint="mount one at /tmp: `--tmpfs /tmp`, in Kubernetes an emptyDir",
            ) from error
        environ["TMPDIR"] = tempfile.tempdir = str(_IN_MEMORY)


def _find_user(environ: MutableMapping[str, str]) -> None:
    """Name a user whom no list has: `getpass.getuser` fails else, and what asks it."""
    import pwd  # Windows has none, where this is imported all the same

    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        if not any(environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
            environ["LOGNAME"] = f"user-{os.geteuid()}"


def _home(environ: MutableMapping[str, str]) -> Path | None:
    """Give the home; None if there is none, as is the root for who may not write there."""
    home = Path(environ["HOME"]) if environ.get("HOME") else None
    if home is None:
        with contextlib.suppress(RuntimeError):
            home = Path.home()
    is_there = home is not None and home.is_dir()
    return home if is_there and (home != Path("/") or files.may_write(home)) else None
