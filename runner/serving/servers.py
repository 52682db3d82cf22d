"""Know the servers that notebooks use: what their blocking calls are, and what these serve.

``PATCHES`` is the one table of them.

A module of the table is patched when it is first imported, whoever imports it, or at once if
it is there already; nothing is imported that the notebook does not import.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any

import wrapt

from runner.config import setting
from runner.serving import server_settings, tls_asked
from runner.serving.request_handlers import handler_class_of, wsgi_app_of

TakeApp = Callable[..., Awaitable[None] | None]

_READING = {"recv", "recv_into", "recvmsg", "detach"}


def adopt_when_imported(take_app: TakeApp) -> None:
    """Have every server of the table give its app away instead of serving it itself.

    Args:
        take_app: Gets an ASGI or WSGI app, the address that was asked for and, if the server takes
            settings, what of these are options of ours, and what is not followed; ``tls``, if the
            server knows it; and ``is_awaited`` for a call that may go on while the loop does, for
            which it gives what is to be awaited.
    """
    for name, patch in PATCHES.items():
        wrapt.register_post_import_hook(functools.partial(_patch, patch, take_app), name)


def _patch(patch: Callable[[Any, TakeApp], None], take_app: TakeApp, module: ModuleType) -> None:
    patch(module, take_app)


def _patch_uvicorn(uvicorn: Any, take_app: TakeApp) -> None:
    def take(config: Any, **how: bool) -> Awaitable[None] | None:
        app: Any = config.app
        if isinstance(app, str):
            app = sys.modules["uvicorn.importer"].import_from_string(app)
        requested = _address(config.host, config.port, is_tls=config.is_ssl)
        app, options, unused = server_settings.of_uvicorn(
            app() if config.factory else app, config, uvicorn.Config
        )
        tls = tls_asked.of_uvicorn(config)
        return take_app(app, requested, options, unused, tls=tls, **how)

    async def serve(self: Any, sockets: Any = None) -> None:
        self.started = True  # a notebook that serves in a thread waits for that
        if (serving := take(self.config, is_awaited=True)) is not None:
            await serving

    def run_server(self: Any, sockets: Any = None) -> None:
        self.started = True
        take(self.config)

    def run(app: Any, **settings: Any) -> None:
        if app_dir := settings.pop("app_dir", None):
            sys.path.insert(0, app_dir)
        take(uvicorn.Config(app, **settings | {"reload": False}))

    uvicorn.Server.serve, uvicorn.Server.run = serve, run_server
    uvicorn.run = sys.modules["uvicorn.main"].run = run  # type: ignore[attr-defined] # as it is


def _patch_werkzeug(serving: Any, take_app: TakeApp) -> None:
    """Take over ``run_simple``, which Flask's ``run`` calls too."""
    original = serving.run_simple

    def run_simple(hostname: str, port: int, application: Any, *_: Any, **settings: Any) -> None:
        if _speaks_websockets():
            with _left_alone():
                original(hostname, port, application, threaded=True)
            return
        make_adhoc = serving.generate_adhoc_ssl_context
        tls = tls_asked.of_werkzeug(settings.get("ssl_context"), make_adhoc)
        requested = _address(hostname, port, is_tls=tls is not None)
        app, options, unused = server_settings.of_werkzeug(application, settings)
        take_app(app, requested, options, unused, tls=tls)

    serving.run_simple = run_simple


_alone = threading.local()


@contextlib.contextmanager
def _left_alone() -> Iterator[None]:
    """Let servers of ``socketserver`` that this thread makes be served as they are."""
    _alone.is_left = True
    try:
        yield
    finally:
        _alone.is_left = False


def _speaks_websockets() -> bool:
    """Tell whether a WSGI app needs its clients' sockets, for WebSockets, and can have them.

    Flask-SocketIO and Flask-Sock have them by ``simple_websocket``. With several workers they have
    none, and what else such an app does is served.
    """
    return "simple_websocket" in sys.modules and setting("workers", "1") == "1"


def _patch_waitress(waitress: Any, take_app: TakeApp) -> None:
    class Server:
        def __init__(self, application: Any, map: Any = None, **settings: Any) -> None:  # noqa: A002 - waitress's name
            self.adapted = server_settings.of_waitress(application, settings)
            host, port = settings.get("host", "0.0.0.0"), settings.get("port", 8080)  # noqa: S104 - in words only
            self.requested = str(settings.get("listen", f"{host}:{port}"))

        def run(self) -> None:
            app, options, unused = self.adapted
            take_app(app, self.requested, options, unused)

        def close(self) -> None:
            pass

    def serve(app: Any, **settings: Any) -> None:
        Server(app, **settings).run()

    waitress.serve, waitress.create_server = serve, Server


def _patch_hypercorn(module: Any, take_app: TakeApp) -> None:
    async def serve(app: Any, config: Any, **settings: Any) -> None:
        scheme = "https://" * config.ssl_enabled
        app, options, unused = server_settings.of_hypercorn(app, config)
        requested = ", ".join(scheme + address for address in config.bind)
        on_asyncio = module.__name__ == "hypercorn.asyncio"  # the other's loop is trio's
        tls = tls_asked.of_hypercorn(config)
        serving = take_app(app, requested, options, unused, tls=tls, is_awaited=on_asyncio)
        if serving is not None:
            await serving

    module.serve = serve


