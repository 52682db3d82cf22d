"""Choose the image that an image is built on, and find out which bytes its tag means here."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterable

from packaging.specifiers import SpecifierSet

_SLIM = "python:{}-slim"
_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_TAG = re.compile(r"(?:^|/)python:(3\.\d+)")
_DEADLINE = 3.0  # seconds that the engine of this machine has to answer


def python_for(wanted: Iterable[SpecifierSet]) -> str:
    """Choose a Python, such as 3.13: the one that we run by, else the oldest that is asked for."""
    here = ".".join(platform.python_version_tuple()[:2])
    bounds = list(wanted)
    fitting = (
        each
        for each in (here, *_PYTHONS)
        if all(bound.contains(f"{each}.99", prereleases=True) for bound in bounds)
    )
    return next(fitting, here)


def slim(python: str) -> str:
    """Name the slim image of a Python."""
    return _SLIM.format(python)


def python_of(image: str) -> str:
    """Tell which Python an image has by its name; empty if that does not say."""
    found = _TAG.search(image)
    return found[1] if found else ""


def with_digest(image: str) -> str:
    """Add the digest to an image's tag, if this machine's engine has it from a registry."""
    if "@" in image:
        return image
    words = ["docker", "image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', image]
    try:
        said = subprocess.run(
            words, capture_output=True, text=True, timeout=_DEADLINE, check=True, errors="replace"
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return image
    found = re.search(r"@sha256:[0-9a-f]{64}$", said, re.MULTILINE)
    return f"{image}{found[0]}" if found else image
