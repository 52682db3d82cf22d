"""Honour what a notebook gives its server besides an app and an address, or say that it is not.

What changes what the app sees or a client gets is honoured: a root path, a prefix, a scheme,
headers, trusted proxies. What an option of ours decides, or nobody here does, is named in one line
each, which the supervisor logs as a warning.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runner.serving.app_kind import kind_of

App = Callable[..., Any]

_LONGEST = 60

_OPTIONS = {
    "accesslog": "--access-log",
    "access_log": "--access-log",
    "channel_timeout": "--read-timeout",
    "connection_limit": "--max-connections",
    "graceful_timeout": "--drain-timeout",
    "keep_alive_timeout": "--keep-alive",
    "limit_concurrency": "--max-concurrency",
    "limit_max_requests": "--max-requests",
    "max_request_body_size": "--max-body",
    "max_request_header_size": "--max-header",
    "max_requests": "--max-requests",
    "processes": "--workers",
    "read_timeout": "--read-timeout",
    "threads": "--max-concurrency",
    "timeout_graceful_shutdown": "--drain-timeout",
    "timeout_keep_alive": "--keep-alive",
    "trusted_proxy": "FORWARDED_ALLOW_IPS",
    "workers": "--workers",
    "ws_max_size": "--max-body",
    "wsgi_max_body_size": "--max-body",
}
_UVICORNS_PROXIES = "127.0.0.1,::1"
# What says where to listen, how to log or when to start anew: the supervisor's own business.
_OWN_BUSINESS = {
    *("host", "port", "bind", "listen", "fd", "sockets", "backlog", "application_path"),
    *("app", "factory", "interface", "loop", "http", "ws", "worker_class", "app_dir", "env_file"),
    *("log_config", "log_level", "use_colors", "logconfig", "logconfig_dict", "loglevel"),
    *("errorlog", "logger_class", "server_header", "date_header", "include_server_header"),
    *("include_date_header", "ident", "debug", "daemon", "threaded", "extra_files"),
    *("reload", "use_reloader", "reloader_type", "reloader_interval", "exclude_patterns"),
    *("reload_dirs", "reload_dirs_excludes", "reload_includes", "reload_excludes", "reload_delay"),
    *("ssl_context", "use_evalex"),
}


def unused(server: str, given: Mapping[str, Any], honoured: Iterable[str] = ()) -> list[str]:
    """Name each setting that changes nothing, and the option that does, if there is one.

    Args:
        server: Its name, for the message.
        given: The settings that differ from the server's defaults.
        honoured: Those that are followed.
    """
    passed_over = _OWN_BUSINESS | set(honoured)
    return [
        f"{server}'s `{name}={_shown(name, value)}` is not used"
        + (f"; {_OPTIONS[name]} decides here" if name in _OPTIONS else "")
        for name, value in given.items()
        if name not in passed_over
    ]


def _shown(name: str, value: Any) -> str:
    """Write a value for the log: shortened, and none that opens a key's file."""
    text = "***" if "password" in name else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def of_uvicorn(app: App, config: Any, config_type: Any) -> tuple[App, list[str]]:
    """Give the app as ``uvicorn.Config`` has it, and what of that is not used."""
    parameters = inspect.signature(config_type).parameters.values()
    given = {
        each.name: getattr(config, each.name)
        for each in parameters
        if each.default is not each.empty
        and getattr(config, each.name, each.default) != each.default
    }
    if given.get("workers") == 1:  # which it makes of none
        del given["workers"]
    names = given.pop("forwarded_allow_ips", _UVICORNS_PROXIES)
    trusted = names if isinstance(names, str) else ",".join(names)
    if not given.pop("proxy_headers", True):
        trusted = ""
    if trusted != _UVICORNS_PROXIES:
        os.environ.setdefault("FORWARDED_ALLOW_IPS", trusted)
    if headers := given.pop("headers", None):
        app = with_headers(app, headers)
    if root := given.pop("root_path", ""):
        app = under_root_path(app, root, is_in_path=True)
    return app, unused("uvicorn", given)


def of_hypercorn(app: App, config: Any) -> tuple[App, list[str]]:
    """Give the app as hypercorn's ``Config`` has it, and what of that is not used."""
    kind = type(config)
    names = [
        name
        for name in dir(kind)
        if not name.startswith("_")
        and not callable(getattr(kind, name))
        and not isinstance(getattr(kind, name), property)
    ]
    given = {n: getattr(config, n) for n in names if getattr(config, n) != getattr(kind, n)}
    if root := config.root_path:
        app = under_root_path(app, root, is_in_path=False)
    return app, unused("hypercorn", given)


def of_waitress(app: App, given: Mapping[str, Any]) -> tuple[App, list[str]]:
    """Give the app as waitress's settings have it, and which of these are not used."""
    prefix = str(given.get("url_prefix") or "").strip("/")
    scheme = str(given.get("url_scheme") or "")
    if prefix or scheme:
        app = under_prefix(app, f"/{prefix}" if prefix else "", scheme)
    return app, unused("waitress", given, ("url_prefix", "url_scheme"))


def of_werkzeug(app: App, given: Mapping[str, Any]) -> tuple[App, list[str]]:
    """Give the app as ``run_simple`` has it, and what of its settings is not used."""
    if files := given.get("static_files"):
        from werkzeug.middleware.shared_data import SharedDataMiddleware

        app = SharedDataMiddleware(app, files)
    set_to = {name: value for name, value in given.items() if value not in (None, False)}
    if set_to.get("processes") == 1:
        del set_to["processes"]
    return app, unused("werkzeug", set_to, ("static_files",))


def under_root_path(app: App, root: str, *, is_in_path: bool) -> App:
    """Have an app know the path that a proxy has taken off what it asks for.

    Args:
        app: ASGI or WSGI.
        root: That path.
        is_in_path: Whether the app sees it at the beginning of its own paths, too (ASGI 3.0).
    """
    if kind_of(app) == "wsgi":
        return under_prefix(app, root, "")

    async def under(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = scope | {"root_path": root}
            if is_in_path:
                scope["path"] = root + scope["path"]
                scope["raw_path"] = root.encode("ascii") + scope["raw_path"]
        await app(scope, receive, send)

    return under


def under_prefix(app: App, prefix: str, scheme: str) -> App:
    """Have a WSGI app know a prefix, which is taken off where a path has it, and a scheme."""

    def under(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        environ["SCRIPT_NAME"] = prefix
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :]
        if scheme and environ["wsgi.url_scheme"] == "http":
            environ["wsgi.url_scheme"] = scheme
        return app(environ, start_response)

    return under


def with_headers(app: App, headers: Iterable[tuple[str, str]]) -> App:
    """Add headers to every answer."""
    added = [(str(name), str(value)) for name, value in headers]
    if kind_of(app) == "wsgi":

        def add(environ: dict[str, Any], start_response: Any) -> Any:
            def start(status: str, fields: list[tuple[str, str]], *words: Any) -> Any:
                return start_response(status, [*fields, *added], *words)

            return app(environ, start)

        return add
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in added]

    async def add_to(scope: Any, receive: Any, send: Any) -> None:
        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", ()), *raw]}
            await send(message)

        await app(scope, receive, send_with)

    return add_to
