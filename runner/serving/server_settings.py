"""Honour what a notebook gives its server besides an app and an address, or say that it is not.

What changes what the app sees or a client gets is honoured: a root path, a prefix, a scheme,
headers, trusted proxies. So are its bounds, as the options of ours that bound the same, unless
these are given. What only an option decides, or nobody here does, is named in one line each,
which the supervisor logs as a warning.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runner.config import Limits, variable
from runner.serving.app_kind import kind_of

App = Callable[..., Any]

_LONGEST = 60

# What bounds the same here, where it is a number.
_FOLLOWED = {
    "connection_limit": "max-connections",
    "graceful_timeout": "drain-timeout",
    "h11_max_incomplete_event_size": "max-header",
    "h11_max_incomplete_size": "max-header",
    "keep_alive_timeout": "keep-alive",
    "limit_concurrency": "max-concurrency",
    "limit_max_requests": "max-requests",
    "max_request_body_size": "max-body",
    "max_request_header_size": "max-header",
    "max_requests": "max-requests",
    "threads": "threads",
    "timeout_graceful_shutdown": "drain-timeout",
    "timeout_keep_alive": "keep-alive",
    "websocket_max_message_size": "ws-max-size",
    "websocket_ping_interval": "ws-ping-interval",
    "ws_max_size": "ws-max-size",
    "ws_ping_interval": "ws-ping-interval",
    "ws_ping_timeout": "ws-ping-timeout",
    "wsgi_max_body_size": "max-body",
}
# What only the option decides.
_OPTIONS = _FOLLOWED | {
    "accesslog": "access-log",
    "access_log": "access-log",
    "channel_timeout": "read-timeout",
    "processes": "workers",
    "read_timeout": "read-timeout",
    "server_names": "allowed-host",
    "trusted_proxy": "trusted-proxies",
    "trusted_proxy_count": "trusted-proxies",
    "trusted_proxy_headers": "trusted-proxies",
    "workers": "workers",
}
# `runner.serving.tls_asked` reads them.
_UVICORNS_TLS = {
    *("ssl_certfile", "ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_cert_reqs"),
    "ssl_context_factory",
}
_HYPERCORNS_TLS = {"certfile", "keyfile", "keyfile_password", "ca_certs", "verify_mode"}
_UVICORNS_PROXIES = "127.0.0.1,::1"
# What says where to listen, how to log or when to start anew: the supervisor's own business. And
# what asks for no Server header: there is none.
_OWN_BUSINESS = {
    *("host", "port", "bind", "listen", "fd", "sockets", "backlog", "application_path"),
    *("app", "factory", "interface", "loop", "http", "ws", "worker_class", "app_dir", "env_file"),
    *("log_config", "log_level", "use_colors", "logconfig", "logconfig_dict", "loglevel"),
    *("errorlog", "logger_class", "server_header", "include_server_header"),
    *("debug", "daemon", "threaded", "extra_files"),
    *("reload", "use_reloader", "reloader_type", "reloader_interval", "exclude_patterns"),
    *("reload_dirs", "reload_dirs_excludes", "reload_includes", "reload_excludes", "reload_delay"),
    *("ssl_context", "use_evalex"),
}


class AdaptedApp(NamedTuple):
    """Hold an app as its server's settings have it.

    Attributes:
        app: ASGI or WSGI.
        options: Variables of ours that mean what settings do, for where they are not given.
        unused: The settings that change nothing, in words.
    """

    app: App
    options: Mapping[str, str] = {}
    unused: Sequence[str] = ()


def adapted(
    app: App, server: str, given: Mapping[str, Any], honoured: Iterable[str] = ()
) -> AdaptedApp:
    """Follow the settings that bound what an option does, and name those that change nothing.

    Args:
        app: As the other settings have it.
        server: Its name, for the messages.
        given: The settings that differ from the server's defaults.
        honoured: Those that are followed already.
    """
    options, unused = {}, []
    for name, value in given.items():
        if name in _OWN_BUSINESS or name in honoured:
            continue
        text = _option_text(name, value)
        if text:
            options[variable(_FOLLOWED[name])] = text
        else:
            unused.append(f"{server}'s `{name}={_shown(value)}` is not used" + _decided(name))
    return AdaptedApp(app, options, unused)


def _option_text(name: str, value: Any) -> str:
    """Give the value of an option that means the same as a setting; empty if none does."""
    option = _FOLLOWED.get(name, "")
    if value is None and option == "ws-ping-interval":
        return "0"
    if not option or isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if not 0 < value < math.inf:
        return ""
    # How long the supervisor waits for a drain is decided before the notebook runs.
    if option == "drain-timeout" and value > Limits.drain_timeout:
        return ""
    is_whole = isinstance(getattr(Limits, option.replace("-", "_")), int)
    return str(int(value)) if is_whole else str(float(value))


def _decided(name: str) -> str:
    return f"; --{_OPTIONS[name]} decides here" if name in _OPTIONS else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def of_uvicorn(app: App, config: Any, config_type: Any) -> AdaptedApp:
    """Give the app as ``uvicorn.Config`` has it."""
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
    if headers := given.pop("headers", None):
        app = with_headers(app, headers)
    if root := given.pop("root_path", ""):
        app = under_root_path(app, root, is_in_path=True)
    followed = adapted(app, "uvicorn", given, _UVICORNS_TLS)
    if trusted == _UVICORNS_PROXIES:
        return followed
    return followed._replace(options={**followed.options, "FORWARDED_ALLOW_IPS": trusted})


def of_hypercorn(app: App, config: Any) -> AdaptedApp:
    """Give the app as hypercorn's ``Config`` has it."""
    kind = type(config)
    names = [
        name
        for name in dir(kind)
        if not name.startswith("_")
        and not callable(getattr(kind, name))
        and not isinstance(getattr(kind, name), property)
    ]
    given = {n: getattr(config, n) for n in names if getattr(config, n) != getattr(kind, n)}
    if kind_of(app) == "asgi" and "wsgi_max_body_size" in given:
        del given["wsgi_max_body_size"]
    if root := config.root_path:
        app = under_root_path(app, root, is_in_path=False)
    return adapted(app, "hypercorn", given, _HYPERCORNS_TLS)


