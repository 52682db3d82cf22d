"""Find a module of the user's that a kernel would import under the name of our package.

Python looks into a kernel's working folder before it looks among what is installed. Our own
processes are started with ``-P``, which leaves that folder out.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

import runner


def shadow(folder: Path) -> Path | None:
    """Give the file in a folder that is imported there instead of our package, if there is one."""
    spec = PathFinder.find_spec("runner", [str(folder)])
    if spec is None or not spec.origin:  # a folder without __init__.py comes after our package
        return None
    file = Path(spec.origin)
    is_a_copy_of_us = (file.parent / "serving/serve.py").is_file()
    return None if is_a_copy_of_us or file.samefile(runner.__file__) else file
