"""Read requirements.txt: only as much of it as the rules need."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

REQUIREMENTS = "requirements.txt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Hold a line of a requirements file; ``wanted`` is None where it cannot be read."""

    number: int
    text: str
    wanted: Requirement | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequirementsFile:
    """Hold a requirements file.

    Attributes:
        path: The file.
        lines: What it asks for; options and comments are left out.
        text: All of it.
    """

    path: Path
    lines: tuple[Line, ...]
    text: str


def read_requirements(path: Path) -> RequirementsFile:
    """Read a requirements file; its options, comments and continuations are passed over.

    Raises:
        OSError: It cannot be read.
    """
    text = path.read_bytes().decode("utf-8", "replace")
    lines = []
    for number, written in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*", "", written).strip().removesuffix("\\").strip()
        if bare and not bare.startswith("-"):
            lines.append(Line(number=number, text=bare, wanted=_wanted(bare)))
    return RequirementsFile(path=path, lines=tuple(lines), text=text)


def _wanted(text: str) -> Requirement | None:
    try:
        return Requirement(re.split(r"\s--", text)[0].strip())
    except InvalidRequirement:
        return None
