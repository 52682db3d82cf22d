"""Make the environment of each server, and keep it for the next time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

from recipes import FOLDER, Recipe

INSTALLED = "installed.txt"
ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """Hold a server's Python, or say why there is none.

    Attributes:
        python: Its interpreter.
        fault: Why it cannot be used; empty if it can.
    """

    python: Path
    fault: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """Look up the installed packages' versions, by their names in lower case."""
        code = (
            "import importlib.metadata as m, json\n"
            "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
        )
        said = subprocess.run([self.python, "-c", code], capture_output=True, check=True).stdout
        return dict(json.loads(said))


def make(folder: Path, recipes: list[Recipe]) -> dict[str, Environment]:
    """Make what is missing, two at a time, and give them by the names of the recipes.

    None is shared: two servers that map the same files would each weigh less.
    """
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made_each = pool.map(lambda recipe: made(folder / recipe.name, recipe.files), recipes)
        return {recipe.name: each for recipe, each in zip(recipes, made_each, strict=True)}


def cache() -> Path:
    """Give the folder where environments are kept."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "runner-bench"


def made(folder: Path, files: str) -> Environment:
    """Make the environment of ``servers/<files>`` in a folder, unless it is there."""
    python = folder / "bin/python"
    required = (FOLDER / files / "requirements.txt").read_text()
    mark = folder / INSTALLED
    if mark.exists() and mark.read_text() == required:
        return Environment(python=python)
    print(f"installing {files} into {folder}", flush=True)
    try:
        venv.create(folder, with_pip=shutil.which("uv") is None, clear=True)
        subprocess.run(
            [*_installer(python), "-r", FOLDER / files / "requirements.txt"],
            check=True,
            capture_output=True,
            text=True,
            timeout=1200,
            cwd=ROOT,  # the project itself is named from there
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return Environment(python=python, fault=f"cannot be installed: {said[-1]}")
    mark.write_text(required)
    return Environment(python=python)


def _installer(python: Path) -> list[str]:
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
