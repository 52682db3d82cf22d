"""Say which packages an image of notebooks gets, by the first of these that there is.

1. The lock of the notebook itself.
2. The block of PEP 723 in its first code cell.
3. The lock of the project around it, by uv or of PEP 751.
4. A requirements.txt at or above it, unless it is empty.
5. What it imports, in the versions that are installed here.

The runner is among them in any case.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import runner
from runner.notebook import locks, models, packages, script_metadata
from runner.notebook.document import Notebook
from runner.project import uv_lock
from runner.project.pins import Pins, Target, pinned

OURS = "notebook-runner"
# What serving takes of the extra `serve`, where no model is read: the rest of it is 260 MB.
_LIGHT = ("httptools", "uvloop", "websockets")
_HEAVY = {"joblib", "nest_asyncio", "numpy", "scipy", "sklearn"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packages:
    """Hold what is installed.

    Attributes:
        source: What it was taken from, in words.
        pins: What is installed by name.
        file: A requirements file that is installed before; empty if there is none.
    """

    source: str
    pins: Pins
    file: str = ""


def packages_of(
    documents: Sequence[Notebook], imports: Iterable[str], target: Target, *, serves: bool
) -> Packages:
    """Say which packages notebooks need.

    Args:
        documents: The notebooks; the first is the one that the image is of.
        imports: The names that they import.
        target: Where the packages will be installed.
        serves: Whether the image serves, which takes more than to execute.

    Raises:
        ConfigurationError: There is a lock that cannot be read.
    """
    first = documents[0]
    ours = _ours(documents, imports, serves=serves)
    lock = locks.lock_of(first)
    if lock and lock.is_own:
        return _locked(lock, ours, target)
    blocks = [block for each in documents if (block := script_metadata.read(each))]
    if wanted := [each for block in blocks for each in block.dependencies]:
        pins = pinned(_with_ours(wanted, ours), target)
        return Packages(source="the block of PEP 723, and what it needs", pins=pins)
    if lock:
        return _locked(lock, ours, target)
    if file := _requirements(first.path):
        return _required(file, ours)
    owners = {name: packages.owners({name}) for name in sorted({*imports} - {"runner"})}
    wanted = [Requirement(each) for found in owners.values() for each in sorted(found)]
    pins = pinned(_with_ours(wanted, ours), target)
    unknown = tuple(
        f"{name} is imported, and not installed here: add what brings it"
        for name, found in owners.items()
        if not found
    )
    pins = dataclasses.replace(pins, remarks=pins.remarks + unknown)
    return Packages(source="what is imported, and what that needs, as installed here", pins=pins)


def _ours(
    documents: Sequence[Notebook], imports: Iterable[str], *, serves: bool
) -> list[Requirement]:
    """Say how much of the runner is needed."""
    has_models = any(models.model_paths(each, {}) for each in documents)
    if serves and (has_models or not _HEAVY.isdisjoint(imports)):
        return [Requirement(f"{OURS}[serve]")]
    more = _LIGHT if serves else ("joblib",) if has_models else ()
    return [Requirement(each) for each in (OURS, *more)]


def _with_ours(wanted: list[Requirement], ours: list[Requirement]) -> list[Requirement]:
    """Add the runner, in the version that prints this, unless it is asked for."""
    named = {canonicalize_name(each.name) for each in wanted}
    return [*(each for each in ours if canonicalize_name(each.name) not in named), *wanted]


def _locked(lock: locks.Lock, ours: list[Requirement], target: Target) -> Packages:
    found = uv_lock.pins_of(lock, target)
    names = {canonicalize_name(Requirement(each).name) for each in found}
    added = pinned(ours, target)
    missing = [
        each
        for each in (*added.asked, *added.needed)
        if canonicalize_name(Requirement(each).name) not in names
    ]
    pins = Pins(asked=found, needed=tuple(missing), remarks=added.remarks)
    return Packages(source=f"{lock.name}, and what the runner needs besides", pins=pins)


def _requirements(notebook: Path) -> str:
    """Give the requirements.txt of a notebook, if it lies in the working folder.

    An empty one is as good as none: so a shell has made it for what is printed into it.
    """
    file = packages.requirements_of(notebook)
    if file is None or not file.is_relative_to(Path.cwd()) or not file.stat().st_size:
        return ""
    return os.path.relpath(file)


def _required(file: str, ours: list[Requirement]) -> Packages:
    text = Path(file).read_text(encoding="utf-8", errors="replace")
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    remarks = []
    if unpinned := [line for line in lines if line[:1].isalnum() and not _is_pinned(line)]:
        remarks.append(
            f"{file} names no exact version of {', '.join(unpinned[:5])}"
            f"{' …' if len(unpinned) > 5 else ''}: a later build may get others"
        )
    if options := [line for line in lines if line.startswith(("-r", "-c", "-e", "--re", "--con"))]:
        remarks.append(f"{file} has `{options[0]}`: copy what it names in the dockerfile, too")
    named = {canonicalize_name(name) for name in packages.named_in(Path(file))}
    missing = [each for each in ours if canonicalize_name(each.name) not in named]
    asked = tuple(
        f"{each}=={runner.__version__}" if each.name == OURS else str(each) for each in missing
    )
    return Packages(source=file, pins=Pins(asked=asked, remarks=tuple(remarks)), file=file)


def _is_pinned(line: str) -> bool:
    return "==" in line or "@" in line
