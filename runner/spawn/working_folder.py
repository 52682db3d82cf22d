"""Stay in the folder that has the path of ours, whatever is moved, removed or put there."""

from __future__ import annotations

import os
from pathlib import Path

from runner.files import if_possible


def has_working_folder() -> bool:
    """Tell whether our working folder exists still, at whichever path."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _path_of_working_folder() -> Path:
    """Give it as a shell has named it: by the link that leads to it, which may lead elsewhere."""
    named = Path(os.environ.get("PWD", ""))
    try:
        if named.is_absolute() and named.samefile("."):
            return named
    except OSError:  # of another process
        pass
    return Path.cwd()


class WorkingFolder:
    """Stay in the folder that has the path which ours had, though another one takes its place."""

    def __init__(self) -> None:
        self._path = _path_of_working_folder()

    def follow(self) -> bool:
        """Go to what is at the path now; tell whether that is another folder."""
        if not self.is_elsewhere():
            return False
        try:
            os.chdir(self._path)
        except OSError:
            return False
        return True

    def is_elsewhere(self) -> bool:
        """Tell whether another folder has the path now."""
        try:
            return not self._path.samefile(".")
        except OSError:  # there is none at the moment
            return False

    def restore(self) -> bool:
        """Go there too, and make it if there is none: whoever starts now needs one.

        One that was moved is none that is gone.
        """
        if not has_working_folder():
            with if_possible(f"the working folder {self._path} is gone, and cannot be made"):
                self._path.mkdir(parents=True, exist_ok=True)
        return self.follow()
