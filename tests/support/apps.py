"""The least apps of each kind."""

from __future__ import annotations

from typing import Any


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "4")])
    return [b"wsgi"]


class AsgiObject:
    """FastAPI's shape."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)


class WsgiObject:
    """Flask's shape."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return wsgi(environ, start_response)
