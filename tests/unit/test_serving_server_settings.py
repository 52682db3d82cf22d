"""What of a server's settings its app sees all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import hypercorn.config
import pytest
import uvicorn

from runner.config import LOOPBACK, Limits, ProxyTrust
from runner.serving import server_settings


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the app was told."""
    seen = f"{scope['root_path']} {scope['path']} {scope['raw_path'].decode()}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": seen.encode()})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Answer likewise."""
    start_response("200 OK", [])
    names = ("SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme")
    return [" ".join(environ[name] for name in names).encode()]


def answer(app: Any, path: str = "/x") -> tuple[list[Any], str]:
    """Give the headers and the body of an ASGI app's answer."""
    sent: list[Any] = []
    scope = {"type": "http", "root_path": "", "path": path, "raw_path": path.encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, None, send))
    return sent[0]["headers"], sent[1]["body"].decode()


def wsgi_answer(app: Any, path: str) -> tuple[list[Any], str]:
    """Give those of a WSGI app's."""
    fields: list[Any] = []
    environ = {"SCRIPT_NAME": "", "PATH_INFO": path, "wsgi.url_scheme": "http"}
    [body] = app(environ, lambda _, given: fields.extend(given))
    return fields, body.decode()


def uvicorn_app(app: Any, **settings: Any) -> Any:
    config = uvicorn.Config(app, **settings)
    adapted = server_settings.of_uvicorn(app, config, uvicorn.Config)
    assert not adapted.unused
    return adapted.app


def test_a_root_path_of_uvicorn_is_in_front_of_the_path() -> None:
    """As ASGI has it, and uvicorn: the proxy has taken it off."""
    app = uvicorn_app(asgi, root_path="/api/v1")
    assert answer(app) == ([], "/api/v1 /api/v1/x /api/v1/x")


def test_a_root_path_of_hypercorn_is_not() -> None:
    """It leaves the path as it came."""
    config = hypercorn.config.Config()
    config.root_path = "/pre"
    app, _, unused = server_settings.of_hypercorn(asgi, config)
    assert (answer(app), unused) == (([], "/pre /x /x"), [])


def test_headers_are_added_to_every_answer() -> None:
    """Of ASGI apps and of WSGI apps."""
    headers = [("X-Frame-Options", "DENY")]
    assert answer(uvicorn_app(asgi, headers=headers))[0] == [(b"x-frame-options", b"DENY")]
    app = uvicorn_app(wsgi, headers=headers, interface="wsgi")
    assert wsgi_answer(app, "/x")[0] == headers


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/pre/x", "/pre /x https"),
        ("/pre", "/pre  https"),
        ("/prefix", "/pre /prefix https"),
        ("/x", "/pre /x https"),
    ],
)
def test_a_prefix_and_a_scheme_of_waitress_are_the_apps(path: str, seen: str) -> None:
    """The prefix is taken off where a path has it."""
    app, _, unused = server_settings.of_waitress(
        wsgi, {"url_prefix": "/pre/", "url_scheme": "https"}
    )
    assert (wsgi_answer(app, path)[1], unused) == (seen, [])


@pytest.mark.parametrize("given", [None, "10.0.0.1"])
def test_trusted_proxies_are_those_of_the_call(given: str | None) -> None:
    """Unless whoever starts the service has named them."""
    config = uvicorn.Config(asgi, forwarded_allow_ips="10.9.9.9")
    options = server_settings.of_uvicorn(asgi, config, uvicorn.Config).options
    named = {"RUNNER_TRUSTED_PROXIES": given} if given else {}
    trust = ProxyTrust.from_environment({**options, **named})
    assert trust.names == (f"{LOOPBACK},{given}" if given else "10.9.9.9")


