"""Give an app that has nothing at a reserved path a page there, on which it can be asked.

The rules of this file:

1. The app is asked first. The page stands only where it answers 404, so that no route of its own is
   ever hidden: an app that answers every path answers this one, too.
2. Who names no HTML in its Accept header gets the 404 as the app gave it.
3. What the page loads has a path that no app has, by a digest. So the app is not asked for that,
   and it needs no key: a browser gives none for a script.
4. It is let in, logged and counted like any other request of the app. It is not recorded: another
   version has nothing to answer to it.
5. Nothing of it is imported before somebody asks for it, or needs a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from runner.access.gate import Gate
from runner.access.settings import Opened
from runner.http.example_request import Example
from runner.http.scope import below_root

App = Callable[..., Awaitable[None]]


def beside(app: App, examples: Sequence[Example], gate: Gate) -> App:
    """Make what answers at the reserved path and below it.

    Args:
        app: Any ASGI app, which is asked first.
        examples: What it is known to answer.
        gate: Lets requests in.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        from runner.predict import app_page

        is_read = scope["method"] in ("GET", "HEAD")
        response = app_page.response(scope, examples, gate) if is_read else None
        if response is None:
            await app(scope, receive, send)
            return
        held = _WithoutNotFound(send)
        is_file = below_root(scope) in app_page.files()
        if not is_file:
            await app(scope, receive, held)
        if is_file or held.is_not_found:
            await app_page.send(response, scope["method"], send)

    return answer


def paths_to_open() -> dict[str, Opened]:
    """Say what of it may be asked without a key."""
    from runner.predict import app_page

    return dict.fromkeys(app_page.files(), Opened.ASSETS)


class _WithoutNotFound:
    """Pass on what an app sends, but for an answer that it knows no such path."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self._send = send
        self.is_not_found = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] == 404:
            self.is_not_found = True
        if not self.is_not_found:
            await self._send(message)
