"""See in a notebook's code, without running it, what it may serve by."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner.notebook.document import Notebook, source

SERVERS = (
    "uvicorn",
    "wsgiref.simple_server",
    "http.server",
    "flask",
    "werkzeug.serving",
    "waitress",
    "hypercorn",
)
APPS = ("app", "application")
SOCKETS = (
    "aiohttp.web",
    "bokeh.server",
    "cheroot",
    "cherrypy",
    "eventlet",
    "panel",
    "tornado",
    "twisted.internet",
    "websockets",
)
LISTENING = {
    "asyncio": {"create_server", "start_server"},
    "socket": {"create_server", "listen"},
    "socketserver": {"TCPServer", "ThreadingTCPServer", "ForkingTCPServer"},
}
ONE_PROCESS = (
    "the notebook serves on sockets of its own, which one process accepts from: leave out --workers"
)

_CALLS = {"run", "serve", "serve_forever", "handle_request", "run_simple"}
_ASIDE = {
    "Thread",
    "create_task",
    "ensure_future",
    "submit",
    "start_soon",
    "gather",
    "wait",
    "wait_for",
}
_RUN_MAGIC = re.compile(r"^%run\s+(?:-\S+\s+)*(\S+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signs:
    """Hold what was seen in a notebook, and in the modules beside it that it imports.

    Attributes:
        uses_serve: It takes ``serve`` from ``runner``.
        servers: The servers that it names, and whose calls can be taken over.
        apps: The names for an app that its cells bind.
        sockets: The modules by which it may listen on sockets of its own.
        ends_serving: Its last code cell calls a server, and neither in a thread nor a task.
    """

    uses_serve: bool
    servers: list[str]
    apps: list[str]
    sockets: list[str]
    ends_serving: bool

    @property
    def can_share_sockets(self) -> bool:
        """Tell whether it may serve on sockets that the supervisor owns."""
        return self.uses_serve or bool(self.servers or self.apps or self.sockets)

    @property
    def is_one_process(self) -> bool:
        """Tell whether it can only serve as it is, which several workers cannot share."""
        return bool(self.sockets) and not (self.uses_serve or self.servers or self.apps)

    @property
    def needs_adoption(self) -> bool:
        """Tell whether calls of servers have to be taken over."""
        return bool(self.servers) or (bool(self.apps or self.sockets) and not self.uses_serve)

    @property
    def needs_last_cell(self) -> bool:
        """Tell whether its own cells may end without serving."""
        return self.needs_adoption and not self.uses_serve and not self.ends_serving


def signs_of(document: Notebook, folder: Path | None = None) -> Signs:
    """Look through a notebook.

    Args:
        document: The notebook.
        folder: Where the modules lie that it may import, besides the working folder; its own
            by default.
    """
    cells = [source(cell) for cell in document.cells if cell["cell_type"] == "code"]
    cells = [text for text in cells if text.strip()]
    trees = [tree for text in cells if (tree := _parsed(text)) is not None]
    text = "\n".join(cells)
    beside = _beside(trees, text, (folder or document.path.parent, Path()))
    named = {name for tree in [*trees, *beside] for name in _modules_named(tree)}
    used = {name for tree in [*trees, *beside] for name in _names_used(tree)}
    return Signs(
        uses_serve=document.uses_serve(),
        servers=[server for server in SERVERS if any(_is_within(name, server) for name in named)],
        apps=[name for name in APPS if any(name in _bound(tree) for tree in trees)],
        sockets=_listening(named, used),
        ends_serving=bool(trees) and _serves(trees[-1]),
    )


def _listening(named: set[str], used: set[str]) -> list[str]:
    """Name what may open listening sockets: a server's package, or a part of the library."""
    packages = [name for name in SOCKETS if any(_is_within(each, name) for each in named)]
    parts = [
        name
        for name, calls in LISTENING.items()
        if any(_is_within(each, name) for each in named) and calls & used
    ]
    return packages + parts


def _beside(trees: list[ast.Module], text: str, folders: Sequence[Path]) -> list[ast.Module]:
    """Parse the modules and scripts beside the notebook that its cells lead to."""
    waiting = [Path(name.strip("'\"")) for name in _RUN_MAGIC.findall(text)]
    waiting += [path for tree in trees for path in _paths_imported(tree)]
    seen: set[Path] = set()
    found: list[ast.Module] = []
    while waiting:
        place = waiting.pop()
        paths = {folder / place for folder in folders} - seen
        seen |= paths
        for path in filter(Path.is_file, paths):
            if tree := _parsed(path.read_text(encoding="utf-8", errors="replace")):
                found.append(tree)
                waiting += _paths_imported(tree)
    return found


def _paths_imported(tree: ast.Module) -> Iterator[Path]:
    for name in _modules_named(tree):
        if _is_within(name, "runner"):
            continue  # this package lies beside the notebook in its own repository
        place = Path(*name.split("."))
        yield place.with_suffix(".py")
        yield place / "__init__.py"


def _is_within(name: str, module: str) -> bool:
    return f"{name}.".startswith(f"{module}.")


def _parsed(text: str) -> ast.Module | None:
    lines = [
        "pass" if line.startswith(("%", "!", "?")) else line  # IPython's, not Python's
        for line in text.splitlines()
    ]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return None


def _modules_named(tree: ast.Module) -> Iterator[str]:
    """Name what is imported anywhere, be it by a call with the module's name as a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and _name_of(node.func) in {"__import__", "import_module"}:
            yield from _strings(node.args)


def _names_used(tree: ast.Module) -> Iterator[str]:
    """Give every name and attribute that is read, called or imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _strings(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value


def _name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _bound(tree: ast.Module) -> Iterator[str]:
    """Name what a cell binds outside of functions and classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif not isinstance(node, ast.ClassDef):
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id


def _serves(tree: ast.Module) -> bool:
    """Tell whether a cell evidently ends in a call that serves."""
    called = [_name_of(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return bool(_CALLS & set(called)) and not _ASIDE & set(called)
