"""Run the contract tests with the lowest and the newest versions that pyproject.toml allows.

    python tests/versions.py                        every Python that can be had here
    python tests/versions.py --python 3.12          only this one
    python tests/versions.py tests/e2e/test_run.py  other tests than the contract's

The lowest versions are installed on the lowest Python, the newest on every one. A Python is
looked for by its name on the PATH, then among pyenv's, then uv is asked to find or fetch it;
one that cannot be had is named at the end. uv makes the environments, below ``.venv``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESOLUTIONS = ("lowest-direct", "highest")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# What the tests below import besides what is tested, at the versions of the extra `test`.
TOOLS = {"build", "httpx", "psutil", "pytest", "pytest-timeout", "pytest-xdist"}
TESTS = ("tests/contract/test_predict_fast_known_estimators.py",)
# The libraries whose insides we use, and what goes with them.
SHOWN = (
    "ipykernel",
    "ipython",
    "jupyter_client",
    "nbclient",
    "papermill",
    "pyzmq",
    "httptools",
    "uvloop",
    "scikit-learn",
    "numpy",
)


def main() -> None:
    """Be the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", action="append", choices=PYTHONS, help="repeatable")
    parser.add_argument("--only", choices=RESOLUTIONS, help="one end of the bounds")
    parser.add_argument("tests", nargs="*", help="instead of those of the contract")
    words = parser.parse_args()
    tests = words.tests or [*TESTS, *_contract()]
    outcomes = [
        outcome
        for version in words.python or PYTHONS
        for outcome in _tried_all(version, tests, words.only)
    ]
    print("\n".join(outcomes))
    sys.exit(any("FAILED" in outcome for outcome in outcomes))


def found(version: str) -> Path | None:
    """Find a Python, or have uv fetch it."""
    for python in _candidates(version):
        says = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"
        shown = subprocess.run([*python, "-c", says], capture_output=True, text=True, check=False)
        if shown.stdout.split()[-1:] == [version]:
            return Path(shown.stdout.split()[0])
    return None


def tried(version: str, python: Path, resolution: str, tests: list[str]) -> str:
    """Make an environment, run the tests in it, and say how they ended, by which versions."""
    home = ROOT / ".venv" / "versions" / f"{version}-{resolution}"
    print(f"== Python {version}, {resolution}", flush=True)
    _uv("venv", "--clear", "--python", str(python), str(home))
    into = ["--python", str(home / "bin" / "python")]
    _uv("pip", "install", *into, "--resolution", resolution, f"{ROOT}[serve]")
    _uv("pip", "install", *into, *_tools())
    result = subprocess.run(
        [home / "bin" / "pytest", "-q", *tests],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}"},
        check=False,
    )
    ended = "passed" if result.returncode == 0 else f"FAILED ({result.returncode})"
    return f"Python {version}, {resolution}: {ended}; {_installed(into)}"


def _tried_all(version: str, tests: list[str], only: str | None) -> list[str]:
    if (python := found(version)) is None:
        return [f"Python {version}: could not be had here"]
    ends = RESOLUTIONS if version == PYTHONS[0] else RESOLUTIONS[1:]
    return [tried(version, python, end, tests) for end in ends if only in (None, end)]


def _candidates(version: str) -> Iterator[list[str]]:
    if on_path := shutil.which(f"python{version}"):
        yield [on_path]
    if shutil.which("pyenv"):
        shown = subprocess.run(
            ["pyenv", "prefix", version], capture_output=True, text=True, check=False
        )
        if shown.returncode == 0:
            yield [str(Path(shown.stdout.strip()) / "bin" / "python")]
    for words in (["find"], ["install"], ["find"]):  # the third finds what the second brought
        shown = subprocess.run(
            ["uv", "python", *words, version], capture_output=True, text=True, check=False
        )
        if shown.returncode == 0 and words == ["find"]:
            yield [shown.stdout.strip()]


def _contract() -> list[str]:
    names = sorted((ROOT / "tests" / "contract").glob("test_*_internals.py"))
    return [str(name.relative_to(ROOT)) for name in names]


def _tools() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = project["optional-dependencies"]["test"]
    return [pin for pin in pins if re.split("[=<>]", pin)[0] in TOOLS]


def _installed(into: list[str]) -> str:
    shown = subprocess.run(
        ["uv", "pip", "freeze", *into], capture_output=True, text=True, check=True
    )
    versions = dict(line.split("==") for line in shown.stdout.lower().split() if "==" in line)
    known = ((name, versions.get(name.replace("_", "-"), "none")) for name in SHOWN)
    return ", ".join(" ".join(each) for each in known)


def _uv(*words: str) -> None:
    subprocess.run(["uv", "--quiet", *words], check=True)


if __name__ == "__main__":
    main()