def of_waitress(app: App, given: Mapping[str, Any]) -> AdaptedApp:
    """Give the app as waitress's settings have it."""
    prefix = str(given.get("url_prefix") or "").strip("/")
    scheme = str(given.get("url_scheme") or "")
    if prefix or scheme:
        app = under_prefix(app, f"/{prefix}" if prefix else "", scheme)
    if ident := str(given.get("ident") or ""):
        app = with_headers(app, [("Server", ident)])
    return adapted(app, "waitress", given, ("ident", "url_prefix", "url_scheme"))


def of_werkzeug(app: App, given: Mapping[str, Any]) -> AdaptedApp:
    """Give the app as ``run_simple`` has it."""
    if files := given.get("static_files"):
        from werkzeug.middleware.shared_data import SharedDataMiddleware

        app = SharedDataMiddleware(app, files)
    set_to = {name: value for name, value in given.items() if value not in (None, False)}
    if set_to.get("processes") == 1:
        del set_to["processes"]
    if not given.get("threaded"):  # Flask says that it is, unless it is told otherwise
        set_to["threads"] = 1
    return adapted(app, "werkzeug", set_to, ("static_files",))


def of_socketserver(kind: type) -> dict[str, str]:
    """Give the options of a class of servers: most have one thread."""
    has_threads = issubclass(kind, sys.modules["socketserver"].ThreadingMixIn)
    return {} if has_threads else {variable("threads"): "1"}


def under_root_path(app: App, root: str, *, is_in_path: bool) -> App:
    """Have an app know the path that a proxy has taken off, unless that has said it itself.

    Args:
        app: ASGI or WSGI.
        root: That path.
        is_in_path: Whether the app sees it at the beginning of its own paths, too (ASGI 3.0).
    """
    if kind_of(app) == "wsgi":
        return under_prefix(app, root, "")

    async def under(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"} and not scope["root_path"]:
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
        if not environ["SCRIPT_NAME"]:  # else a proxy has said it
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
