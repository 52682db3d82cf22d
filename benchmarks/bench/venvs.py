"""Make the environment of each server, and keep it for the next time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

from recipes import FOLDER, OURS, Recipe

INSTALLED = "installed.txt"
ROOT = Path(__file__).resolve().parents[2]
PROJECT = ("pyproject.toml", "requirements.txt")  # what decides what it is installed with


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """Hold a server's Python, or say why there is none.

    Attributes:
        python: Its interpreter.
        fault: Why it cannot be used; empty if it can.
        root: The checkout from which it has the project itself, if it has it.
    """

    python: Path
    fault: str = ""
    root: Path = ROOT

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
        made_each = pool.map(lambda recipe: made(folder, recipe.name, recipe.files), recipes)
        return {recipe.name: each for recipe, each in zip(recipes, made_each, strict=True)}


def cache() -> Path:
    """Give the folder where environments are kept."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "runner-bench"


def made(kept: Path, name: str, files: str, root: Path = ROOT) -> Environment:
    """Make the environment of ``servers/<files>``, unless it is there.

    Args:
        kept: Where environments are kept.
        name: Its own, there.
        files: The folder with its requirements.
        root: The checkout whose requirements these are, and that is installed if they say so.
    """
    requirements = root / FOLDER.relative_to(ROOT) / files / "requirements.txt"
    required, is_ours = requirements.read_text(), files == OURS
    if is_ours:  # it follows its checkout, and what that requires
        required += "".join((root / each).read_text() for each in PROJECT)
    folder = kept / (name_in(root, name) if is_ours else name)
    python, mark = folder / "bin/python", folder / INSTALLED
    if mark.exists() and mark.read_text() == required:
        return Environment(python=python, root=root)
    print(f"installing {files} into {folder}", flush=True)
    try:
        venv.create(folder, with_pip=shutil.which("uv") is None, clear=True)
        subprocess.run(
            [*_installer(python), "-r", requirements],
            check=True,
            capture_output=True,
            text=True,
            timeout=1200,
            cwd=root,  # the project itself is named from there
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return Environment(python=python, fault=f"cannot be installed: {said[-1]}")
    mark.write_text(required)
    return Environment(python=python, root=root)


def name_in(root: Path, name: str) -> str:
    """Name an environment of this project by its checkout too: it measures that and no other."""
    return f"{name}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"


def models(folder: Path, environments: Mapping[str, Environment]) -> Callable[[Recipe], Path]:
    """Fit the model by the scikit-learn of each server's own environment, when it is asked for."""

    def model(recipe: Recipe) -> Path:
        path = folder / f"{recipe.name}.joblib"
        environment = environments[recipe.name]
        if recipe.predicts and not path.exists() and not environment.fault:
            script = Path(__file__).with_name("train.py")
            subprocess.run([environment.python, script, path], check=True, capture_output=True)
        return path

    return model


def _installer(python: Path) -> list[str]:
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
