"""Write the lock files: every package that the commands and the images install, with its hashes.

    python tests/lock_files.py              as few changes as the sources ask for
    python tests/lock_files.py --upgrade    the newest that they allow

The sources are pyproject.toml and requirements.txt.

One file is for all Pythons and systems that are named in pyproject.toml, by markers. uv finds the
versions; what it asks is the index that this machine is set up with, which no file names.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "locks"
# By whom each is installed: the extras of pyproject.toml, and whether requirements.txt is as well.
# Else that only says which versions.
LOCKS: dict[str, tuple[tuple[str, ...], bool]] = {
    "test": (
        ("browser", "build", "cockpit", "docs", "lab", "make-lab", "serve", "test", "test-engines"),
        True,
    ),  # `make test`, `lint`, `docs` …
    "notebook": (("build",), True),  # `make serve` and `train`; the image
    "lab": (("make-lab",), True),  # `make lab`; the image `lab`
    "cockpit": (("cockpit",), True),  # the image `cockpit`
    "slim": (("build", "serve"), False),  # the image `slim`
    "tools": (("audit", "versions"), False),  # `make audit`, `lock` and `test-versions`
}


def main() -> None:
    """Be the command; all files follow the first, so that no two have other versions."""
    FOLDER.mkdir(exist_ok=True)
    first = FOLDER / f"{next(iter(LOCKS))}.txt"
    for name, (extras, has_requirements) in LOCKS.items():
        target = FOLDER / f"{name}.txt"
        sources = ["pyproject.toml", *(["requirements.txt"] if has_requirements else [])]
        constraints = ["requirements.txt", *([str(first)] if target != first else [])]
        words = [
            *("uv", "pip", "compile", *sources, "--output-file", str(target)),
            *(word for extra in extras for word in ("--extra", extra)),
            *(word for file in constraints for word in ("--constraint", file)),
            *("--universal", "--python-version", "3.11", "--generate-hashes"),
            *("--only-binary", ":all:", "--no-emit-index-url", "--no-emit-find-links"),
            *("--no-annotate", "--quiet", "--custom-compile-command", "make lock"),
            *sys.argv[1:],
        ]
        subprocess.run(words, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
