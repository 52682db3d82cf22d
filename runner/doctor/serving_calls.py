"""Find the calls that serve in a notebook, and whether they hold the cell that they stand in."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
from collections.abc import Iterator

from runner.doctor.names import Function, Names
from runner.doctor.page import Cell, Page

_FORMS = re.compile(
    r"""
    uvicorn(\.main)?\.run | uvicorn(\.server)?\.Server\(\)\.(run|serve|main_loop)
    | flask(\.\w+)?\.Flask\(\)\.run | quart(\.\w+)?\.Quart\(\)\.run
    | werkzeug(\.serving)?\.run_simple | waitress(\.server)?\.serve
    | hypercorn\.(asyncio|trio|run)\.(serve|run) | aiohttp\.web\.run_app
    | bottle\.run | cherrypy\.quickstart | runner(\.serving)?\.serve
    | .*\.(serve_forever|handle_request)
    """,
    re.VERBOSE,
)
_BACKGROUND = re.compile(
    r"(.*\.)?(Thread|Process|Timer|Greenlet|create_task|ensure_future|run_in_executor|submit"
    r"|start_new_thread|run_coroutine_threadsafe|to_thread|spawn)"
)
_PROGRAMS = {"uvicorn", "gunicorn", "hypercorn", "waitress-serve", "flask", "granian", "daphne"}
_SPAWNING = re.compile(
    r"subprocess\.Popen|asyncio\.create_subprocess_(exec|shell)|os\.(popen|spawn\w+)"
)
_WAITS = {"join", "wait", "communicate", "result"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingCall:
    """Describe a call that serves.

    Attributes:
        cell: The cell it stands in.
        form: What is called, such as ``uvicorn.Server().serve``.
        line: Its line within the cell.
        statement: The statement of the cell's top level that it is part of, if it is.
        call: The call itself; for a magic line there is none.
        is_background: It does not hold its cell: a thread, a task or a process runs it.
        is_certain: It is reached whenever its cell is run: no ``if``, no ``def`` around it.
    """

    cell: Cell
    form: str
    line: int
    statement: ast.stmt | None = None
    call: ast.Call | None = None
    is_background: bool = False
    is_certain: bool = True

    @property
    def holds(self) -> bool:
        """Tell whether nothing that stands below it is run while it serves."""
        return (
            self.is_certain and not self.is_background and not self.form.endswith("handle_request")
        )


def serving_calls(page: Page, names: Names) -> list[ServingCall]:
    """List the calls that serve, in their order."""
    finder = _Finder(page, names)
    return [found for cell in page.cells for found in finder.within(cell)]


def serving_cell(page: Page, names: Names) -> Cell | None:
    """Give the first cell that serves until it is interrupted, also one whose value is an app."""
    for found in serving_calls(page, names):
        if found.holds:
            return found.cell
    last = next((cell for cell in reversed(page.cells) if cell.tree.body), None)
    end = last.tree.body[-1] if last else None
    is_app = isinstance(end, ast.Expr) and isinstance(end.value, ast.Name)
    return last if is_app and end.value.id in ("app", "application") else None  # type: ignore[union-attr] # see above


class _Finder:
    """Look for serving calls, knowing which of the notebook's own functions serve.

    Args:
        page: The notebook.
        names: What its names stand for.
    """

    def __init__(self, page: Page, names: Names) -> None:
        self._names = names
        self._awaited = {name for _, node in page.nodes() if (name := _awaited(node))}
        self._own: set[str] = set()
        methods = {
            f"{owner}().{node.name}": node
            for owner, found in names.classes.items()
            for node in found.body
            if isinstance(node, Function)
        }
        for _ in range(3):  # functions that call functions that serve
            for name, function in (names.functions | methods).items():
                if any(map(self._form, self._calls(function))):
                    self._own.add(name)

    def within(self, cell: Cell) -> Iterator[ServingCall]:
        """Find the calls of one cell."""
        for line, text in cell.magics.items():
            if text.startswith("!") and _starts_server(text.lstrip("!").rstrip("& ")):
                yield ServingCall(cell=cell, form=text, line=line, is_background=text.endswith("&"))
        for statement in cell.tree.body:
            yield from self._within(cell, statement, statement, is_certain=True)

    def _within(
        self, cell: Cell, statement: ast.stmt, node: ast.AST, *, is_certain: bool
    ) -> Iterator[ServingCall]:
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            yield from self._started_by(cell, node)
            return
        is_sure = is_certain and not _is_conditional(node)
        background = self._background(node)
        form = background or self._form(node)
        if isinstance(node, ast.Call) and form:
            if not (background and self._is_awaited(statement)):
                yield ServingCall(
                    cell=cell,
                    statement=statement,
                    call=node,
                    form=form,
                    line=node.lineno,
                    is_background=bool(background),
                    is_certain=is_sure,
                )
            return
        for child in ast.iter_child_nodes(node):
            yield from self._within(cell, statement, child, is_certain=is_sure)

    def _started_by(self, cell: Cell, function: ast.AST) -> Iterator[ServingCall]:
        """Find what a function starts in the background, unless it waits for it."""
        if any(isinstance(node, ast.Await) for node in ast.walk(function)):
            return
        for node in ast.walk(function):
            is_waited_for = isinstance(node, ast.stmt) and self._is_awaited(node)
            form = "" if is_waited_for else self._background(node)
            if isinstance(node, ast.Call) and form:
                yield ServingCall(
                    cell=cell,
                    call=node,
                    form=form,
                    line=node.lineno,
                    is_background=True,
                    is_certain=False,
                )

    def _calls(self, node: ast.AST) -> Iterator[ast.Call]:
        """Walk through the calls that a function makes itself, in its own thread."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Lambda) or self._background(child):
                continue
            if isinstance(child, ast.Call):
                yield child
            yield from self._calls(child)

    def _form(self, call: ast.AST) -> str:
        """Name what a call serves by; empty if it does not serve."""
        if not isinstance(call, ast.Call):
            return ""
        form = self._form_of(call.func)
        if not form and isinstance(call.func, ast.Attribute) and call.func.attr == "run":
            form = self._flask_run(call)
        is_handed_back = form.startswith("runner.") and any(
            keyword.arg == "block" and getattr(keyword.value, "value", None) is False
            for keyword in call.keywords
        )
        return "" if is_handed_back else form

    def _form_of(self, node: ast.AST) -> str:
        name = self._names.of(node)
        return name if name in self._own or _FORMS.fullmatch(name) else ""

    def _flask_run(self, call: ast.Call) -> str:
        """Recognise ``app.run(port=…)`` where a function has made the Flask app."""
        has_flask = any(name.startswith("flask") for name in self._names.imports.values())
        named = {keyword.arg for keyword in call.keywords}
        return "flask.Flask().run" if has_flask and named & {"host", "port", "debug"} else ""

    def _background(self, call: ast.AST) -> str:
        """Name what a call runs beside the cell that serves; empty if nothing."""
        if not isinstance(call, ast.Call):
            return ""
        name = self._names.of(call.func) or getattr(call.func, "attr", "")
        if _SPAWNING.fullmatch(name):
            return _program(call)
        if not _BACKGROUND.fullmatch(name):
            return ""
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        own = self._names.classes.get(call.func.id) if isinstance(call.func, ast.Name) else None
        nodes = [node for part in (*given, *([own] if own else [])) for node in ast.walk(part)]
        named = (self._form_of(node) for node in nodes if isinstance(node, _NAMED))
        called = (self._form(node) for node in nodes)
        return next((form for form in (*named, *called) if form), "")

    def _is_awaited(self, statement: ast.stmt) -> bool:
        """Tell whether something waits, without a limit, for what a statement started."""
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        is_bound = any(isinstance(name, ast.Name) and name.id in self._awaited for name in targets)
        return is_bound or any(isinstance(node, ast.Await) for node in ast.walk(statement))


