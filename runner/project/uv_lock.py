"""Read the pins out of a lock: uv's, or one of PEP 751."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

from packaging.markers import InvalidMarker, Marker

from runner.errors import ConfigurationError
from runner.notebook.locks import Lock
from runner.project.pins import Target, holds

Table = dict[str, Any]


def pins_of(lock: Lock, target: Target) -> tuple[str, ...]:
    """List what a lock has installed, each in its version.

    Args:
        lock: The lock.
        target: Where it will be installed; what its markers leave out there is left out.

    Raises:
        ConfigurationError: It has another form, or a package that is only in a folder here.
    """
    try:
        said = tomllib.loads(lock.content.decode())
        found = _listed(said) if "packages" in said else _reached(said, target)
        kept = [each for each in found if _holds(each.get("marker"), target)]
        return tuple(sorted({_pin(each) for each in kept}, key=str.lower))
    except (ValueError, LookupError, TypeError, AttributeError, InvalidMarker) as error:
        what = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"{lock.name}: is no lock that can be read: {what}") from error


def _holds(marker: str | None, target: Target) -> bool:
    return marker is None or holds(Marker(marker), target)


def _listed(said: Table) -> list[Table]:
    """Give all packages of a lock of PEP 751, but for the project itself."""
    return [each for each in said["packages"] if each.get("directory", {}).get("path") != "."]


def _reached(said: Table, target: Target) -> list[Table]:
    """Walk from a script's requirements, or from the project itself, to all that they need."""
    packages: list[Table] = said.get("package", [])
    roots = said.get("manifest", {}).get("requirements", [])
    own = [each for each in packages if _is_local(each)]
    todo = [*roots, *(need for each in own for need in each.get("dependencies", []))]
    done: set[tuple[str, str, str]] = set()
    found: dict[tuple[str, str], Table] = {}
    while todo:
        need = todo.pop()
        if not _holds(need.get("marker"), target):
            continue
        for package in _meant(packages, need, target):
            found[package["name"], package["version"]] = package
            for extra in ["", *need.get("extra", []), *need.get("extras", [])]:
                key = (package["name"], package["version"], extra)
                if key not in done:
                    done.add(key)
                    todo += _needs(package, extra)
    return list(found.values())


def _is_local(package: Table) -> bool:
    return bool({"virtual", "editable", "directory"} & package.get("source", {}).keys())


def _needs(package: Table, extra: str) -> list[Table]:
    if extra:
        return list(package.get("optional-dependencies", {}).get(extra, []))
    return list(package.get("dependencies", []))


def _meant(packages: Iterable[Table], need: Table, target: Target) -> list[Table]:
    """Give the package that a need is for: one, unless the lock is for several systems."""
    named = [each for each in packages if each["name"] == need["name"] and not _is_local(each)]
    exact = [each for each in named if each["version"] == need.get("version", each["version"])]
    if len(exact) < 2:
        return exact
    markers = [each.get("resolution-markers") or [None] for each in exact]
    return [
        each
        for each, which in zip(exact, markers, strict=True)
        if any(_holds(marker, target) for marker in which)
    ][:1]


def _pin(package: Table) -> str:
    name, source = package["name"], package.get("source", {})
    if git := source.get("git"):
        url, _, commit = git.partition("#")
        return f"{name} @ git+{url.partition('?')[0]}@{commit}"
    if url := source.get("url"):
        return f"{name} @ {url}"
    if vcs := package.get("vcs"):
        return f"{name} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}"
    if archive := package.get("archive"):
        return f"{name} @ {archive['url']}"
    for place in (source, package.get("directory", {})):
        if "path" in place:
            raise ValueError(f"{name} is a file of this machine, {place['path']}")
    return f"{name}=={package['version']}"
