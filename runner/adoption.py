"""Have a notebook's own server calls serve on the supervisor's sockets.

Only under a supervisor, by a cell that the run puts before the notebook's first one and
that anyone can see in out.ipynb. In plain Jupyter and plain papermill nothing is patched.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable
from typing import Any

TAG = "injected-runner"


def adoptable(sources: Iterable[str]) -> list[str]:
    """Name the servers that a notebook's cells import and that `adopt` knows.

    Args:
        sources: The code of its cells; what is no valid Python is passed over.
    """
    found = {name for source in sources for name in _imported(source)}
    return sorted(found & set(_ADOPTIONS))


def cell_source(names: Iterable[str]) -> str:
    """Write the cell that adopts these servers; it leaves no name behind."""
    given = ", ".join(repr(name) for name in names)
    return (
        "# Put in by the runner: the server call below serves on the supervisor's sockets.\n"
        f'__import__("runner.adoption").adoption.adopt({given})'
    )


def adopt(*names: str) -> None:
    """Let the blocking calls of these servers hand their app to ``runner.serve``."""
    if "RUNNER_CONTROL" not in os.environ:
        return
    for name in names:
        _ADOPTIONS[name]()


def _hand_over(app: Any, asked: str) -> None:
    from runner.serving import serve

    print(f"the supervisor decides on the address; the call asked for {asked}")  # noqa: T201 - seen in the cell
    serve(app)


def _adopt_uvicorn() -> None:
    import uvicorn
    from uvicorn.importer import import_from_string

    def hand_over(config: uvicorn.Config) -> None:
        app: Any = config.app
        if isinstance(app, str):
            app = import_from_string(app)
        if config.factory:
            app = app()
        _hand_over(app, f"{config.host}:{config.port}")

    async def serve(self: uvicorn.Server, sockets: Any = None) -> None:
        hand_over(self.config)

    def run_server(self: uvicorn.Server, sockets: Any = None) -> None:
        hand_over(self.config)

    def run(app: Any, **settings: Any) -> None:
        for name in ("app_dir", "reload", "workers"):  # the supervisor's own business
            settings.pop(name, None)
        hand_over(uvicorn.Config(app, **settings))

    uvicorn.Server.serve = serve  # type: ignore[method-assign] # that is what adopting means
    uvicorn.Server.run = run_server  # type: ignore[method-assign] # likewise
    uvicorn.run = uvicorn.main.run = run  # type: ignore[attr-defined] # likewise


def _adopt_wsgiref() -> None:
    from wsgiref.simple_server import WSGIServer

    def server_bind(self: Any) -> None:
        """Bind nothing: the port that the call asks for is the supervisor's."""
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()

    def serve_forever(self: Any, poll_interval: float = 0.5) -> None:
        host, port = self.server_address[:2]
        _hand_over(self.get_app(), f"{host}:{port}")

    WSGIServer.server_bind = server_bind  # type: ignore[method-assign] # as above
    WSGIServer.server_activate = lambda self: None  # type: ignore[method-assign] # as above
    WSGIServer.serve_forever = serve_forever  # type: ignore[method-assign] # as above
    WSGIServer.handle_request = serve_forever  # type: ignore[method-assign] # as above


_ADOPTIONS: dict[str, Callable[[], None]] = {"uvicorn": _adopt_uvicorn, "wsgiref": _adopt_wsgiref}


def _imported(source: str) -> set[str]:
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
