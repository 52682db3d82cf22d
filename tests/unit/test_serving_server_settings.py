"""What of a server's settings its app sees all the same."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import hypercorn.config
import pytest
import uvicorn

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
    adapted, unused = server_settings.of_uvicorn(app, config, uvicorn.Config)
    assert not unused
    return adapted


def test_a_root_path_of_uvicorn_is_in_front_of_the_path() -> None:
    """As ASGI has it, and uvicorn: the proxy has taken it off."""
    app = uvicorn_app(asgi, root_path="/api/v1")
    assert answer(app) == ([], "/api/v1 /api/v1/x /api/v1/x")


def test_a_root_path_of_hypercorn_is_not() -> None:
    """It leaves the path as it came."""
    config = hypercorn.config.Config()
    config.root_path = "/pre"
    app, unused = server_settings.of_hypercorn(asgi, config)
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
    app, unused = server_settings.of_waitress(wsgi, {"url_prefix": "/pre/", "url_scheme": "https"})
    assert (wsgi_answer(app, path)[1], unused) == (seen, [])


@pytest.mark.parametrize("given", [None, "10.0.0.1"])
def test_trusted_proxies_are_those_of_the_call(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless whoever starts the service has named them."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if given:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", given)
    uvicorn_app(asgi, forwarded_allow_ips="10.9.9.9")
    assert os.environ["FORWARDED_ALLOW_IPS"] == (given or "10.9.9.9")


def test_a_password_is_not_said() -> None:
    """The warning goes to the log, and to whoever asks for the status."""
    config = uvicorn.Config(asgi, ssl_keyfile="key.pem", ssl_keyfile_password="hunter2")
    _, unused = server_settings.of_uvicorn(asgi, config, uvicorn.Config)
    assert unused == [
        "uvicorn's `ssl_keyfile='key.pem'` is not used",
        "uvicorn's `ssl_keyfile_password=***` is not used",
    ]
