"""Say what is installed, what requirements.txt asks for, and what an import is called there."""

from __future__ import annotations

import dataclasses
import functools
import re
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = "requirements.txt"

# Distributions whose import has another name, for those that are not installed.
_KNOWN = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google": "google-api-python-client",
    "jwt": "pyjwt",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Hold a line of a requirements file; ``wanted`` is None where it cannot be read."""

    number: int
    text: str
    wanted: Requirement | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Requirements:
    """Hold a requirements file.

    Attributes:
        path: The file.
        lines: What it asks for; options and comments are left out.
        text: All of it.
    """

    path: Path
    lines: tuple[Line, ...]
    text: str

    def names(self) -> set[str]:
        """Give the normalised names of what it asks for, also in the files that it includes."""
        files, seen = [self], {self.path.resolve()}
        for file in files:  # which grows as it is walked
            new = [path for path in file.included() if path.resolve() not in seen]
            seen |= {path.resolve() for path in new}
            files += map(read_requirements, new)
        wanted = [line.wanted for file in files for line in file.lines if line.wanted]
        return {canonicalize_name(requirement.name) for requirement in wanted}

    def pin(self, name: str) -> str:
        """Give the version that ``==`` asks for; empty if none does."""
        for line in self.lines:
            if line.wanted and canonicalize_name(line.wanted.name) == name:
                pins = [found.version for found in line.wanted.specifier if found.operator == "=="]
                return pins[0] if pins and "*" not in pins[0] else ""
        return ""

    def included(self) -> list[Path]:
        """List the files that it includes."""
        named = re.findall(r"^\s*(?:-r|--requirement)[ =]\s*(\S+)", self.text, re.MULTILINE)
        return [path for name in named if (path := self.path.parent / name).is_file()]


def read_requirements(path: Path) -> Requirements:
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
    return Requirements(path=path, lines=tuple(lines), text=text)


def _wanted(text: str) -> Requirement | None:
    try:
        return Requirement(re.split(r"\s--", text)[0].strip())
    except InvalidRequirement:
        return None


def requirements_for(notebook: Path) -> Requirements | None:
    """Find requirements.txt beside a notebook, or above it as far as the working folder."""
    above, here = list(notebook.resolve().parents), Path.cwd()
    for folder in above[: above.index(here) + 1] if here in above else [above[0], here]:
        if (folder / REQUIREMENTS).is_file():
            return read_requirements(folder / REQUIREMENTS)
    return None


def installed_version(distribution: str) -> str:
    """Give the version that is installed here; empty if none is."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def version_in_use(distribution: str, notebook: Path) -> str:
    """Give the version that requirements.txt pins; else the installed one; else nothing."""
    asked = requirements_for(notebook)
    return (asked.pin(distribution) if asked else "") or installed_version(distribution)


def is_importable(module: str, folders: list[Path]) -> bool:
    """Tell whether a top-level module is installed here or lies in one of these folders."""
    try:
        return is_local(module, folders) or util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def is_local(module: str, folders: list[Path]) -> bool:
    """Tell whether a module lies in one of these folders."""
    return any((at / f"{module}.py").exists() or (at / module).is_dir() for at in folders)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def distributions_of(module: str) -> set[str]:
    """Name the distributions that bring a module, normalised; a guess if none is installed."""
    found = _distributions().get(module) or [_KNOWN.get(module, module)]
    return {canonicalize_name(name) for name in found}


@functools.cache
def brought_by(distribution: str) -> frozenset[str]:
    """Name what an installed distribution needs, and what that needs; itself too."""
    found: set[str] = set()
    waiting: set[str] = {distribution}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _needs(name) - found
    return frozenset(found)


@functools.cache
def _needs(distribution: str) -> frozenset[str]:
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return frozenset()
    needs = [Requirement(line) for line in lines]
    is_wanted = [not need.marker or need.marker.evaluate({"extra": ""}) for need in needs]
    return frozenset(
        canonicalize_name(need.name)
        for need, wanted in zip(needs, is_wanted, strict=True)
        if wanted
    )