def _patch_bottle(bottle: Any, take_app: TakeApp) -> None:
    """Take over the server that ``bottle.run`` starts unless it is asked for another."""

    def run(self: Any, handler: Any) -> None:
        kind = self.options.get("server_class", sys.modules["socketserver"].TCPServer)
        options = server_settings.of_socketserver(kind)
        take_app(handler, _address(self.host, self.port, is_tls=False), options)

    bottle.WSGIRefServer.run = run


def _patch_socketserver(socketserver: Any, take_app: TakeApp) -> None:
    """Take over the servers of ``http.server`` and ``wsgiref``, which are made of these."""
    server = socketserver.TCPServer

    def instead(name: str, ours: Callable[..., None]) -> None:
        original = getattr(server, name)

        @functools.wraps(original)
        def call(self: Any, *words: Any, **settings: Any) -> Any:
            if getattr(self, "is_adopted", False):
                return ours(self)
            return original(self, *words, **settings)

        setattr(server, name, call)

    original_bind = server.server_bind

    def bind(self: Any) -> None:
        """Bind nothing: the port that the call asks for is the supervisor's."""
        is_known = _speaks_http(self) and _is_called_by_the_notebook(sys._getframe(1))  # noqa: SLF001 - public in all but its name
        self.is_adopted = is_known and not getattr(_alone, "is_left", False)
        if not self.is_adopted:
            original_bind(self)

    def serve(self: Any) -> None:
        tls = tls_asked.of_socket(self.socket)
        requested = _address(*self.server_address[:2], is_tls=tls is not None)
        options = server_settings.of_socketserver(type(self))
        take_app(_app_of(self), requested, options, tls=tls)

    server.server_bind = bind
    for name in ("serve_forever", "handle_request"):
        instead(name, serve)
    for name in ("server_activate", "shutdown"):
        instead(name, lambda self: None)


def _address(host: str, port: int, *, is_tls: bool) -> str:
    return f"{'https://' if is_tls else ''}{host}:{port}"


def _speaks_http(server: Any) -> bool:
    module = sys.modules.get("http.server")
    if module is None:
        return False
    kind = handler_class_of(server.RequestHandlerClass)
    if kind is None:  # any callable makes handlers; whether of HTTP, the server says
        return isinstance(server, module.HTTPServer)
    return issubclass(kind, module.BaseHTTPRequestHandler) and not _reads_its_socket(kind)


def _reads_its_socket(kind: type) -> bool:
    """Tell whether a handler class does more than to answer whole requests, such as WebSockets."""
    code = [function.__code__ for each in kind.__mro__ for function in _functions_of(each)]
    return any(_READING & set(each.co_names) for each in code)


def _functions_of(kind: type) -> list[FunctionType]:
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return []
    return [each for each in vars(kind).values() if isinstance(each, FunctionType)]


def _app_of(server: Any) -> Any:
    if hasattr(server, "get_app"):  # wsgiref
        return server.get_app()
    werkzeug = sys.modules.get("werkzeug.serving")
    if werkzeug is not None and isinstance(server, werkzeug.BaseWSGIServer):
        return server.app
    return wsgi_app_of(server)


def _is_called_by_the_notebook(frame: FrameType | None) -> bool:
    """Tell a notebook's own server from one that an installed package opens for itself.

    Such as the metrics of prometheus_client, which belong on a port of their own.
    """
    while frame is not None:
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root not in sys.stdlib_module_names and root not in {"runner", "werkzeug"}:
            return not {"site-packages", "dist-packages"} & set(
                frame.f_code.co_filename.replace("\\", "/").split("/")
            )
        frame = frame.f_back
    return False


def _patch_granian(common: Any, take_app: TakeApp) -> None:
    """Have a server in compiled code listen without TLS, for this machine, where we speak it.

    Its socket cannot be taken: requests are passed on to it. See `passed_on_server`.
    """

    def begin(original: Any, _: Any, words: Any, settings: Any) -> None:
        given = inspect.signature(original).bind_partial(*words, **settings).arguments
        tls = tls_asked.of_granian(given)
        if tls is None:
            original(*words, **settings)
            return
        tls_asked.speak_for(given.get("port", 8000), tls)
        kept = {name: value for name, value in given.items() if not name.startswith("ssl_")}
        original(**kept | {"address": "127.0.0.1"})

    wrapt.wrap_function_wrapper(common.AbstractServer, "__init__", begin)


PATCHES: dict[str, Callable[[Any, TakeApp], None]] = {
    "uvicorn": _patch_uvicorn,
    "socketserver": _patch_socketserver,
    "werkzeug.serving": _patch_werkzeug,
    "waitress": _patch_waitress,
    "hypercorn.asyncio": _patch_hypercorn,
    "hypercorn.trio": _patch_hypercorn,
    "bottle": _patch_bottle,
    "granian.server.common": _patch_granian,
}
