"""A WSGI app, whose plain requests threads answer, gets the page at the reserved path too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.served_wsgi import Served

from runner.access.gate import Gate
from runner.config import PAGE_PATH
from runner.serving import reserved_page


def app(environ: Any, start_response: Any) -> list[bytes]:
    """Know one path, and one below the reserved one."""
    known = environ["PATH_INFO"] in ("/", f"{PAGE_PATH}/own")
    start_response("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"the app's own"]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The app in a thread, with the page beside it."""
    service = Served(app)
    service.server.page = reserved_page.beside(service.adapter, [], Gate())
    yield service
    service.server.drain()
    service.thread.join(30)


def test_an_app_without_the_path_gets_the_page(served: Served) -> None:
    """A browser does; a program is told what the app tells it."""
    status, _, page = served.ask(path=f"{PAGE_PATH}/", accept="text/html")
    assert status == 200
    assert b'id="request-path"' in page
    assert served.ask(path=PAGE_PATH)[::2] == (404, b"the app's own")


@pytest.mark.parametrize("path", ["/", f"{PAGE_PATH}/own"])
def test_its_own_paths_are_its_own(served: Served, path: str) -> None:
    """Below the reserved one, too."""
    assert served.ask(path=path, accept="text/html")[::2] == (200, b"the app's own")
