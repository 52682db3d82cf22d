"""Find the files that a notebook needs beside it: models, data, and modules of one's own."""

from __future__ import annotations

import ast
import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from runner.masking.file_names import is_secret_file
from runner.notebook import code, models
from runner.notebook.document import Notebook
from runner.notebook.names import collect

LEFT_OUT = (".git", ".ipynb_checkpoints", ".venv", "__pycache__", "node_modules", "runs", "venv")
"""Names of folders that no image needs."""
_LONGEST = 250  # characters of a text that may be a path
_BIGGEST = 1_000_000  # bytes of a module that is read
_MOST = 1_000  # modules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    """Hold what a notebook needs, by paths as seen from the working folder.

    Attributes:
        data: Files that it names, models and their cards among them, and folders, with a slash.
        modules: Files that are imported from, and folders, with a slash.
        imports: The top-level names that it, and its modules, import from elsewhere.
        remarks: What it names and does not get, and why.
    """

    data: tuple[str, ...]
    modules: tuple[str, ...]
    imports: frozenset[str]
    remarks: tuple[str, ...]


def needs_of(document: Notebook) -> Needs:
    """Find what a notebook needs, without executing it."""
    trees = [read.tree for read in document.codes]
    modules, imports = _modules(trees, (Path(), document.path.parent))
    remarks: list[str] = []
    data = dict.fromkeys(_models(document, remarks))
    for path in _named(document):
        if said := _refusal(path, document.path):
            remarks.append(f"{path} is not put in: {said}")
        elif path not in modules and not _is_within(path, [*data]):
            data[path] = None
    return Needs(
        data=_shown(data),
        modules=_shown(modules),
        imports=frozenset(imports),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _shown(paths: Iterable[str]) -> tuple[str, ...]:
    plain = sorted({os.path.normpath(path) for path in paths})
    return tuple(f"{path}/" if Path(path).is_dir() else path for path in plain)


def _models(document: Notebook, remarks: list[str]) -> Iterator[str]:
    """Give the models that it loads, and their cards."""
    for name in models.loaded_models(document, {}):
        files = [PurePath(name), PurePath(name).with_suffix(".json")]
        if not Path(name).is_file():
            remarks.append(
                f"{name}, which {document.path} loads, is not there: train it before the image is"
                " built and print this anew, or mount it"
            )
        for file in dict.fromkeys(map(str, files)):
            if Path(file).is_file():
                if said := _refusal(file, document.path):
                    remarks.append(f"{file} is not put in: {said}")
                else:
                    yield file


def _named(document: Notebook) -> Iterator[str]:
    """Give what its texts name that is there: in the working folder, else beside the notebook."""
    nodes = (node for read in document.codes for node in ast.walk(read.tree))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    for text in dict.fromkeys(each for each in texts if isinstance(each, str)):
        if _may_be_path(text):
            for folder in dict.fromkeys(("", str(document.path.parent))):
                place = os.path.join(folder, text)  # noqa: PTH118 - a Path would drop its last slash
                if os.path.exists(place):  # noqa: PTH110 - which takes any text, without an error
                    yield os.path.relpath(place)
                    break


def _may_be_path(text: str) -> bool:
    """Tell whether a text may be a path: one line, with a slash, an ending or a first dot."""
    is_short = 1 < len(text) <= _LONGEST and text.isprintable()
    return is_short and ("/" in text[1:] or text[0] == "." or bool(PurePath(text).suffix))


def _refusal(path: str, notebook: Path) -> str:
    """Say why a file is not put into an image; empty if it may be."""
    place = Path(path).resolve()
    if not place.is_relative_to(Path.cwd().resolve()):
        return "it is outside of the working folder, which the image is built from"
    if is_secret_file(path):
        return "by its name it is a secret, which is given to a container and not to an image"
    if not set(LEFT_OUT).isdisjoint(PurePath(path).parts):
        return "such folders are made anew"
    if place.is_dir() and notebook.resolve().is_relative_to(place):
        return "the notebook itself is in it; name the files"
    return "" if place.is_dir() or place.is_file() else "it is no file"


def _is_within(path: str, folders: Iterable[str]) -> bool:
    return any(PurePath(path).is_relative_to(folder) for folder in folders)


def _modules(trees: list[ast.Module], folders: tuple[Path, ...]) -> tuple[list[str], set[str]]:
    """Follow imports into the modules that lie in some folders; give these, and what is foreign."""
    found: dict[str, None] = {}
    foreign: set[str] = set()
    todo = _tops(trees)
    done: set[str] = set()
    while todo and len(done) < _MOST:
        name = todo.pop()
        done.add(name)
        if place := _own(name, folders):
            found[str(place)] = None
            todo |= _tops(map(_tree, _files(place))) - done
        elif name not in sys.stdlib_module_names:
            foreign.add(name)
    return [*found], foreign


def _tops(trees: Iterable[ast.Module]) -> set[str]:
    return {name.partition(".")[0] for name in collect(trees).values()}


def _own(name: str, folders: tuple[Path, ...]) -> Path | None:
    """Give the module or package of a name; a folder without code is none."""
    for folder in folders:
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
        if name != "runner" and (folder / name).is_dir() and any((folder / name).glob("*.py")):
            return folder / name
    return None


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py"))[:_MOST] if place.is_dir() else [place]


def _tree(file: Path) -> ast.Module:
    """Parse a module; one that is too large, or no Python, imports nothing."""
    try:
        is_small = file.stat().st_size <= _BIGGEST
        return ast.parse(file.read_bytes()) if is_small else code.NOTHING.tree
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return code.NOTHING.tree
