"""Pin the packages that something asks for, and all that these need, as they are installed here."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Iterable
from typing import Any

from packaging.markers import Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pins:
    """Hold requirements.

    Attributes:
        asked: What was asked for, pinned where that can be.
        needed: What these need besides, pinned.
        remarks: What is not pinned, and why.
    """

    asked: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


_FOLDER = "a folder"

Target = dict[str, str]
"""The values of markers where something will be installed."""


def environment(python: str) -> Target:
    """Give what markers are asked about in an image: Linux, and a Python such as 3.13."""
    here = {name: str(value) for name, value in default_environment().items()}
    here |= {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}
    if here["python_version"] != python:
        here |= {"python_version": python, "python_full_version": f"{python}.0"}
    return here


def holds(marker: Marker | None, target: Target, extra: str = "") -> bool:
    """Tell whether a marker is met, for one of the extras of its package."""
    return marker is None or marker.evaluate({**target, "extra": extra})


def pinned(asked: Iterable[Requirement], target: Target) -> Pins:
    """Pin requirements, and what they need, as they are installed here.

    Args:
        asked: The requirements; those whose marker is not met there are left out.
        target: Where they will be installed.
    """
    search = _Search(target)
    wanted = [each for each in asked if holds(each.marker, target)]
    first = {canonicalize_name(each.name): each for each in reversed(wanted)}
    for each in wanted:
        search.add(each)
    lines = {name: search.pins[name] for name in sorted(search.pins)}
    return Pins(
        asked=tuple(lines[name] for name in sorted(first)),
        needed=tuple(line for name, line in lines.items() if name not in first),
        remarks=tuple(search.remarks),
    )


class _Search:
    """Walk through what requirements need.

    Args:
        target: Where they will be installed.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._done: set[tuple[str, str]] = set()
        self.pins: dict[str, str] = {}
        self.remarks: list[str] = []

    def add(self, wanted: Requirement) -> None:
        """Pin a requirement and what it needs, unless that was done."""
        todo = [wanted]
        while todo:
            each = todo.pop()
            name = canonicalize_name(each.name)
            found = self._distribution(each)
            extras = sorted(each.extras) if found else []
            if name not in self.pins or extras:
                self._pin(each, found)
            for extra in ["", *extras]:
                if found and (name, extra) not in self._done:
                    self._done.add((name, extra))
                    todo += [
                        inner for inner in _needs(found) if holds(inner.marker, self._target, extra)
                    ]

    def _distribution(self, wanted: Requirement) -> importlib.metadata.Distribution | None:
        """Give what is installed here for a requirement; None if nothing that meets it is."""
        try:
            found = importlib.metadata.distribution(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            return None
        return found if wanted.specifier.contains(found.version, prereleases=True) else None

    def _pin(self, wanted: Requirement, found: importlib.metadata.Distribution | None) -> None:
        name = canonicalize_name(wanted.name)
        extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
        if found is None or wanted.url:
            bare = Requirement(str(wanted))
            bare.marker = None
            self.pins[name] = str(bare)
            if not wanted.url:
                self.remarks.append(f"{bare} is not pinned: no such version is installed here")
            return
        origin = _origin(found)
        version = f"=={Version(found.version).public}"
        self.pins[name] = f"{wanted.name}{extras}{f' @ {origin}' if origin else version}"
        if origin == _FOLDER:
            self.pins[name] = f"{wanted.name}{extras}{version}"
            self.remarks.append(
                f"{wanted.name} {found.version} was installed from a folder: if no index has it,"
                " put its wheel into wheels/"
            )


def _needs(found: importlib.metadata.Distribution) -> list[Requirement]:
    needs = []
    for text in found.requires or ():
        try:
            needs.append(Requirement(text))
        except InvalidRequirement:  # of a package from before PEP 508
            continue
    return needs


def _origin(found: importlib.metadata.Distribution) -> str:
    """Say where a package came from that did not come from an index; empty if it did."""
    try:
        said: Any = json.loads(found.read_text("direct_url.json") or "{}")
        if repository := said.get("vcs_info"):
            return f"{repository['vcs']}+{said['url']}@{repository['commit_id']}"
        url = str(said.get("url", ""))
    except (ValueError, AttributeError, LookupError, TypeError):
        return ""
    return _FOLDER if "dir_info" in said else "" if url.startswith("file:") else url
