"""Gather what travels with a sweep: the notebook, the modules and the small data beside it.

The rules of this file:

1. Paths stay what they are below the working folder, in which a run begins here as there; of a
   notebook that lies elsewhere, below the notebook's own folder.
2. Modules go in any size, other files beside the notebook up to ``SMALL`` bytes; what is larger
   is named, and goes by ``--with``, and so does what has the name of a secret. Hidden files,
   environments and ``runs`` stay.
3. Nothing outside goes, not by a link either. All together has ``MOST.size`` bytes at most.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner.config import RUNS
from runner.errors import ConfigurationError
from runner.masking.file_names import is_secret_file
from runner.notebook import packages
from runner.notebook.document import Notebook
from runner.record.folders import absolute
from runner.sweep.nodes.archive import Bounds, Member, digest, member_of, packed

SMALL = 1024**2
MOST = Bounds(size=64 * 1024**2, files=10_000)
_MOST_SEEN = 100_000  # entries of folders that are looked at
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages", RUNS}
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """Be what travels.

    Attributes:
        data: A zip of it.
        sha256: By what to know it.
        notebook: The notebook's path within.
        source: The file that it was read from here, as the sweep began.
        left: Files beside the notebook that stay, since they are large, or seem to be secret.
    """

    data: bytes = dataclasses.field(repr=False)
    sha256: str
    notebook: str
    source: Path
    left: Sequence[Path] = ()


def gather(document: Notebook, source: Path, more: Sequence[Path], out: Path) -> Bundle:
    """Pack a notebook and what it needs.

    Args:
        document: The notebook.
        source: What its file was as the sweep began.
        more: Files and folders to take besides.
        out: The sweep's folder, which stays.

    Raises:
        ConfigurationError: It is more than may travel, or something lies outside.
    """
    notebook = absolute(document.path)
    found = _Found(_root(notebook), out.absolute())
    found.add_modules(document)
    found.add_beside(notebook)
    for path in more:
        found.add_asked(path)
    found.paths.pop(notebook, None)
    name = notebook.relative_to(found.root).as_posix()
    members = [member_of(source, name), *found.members()]
    data = packed(members)
    return Bundle(data=data, sha256=digest(data), notebook=name, source=source, left=found.left)


def _root(notebook: Path) -> Path:
    here = Path.cwd().resolve()
    return here if notebook.is_relative_to(here) else notebook.parent


class _Found:
    """Collect files, and count them before they are read."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root, self._out = root, out.resolve()
        self.paths: dict[Path, int] = {}
        self.left: list[Path] = []
        self._seen = 0

    def add_modules(self, document: Notebook) -> None:
        """Add the modules in the working folder that the notebook imports, and what they import."""
        waiting, known = list(packages.imported(document)) if document.is_python else [], set()
        while waiting:
            name = waiting.pop()
            if name in known:
                continue
            known.add(name)
            for path in self._module_files(name):
                self._add(path)
                waiting += _imports_of(path)

    def add_beside(self, notebook: Path) -> None:
        """Add what lies in and below the notebook's folder, unless it is large data."""
        for path in self._walked(notebook.parent):
            if self._goes_by_itself(path):
                self._add(path)
            else:
                self.left.append(path.relative_to(self.root))

    def _goes_by_itself(self, path: Path) -> bool:
        if path.suffix == ".py":
            return True
        return _size_of(path) <= SMALL and not is_secret_file(path.relative_to(self.root))

    def add_asked(self, asked: Path) -> None:
        """Add a file or folder that was asked for, whatever its size."""
        place = Path(os.path.normpath(self.root / asked))
        if not place.exists():
            raise ConfigurationError(f"--with {asked}: there is no such file or folder")
        if not place.resolve().is_relative_to(self.root):
            raise ConfigurationError(
                f"--with {asked}: lies outside of {self.root}, below which all is that is sent",
                hint="start the sweep in a folder above it",
            )
        for path in self._walked(place) if place.is_dir() else [place]:
            self._add(path)
        self.left = [path for path in self.left if self.root / path not in self.paths]

    def members(self) -> Iterator[Member]:
        """Read the files.

        Raises:
            ConfigurationError: They are more than may travel.
        """
        self._check()
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):  # somebody's temporary file
                yield member_of(path, path.relative_to(self.root).as_posix())

    def _add(self, path: Path) -> None:
        self.paths[path] = _size_of(path)

    def _check(self) -> None:
        size = sum(self.paths.values())
        if size <= MOST.size and len(self.paths) <= MOST.files:
            return
        largest = sorted(self.paths, key=lambda path: -self.paths[path])[:_MOST_NAMED]
        named = ", ".join(
            f"{path.relative_to(self.root)} ({megabytes(self.paths[path])})" for path in largest
        )
        raise ConfigurationError(
            f"{len(self.paths)} files of {megabytes(size)} would travel to the nodes, more than"
            f" {MOST.files} files or {megabytes(MOST.size)}; the largest: {named}",
            hint="let the notebook read large data from where the nodes can read it, by a path or"
            " URL in a parameter",
        )

    def _module_files(self, name: str) -> list[Path]:
        module, package = self.root / f"{name}.py", self.root / name
        if self._may_go(module) and module.is_file():
            return [module]
        if not (package / "__init__.py").is_file():
            return []
        return [path for path in self._walked(package) if path.suffix == ".py"]

    def _walked(self, folder: Path) -> Iterator[Path]:
        """List the files in and below a folder, but for what nobody means to send."""
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if self._is_entered(Path(place, name)))
            self._seen += len(folders) + len(names)
            if self._seen > _MOST_SEEN:
                raise ConfigurationError(
                    f"{folder}: more than {_MOST_SEEN} files lie beside the notebook",
                    hint="move it to a folder of its own",
                )
            yield from (
                path
                for name in sorted(names)
                if not name.startswith(".") and self._may_go(path := Path(place, name))
            )

    def _is_entered(self, folder: Path) -> bool:
        if folder.name.startswith(".") or folder.name in _SKIPPED_FOLDERS or folder.is_symlink():
            return False
        return not (folder / "pyvenv.cfg").exists() and folder.resolve() != self._out

    def _may_go(self, path: Path) -> bool:
        """Tell whether a path is a file below the root, by whichever links."""
        return path.is_file() and path.resolve().is_relative_to(self.root)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # since it was listed
        return 0


def megabytes(size: int) -> str:
    """Write a number of bytes."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _imports_of(path: Path) -> Iterable[str]:
    """Name the top-level modules that a file imports, anywhere in it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):  # its import will say so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