def test_a_proxy_that_names_a_prefix_is_believed_rather_than_the_call() -> None:
    """And the prefix counts once."""
    sent: list[Any] = []
    scope = {"type": "http", "root_path": "/a", "path": "/a/x", "raw_path": b"/a/x"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(uvicorn_app(asgi, root_path="/b")(scope, None, send))
    assert sent[1]["body"] == b"/a /a/x /a/x"
    environ = {"SCRIPT_NAME": "/a", "PATH_INFO": "/b/x", "wsgi.url_scheme": "http"}
    app = server_settings.of_waitress(wsgi, {"url_prefix": "/b"}).app
    assert app(environ, lambda *_: None) == [b"/a /b/x http"]


def hypercorn_config(**settings: Any) -> Any:
    config = hypercorn.config.Config()
    for name, value in settings.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_bound_is_said_to_be_unused(value: float) -> None:
    """A call that a server understands does not fail here."""
    given = {"limit_concurrency": value, "timeout_keep_alive": value}
    followed = server_settings.adapted(asgi, "uvicorn", given)
    assert (followed.options, len(followed.unused)) == ({}, 2)


def test_bounds_are_options_of_ours() -> None:
    """Of each server, by the names that it has for them."""
    config = uvicorn.Config(
        asgi,
        limit_concurrency=7,
        limit_max_requests=100,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        ws_max_size=1000,
        ws_ping_interval=None,
        ws_ping_timeout=5,
        server_header=False,
    )
    adapted = server_settings.of_uvicorn(asgi, config, uvicorn.Config)
    assert (adapted.app, adapted.unused) == (asgi, [])
    assert Limits.from_environment(adapted.options) == Limits(
        max_concurrency=7,
        max_requests=100,
        keep_alive=30,
        drain_timeout=2,
        ws_max_size=1000,
        ws_ping_interval=0,
        ws_ping_timeout=5,
    )
    of_hypercorn = hypercorn_config(keep_alive_timeout=9, websocket_max_message_size=500)
    options = server_settings.of_hypercorn(asgi, of_hypercorn).options
    assert Limits.from_environment(options) == Limits(keep_alive=9, ws_max_size=500)
    given = {"threads": 2, "max_request_body_size": 10, "max_request_header_size": 20}
    options = server_settings.of_waitress(wsgi, given).options
    assert Limits.from_environment(options) == Limits(threads=2, max_body=10, max_header=20)
    options = server_settings.of_werkzeug(wsgi, {"threaded": False}).options
    assert Limits.from_environment(options) == Limits(threads=1)
    assert server_settings.of_werkzeug(wsgi, {"threaded": True}).options == {}


def test_a_name_for_the_server_is_sent() -> None:
    """Which only waitress knows as a setting."""
    app, _, unused = server_settings.of_waitress(wsgi, {"ident": "mine"})
    assert (wsgi_answer(app, "/")[0], unused) == ([("Server", "mine")], [])


def test_what_changes_nothing_is_named() -> None:
    """With the option that decides, if there is one."""
    config = uvicorn.Config(
        asgi, date_header=False, timeout_graceful_shutdown=600, workers=3, access_log=False
    )
    assert server_settings.of_uvicorn(asgi, config, uvicorn.Config).unused == [
        "uvicorn's `access_log=False` is not used; --access-log decides here",
        "uvicorn's `workers=3` is not used; --workers decides here",
        "uvicorn's `date_header=False` is not used",
        "uvicorn's `timeout_graceful_shutdown=600` is not used; --drain-timeout decides here",
    ]
    given = {"trusted_proxy": "10.0.0.1", "connection_limit": "many"}
    assert server_settings.of_waitress(wsgi, given).unused == [
        "waitress's `trusted_proxy='10.0.0.1'` is not used; --trusted-proxies decides here",
        "waitress's `connection_limit='many'` is not used; --max-connections decides here",
    ]


def test_a_certificate_is_used_and_its_password_is_not_said() -> None:
    """What is named goes to the log, and to whoever asks for the status."""
    config = uvicorn.Config(
        asgi, ssl_certfile="c", ssl_keyfile="k", ssl_keyfile_password="hunter2", ssl_ciphers="ALL"
    )
    unused = server_settings.of_uvicorn(asgi, config, uvicorn.Config).unused
    assert unused == ["uvicorn's `ssl_ciphers='ALL'` is not used"]
