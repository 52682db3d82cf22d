"""Say why a file is no notebook, to who thought that it was one."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError

_CONFLICT = re.compile(r"^(?:<<<<<<<|=======|>>>>>>>)", re.MULTILINE)
_ANEW = "restore it from git, or save it anew in Jupyter"


def missing(path: Path) -> ConfigurationError:
    """Refuse a path where nothing is, and guess which was meant."""
    near = sorted(str(found) for found in path.parent.glob("*.ipynb"))
    close = difflib.get_close_matches(str(path), near, n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return ConfigurationError(f"{path}: no such notebook{guess}")


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Refuse what the system does not let us read, such as a folder."""
    if not path.is_dir():
        return ConfigurationError(f"{path}: cannot be read: {error.strerror}")
    inside = ", ".join(sorted(str(found) for found in path.glob("*.ipynb"))[:5])
    hint = f"name a notebook in it: {inside}" if inside else "no notebook is in it"
    return ConfigurationError(f"{path}: is a folder, not a notebook", hint)


def no_json(path: Path, text: str, error: Exception) -> ConfigurationError:
    """Refuse a text that is no JSON, by what it looks like."""
    said, hint = f"not a notebook: it is no JSON: {error}", _ANEW
    if not text.strip():
        said = "not a notebook: the file is empty"
    elif text.startswith("version https://git-lfs"):
        said, hint = "not a notebook: Git LFS keeps it elsewhere", "`git lfs pull` brings it"
    elif text.lstrip().startswith("<!") or text.lstrip().startswith("<html"):
        said, hint = "not a notebook: it is a web page", "download the raw file"
    elif conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        said = f"not a notebook: it has the marks of a merge in git, from line {line} on"
        hint = f"`git checkout --ours {path}` or `--theirs` takes one side; nbdime merges both"
    elif path.suffix not in ("", ".ipynb", ".json"):
        said = f"not a notebook: it is a {path.suffix} file"
        hint = f"`jupytext --to notebook {path}` makes one of it"
    return ConfigurationError(f"{path}: {said}", hint)


def no_text(path: Path) -> ConfigurationError:
    """Refuse bytes that are no UTF-8."""
    return ConfigurationError(f"{path}: not a notebook: it is not UTF-8 text", _ANEW)


def other_form(path: Path, document: Any) -> ConfigurationError:
    """Refuse JSON that is no notebook of format 4."""
    number = document.get("nbformat", 4) if isinstance(document, dict) else 4
    if isinstance(document, dict) and ("worksheets" in document or number in (1, 2, 3)):
        return ConfigurationError(
            f"{path}: not a notebook of format 4, but of an older one",
            hint=f"`jupyter nbconvert --to notebook --inplace {path}` renews it",
        )
    is_other = isinstance(document, dict) and "cells" in document
    what = "its format is another" if is_other else "it is JSON without a list of cells"
    return ConfigurationError(f"{path}: not a notebook of format 4: {what}", _ANEW)