_NAMED = ast.Name | ast.Attribute


def _awaited(node: ast.AST) -> str:
    """Name what ``await task`` or ``thread.join()`` waits for without a limit."""
    if isinstance(node, ast.Await):
        return node.value.id if isinstance(node.value, ast.Name) else ""
    is_wait = isinstance(node, ast.Call) and not node.args and not node.keywords
    if is_wait and isinstance(node.func, ast.Attribute) and node.func.attr in _WAITS:  # type: ignore[attr-defined] # see above
        return getattr(node.func.value, "id", "")  # type: ignore[attr-defined] # likewise
    return ""


def _is_conditional(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return not any(
            isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(node.test)
        )
    return isinstance(node, ast.For | ast.ExceptHandler | ast.IfExp | ast.BoolOp | ast.match_case)


def _program(call: ast.Call) -> str:
    """Name the server that a subprocess call starts."""
    words = [
        node.value
        for argument in call.args
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return " ".join(words) if _starts_server(" ".join(words)) else ""


def _starts_server(command: str) -> bool:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    while words and (
        words[0] in ("nohup", "exec", "-m") or re.match(r"(.*/)?python[\d.]*$", words[0])
    ):
        words = words[1:]
    return bool(words) and words[0].rpartition("/")[2] in _PROGRAMS
