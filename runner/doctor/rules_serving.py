"""Rules for how a notebook serves: in the foreground, last, and on a port that is given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from runner.doctor.environment import version_in_use
from runner.doctor.findings import Rule, Severity, Spot
from runner.doctor.names import Names, collect
from runner.doctor.page import Page
from runner.doctor.serving_calls import serving_calls, serving_cell

_UVICORN_RUN = re.compile(r"uvicorn(\.main)?\.run|uvicorn(\.server)?\.Server\(\)\.run")
_OWN_LOOP = Version("0.36")  # from here on uvicorn passes loop_factory, which nest_asyncio refuses
# Where the port stands among the positional arguments of what binds it.
_BINDING = {
    "wsgiref.simple_server.make_server": 1,
    "werkzeug.run_simple": 1,
    "werkzeug.serving.run_simple": 1,
    "flask.Flask().run": 1,
    "uvicorn.run": -1,
    "uvicorn.main.run": -1,
    "uvicorn.Config": -1,
    "uvicorn.config.Config": -1,
    "waitress.serve": -1,
    "aiohttp.web.run_app": -1,
    "bottle.run": -1,
    "runner.serve": -1,
    "runner.serving.serve.serve": -1,
}
_ADDRESSED = re.compile(r"(http\.server|socketserver|wsgiref\.simple_server)\.\w*Server")


def _background(page: Page) -> Iterator[Spot]:
    for found in serving_calls(page, _names(page)):
        if found.is_background:
            what = f"{_shown(found.form)} runs in the background"
            yield Spot(cell=found.cell.name, line=found.line, what=what)


def _unreachable(page: Page) -> Iterator[Spot]:
    serving = serving_cell(page, _names(page))
    if serving is None:
        return
    later = page.cells[page.cells.index(serving) + 1 :]
    for cell in later:
        if cell.tree.body or cell.magics or cell.fault:
            yield Spot(
                cell=cell.name,
                line=1,
                what=f"it stands below cell {serving.name}, which serves",
            )


def _nested_loop(page: Page) -> Iterator[Spot]:
    names = _names(page)
    applies = [
        (cell, node)
        for cell, node in page.nodes()
        if isinstance(node, ast.Call) and names.of(node.func) == "nest_asyncio.apply"
    ]
    version = version_in_use("uvicorn", page.path)
    if not applies or not version or not _has_own_loop(version):
        return
    for cell, node in page.nodes():
        if isinstance(node, ast.Call) and _UVICORN_RUN.fullmatch(name := names.of(node.func)):
            what = f"{_shown(name)} after nest_asyncio.apply() raises with uvicorn {version}"
            yield Spot(cell=cell.name, line=node.lineno, what=what)


def _has_own_loop(version: str) -> bool:
    try:
        return Version(version) >= _OWN_LOOP
    except InvalidVersion:
        return False


def _hard_port(page: Page) -> Iterator[Spot]:
    names = _names(page)
    for cell, node in page.nodes():
        given = _port_of(node, names) if isinstance(node, ast.Call) else None
        is_parameter = isinstance(given, ast.Name) and given.id in page.parameters
        port = names.literal(given)
        number = port.value if isinstance(port, ast.Constant) and not is_parameter else None
        if number is None or type(number) is not int:
            number = _port_in_text(node, names)
        if number:  # 0 asks the system for any
            line = getattr(node, "lineno", 0)
            yield Spot(cell=cell.name, line=line, what=f"the port {number} is fixed")


def _port_in_text(node: ast.AST, names: Names) -> int | None:
    """Give the port of waitress's ``listen="*:8080"`` and hypercorn's ``bind = ["…:8000"]``."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Call) and names.of(node.func) == "waitress.serve":
        given = [keyword.value for keyword in node.keywords if keyword.arg == "listen"]
    elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Attribute):
        is_bind = target.attr == "bind" and names.of(target.value).startswith("hypercorn.")
        given = [node.value] if is_bind else []
    for part in (part for value in given for part in ast.walk(value)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found = re.search(r":(\d+)$", part.value)
            return int(found[1]) if found else None
    return None


def _port_of(call: ast.Call, names: Names) -> ast.expr | None:
    """Give the expression that a call binds as its port."""
    name = _bare(names, call)
    position = _BINDING.get(name)
    if position is None and _ADDRESSED.fullmatch(name):
        address = names.literal(call.args[0]) if call.args else None
        return (
            address.elts[1] if isinstance(address, ast.Tuple) and len(address.elts) == 2 else None
        )
    if position is None:
        return None
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "port"), None)
    is_given = 0 <= position < len(call.args)
    return named or (call.args[position] if is_given else None)


def _bare(names: Names, call: ast.Call) -> str:
    """Name what is called; a Flask app that a function has made is told by its arguments."""
    name = names.of(call.func)
    named = {keyword.arg for keyword in call.keywords}
    has_flask = any(found.startswith("flask") for found in names.imports.values())
    is_run = isinstance(call.func, ast.Attribute) and call.func.attr == "run"
    is_made = is_run and name not in _BINDING and has_flask and "port" in named
    return "flask.Flask().run" if is_made else name


def _names(page: Page) -> Names:
    return collect(cell.tree for cell in page.cells)


def _shown(form: str) -> str:
    return f"`{form}`" if " " in form else f"{form}()"


RULES: tuple[Rule[Page], ...] = (
    Rule(
        name="server-in-background",
        severity=Severity.ERROR,
        why="the last cell ends at once, so papermill and the runner end the run and kill the "
        "kernel, and the server with it",
        mend="call it in the last cell itself, without a thread, task or process",
        check=_background,
    ),
    Rule(
        name="cell-never-runs",
        severity=Severity.WARNING,
        why="the serving cell holds until the service is stopped; then nothing more is run",
        mend="move it above the serving cell, or delete it",
        check=_unreachable,
    ),
    Rule(
        name="nested-loop",
        severity=Severity.WARNING,
        why="uvicorn 0.36 and newer run on a loop of their own making, which nest_asyncio "
        "refuses: it fails in plain Jupyter and plain papermill; under `runner serve` the call is "
        "adopted and works",
        mend="await uvicorn.Server(uvicorn.Config(app, host=host, port=port)).serve(), and drop "
        "nest_asyncio: that works everywhere",
        check=_nested_loop,
    ),
    Rule(
        name="hard-coded-port",
        severity=Severity.WARNING,
        why="--port does not reach it: outside the supervisor, which decides by itself, two "
        "services cannot run side by side",
        mend="declare `port: int = 8000` in the cell tagged `parameters`, and pass port",
        check=_hard_port,
    ),
)
