"""The lock files name all that is installed, by hash, and are in step with what asks for it."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from functools import cache

import pytest
from lock_files import FOLDER, LOCKS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [
    line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"
]
# Each kind of system that the locks are for, by the markers that packages ask.
SYSTEMS = [
    {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "sys_platform": system,
        "platform_system": system.title(),
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }
    for version in ("3.11", "3.12", "3.13", "3.14")
    for system in ("linux", "darwin")
]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@cache
def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """What a lock file has: each package's pin, with its hashes."""
    lines = (FOLDER / f"{name}.txt").read_text().replace("\\\n", " ").splitlines()
    entries = [line.split(" --hash") for line in lines if not line.lstrip().startswith("#")]
    return [
        (Requirement(pin), [f"--hash{each}".strip() for each in rest]) for pin, *rest in entries
    ]


def pins(name: str, system: dict[str, str]) -> dict[str, str]:
    """The versions that a lock file gives to a system."""
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin, _ in locked(name)
        if pin.marker is None or pin.marker.evaluate(system)
    }


def asked_for(name: str) -> list[Requirement]:
    """What a lock file is made from."""
    extras, has_requirements = LOCKS[name]
    needed = [*PROJECT["dependencies"], *(LINES if has_requirements else [])]
    needed += (line for extra in extras for line in PROJECT["optional-dependencies"][extra])
    return [Requirement(line) for line in needed]


def unmet(needed: list[Requirement], found: dict[str, str], system: dict[str, str]) -> list[str]:
    return [
        str(each)
        for each in needed
        if each.marker is None or each.marker.evaluate({**system, "extra": ""})
        if not each.specifier.contains(
            found.get(canonicalize_name(each.name), "0"), prereleases=True
        )
        or canonicalize_name(each.name) not in found
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_whatever_is_asked_for_is_locked_within_its_bounds(name: str) -> None:
    """On each Python and system: `make lock` was run after the last change of the sources."""
    for system in SYSTEMS:
        assert unmet(asked_for(name), pins(name, system), system) == []


@pytest.mark.parametrize("name", LOCKS)
def test_what_a_locked_package_needs_is_locked_too(name: str) -> None:
    """As far as it is installed here in that version, whose own word is taken."""
    found, here = pins(name, SYSTEMS[0]), SYSTEMS[0]
    for package, version in found.items():
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        if distribution.version == version:
            assert unmet([*map(Requirement, distribution.requires or [])], found, here) == [], (
                package
            )


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hashes_and_by_no_address(name: str) -> None:
    """Whoever serves the file, it is that one; which index that is, each machine says itself."""
    assert "://" not in (FOLDER / f"{name}.txt").read_text()
    for pin, hashes in locked(name):
        assert re.fullmatch(r"==[\w.!+]+", str(pin.specifier)), pin
        assert hashes, pin
        assert all(map(HASH.fullmatch, hashes)), pin


@pytest.mark.parametrize("name", [*LOCKS][1:])
def test_what_is_installed_is_what_was_tested(name: str) -> None:
    """No two lock files have other versions of a package."""
    for system in SYSTEMS:
        tested = pins("test", system)
        others = {package: tested.get(package, it) for package, it in pins(name, system).items()}
        assert pins(name, system) == others


def test_each_is_pinned_as_requirements_txt_says() -> None:
    """It is where a person writes a version."""
    for name in LOCKS:
        found = pins(name, SYSTEMS[0])
        said = {canonicalize_name(each.name): each for each in map(Requirement, LINES)}
        assert [
            f"{said[one]}" for one in found.keys() & said if found[one] not in said[one].specifier
        ] == []
