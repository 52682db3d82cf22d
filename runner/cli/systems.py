"""Say on which systems a command works, before it fails by a traceback."""

from __future__ import annotations

import sys

from runner.errors import ConfigurationError

_INSTEAD = "in a container (docker), a virtual machine or, on Windows, in WSL 2 it works"


def require_posix(command: str) -> None:
    """Make sure that this system has what every command needs that executes a notebook.

    Raises:
        ConfigurationError: It has not.
    """
    if sys.platform == "win32":
        raise ConfigurationError(
            f"`runner {command}` does not work on Windows, which lacks process groups, unix sockets"
            " and the signals that stop a notebook",
            _INSTEAD,
        )


def require_linux(command: str) -> None:
    """Make sure that this is Linux, whose own calls a supervised service is built on.

    Raises:
        ConfigurationError: It is another system.
    """
    require_posix(command)
    if sys.platform != "linux":
        raise ConfigurationError(
            f"`runner {command}` needs Linux: only there connections are spread over the workers"
            " (SO_REUSEPORT), the end of any process is seen at once (pidfd), and none outlives"
            f" the one that it belongs to (prctl); this is {sys.platform}",
            f"{_INSTEAD}; here `runner run` does, and `serve(…)` in a notebook with one worker",
        )
