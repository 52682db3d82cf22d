"""What becomes of an app whose server call was taken over, and of what else a notebook leaves."""

from __future__ import annotations

import _thread
import asyncio
import os
import socket
from typing import Any

import pytest

from runner.errors import NothingServesError
from runner.serving import app_takeover
from runner.serving.adopted_app import AdoptedApp
from runner.serving.app_takeover import Adoption
from runner.serving.claim import Claim, OtherServiceError
from runner.serving.listener_watch import ListenerWatch
from runner.serving.listening import Listening
from runner.serving.socket_takeover import OwnSockets


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    raise NotImplementedError


class Served:
    """Adoptions whose ``serve`` only takes notes."""

    def __init__(self, *, is_called_by_cell: bool = True) -> None:
        self.apps: list[tuple[Any, str]] = []
        self.adoption = Adoption(
            lambda taken: self.apps.append((taken.app, taken.requested)), lambda: is_called_by_cell
        )

    def serve_what_is_left(self, **names: Any) -> None:
        asyncio.run(self.adoption.serve_what_is_left(names))


def test_a_call_that_is_called_by_cell_serves_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The app is served there, and the cell says which address was asked for."""
    served = Served()
    served.adoption.take_app(asgi, "0.0.0.0:9000")
    assert served.apps == [(asgi, "0.0.0.0:9000")]
    assert "the call asked for 0.0.0.0:9000" in capsys.readouterr().out


def test_a_call_beside_the_cells_is_left_for_the_last_one() -> None:
    """A thread or a task must not block; of its app and one that has a name, its app counts."""
    served = Served(is_called_by_cell=False)
    served.adoption.take_app(asgi, "x:1")
    assert served.apps == []
    served.serve_what_is_left(app=wsgi)
    assert served.apps == [(asgi, "x:1")]


def test_the_last_cell_waits_for_a_task_that_is_about_to_call() -> None:
    """A task that the cell before has made may not have begun yet."""
    served = Served(is_called_by_cell=False)

    async def call() -> None:
        await asyncio.sleep(0.02)
        served.adoption.take_app(asgi, "x:1")

    async def cells() -> None:
        task = asyncio.create_task(call())
        await served.adoption.serve_what_is_left({"app": wsgi})
        await task

    asyncio.run(cells())
    assert served.apps == [(asgi, "x:1")]


@pytest.mark.parametrize(
    ("names", "app"),
    [
        ({"app": asgi, "application": wsgi}, asgi),
        ({"app": "no app", "application": wsgi}, wsgi),
        ({"_": asgi}, asgi),
    ],
)
def test_a_bare_app_is_served(names: dict[str, Any], app: Any) -> None:
    """By its name, or as the value of the last expression."""
    served = Served()
    served.serve_what_is_left(**names)
    assert [app for app, _ in served.apps] == [app]


def test_nothing_to_serve_is_an_error_that_says_what_to_do() -> None:
    """The run fails in the visible last cell."""
    with pytest.raises(NothingServesError, match=r"nothing in it serves; what could: .*`app`$"):
        Served().serve_what_is_left(app=3, _="")


def test_a_loop_around_the_call_ends_when_the_service_does() -> None:
    """``while True: httpd.handle_request()`` must not ask for the sockets again."""
    served = Served()
    served.adoption.take_app(wsgi, "x:1")
    with pytest.raises(KeyboardInterrupt):
        served.adoption.take_app(wsgi, "x:1")
    assert len(served.apps) == 1


def with_annotated_cells() -> tuple[Adoption, list[Any]]:
    """An adoption in whose notebook annotated cells were registered, and what was served."""
    served: list[Any] = []
    claim = Claim()
    claim.register_cells(lambda: served.append("cells"))
    return Adoption(lambda taken: served.append(taken.app), lambda: False, claim=claim), served


def test_annotated_cells_are_served_if_nothing_else_is() -> None:
    """The value of the last expression is nothing else, an app is."""
    adoption, served = with_annotated_cells()
    asyncio.run(adoption.serve_what_is_left({"_": asgi}))
    assert served == ["cells"]


@pytest.mark.parametrize("leaves", ["a call", "an app"])
def test_what_else_is_left_shows_that_they_were_comments(leaves: str) -> None:
    """A server's call in a thread, or an app by its name."""
    adoption, served = with_annotated_cells()
    if leaves == "a call":
        adoption.take_app(asgi, "x:1")
    with pytest.raises(OtherServiceError, match="are comments"):
        asyncio.run(adoption.serve_what_is_left({"app": asgi} if leaves == "an app" else {}))
    assert served == []


class BackgroundService:
    """A service beside the cells that ends after some looks."""

    def __init__(self, looks: int = 10**9) -> None:
        self.looks = looks
        self.is_stopped = False

    @property
    def is_serving(self) -> bool:
        self.looks -= 1
        return self.looks > 0 and not self.is_stopped

    def stop(self) -> None:
        self.is_stopped = True


def adoption_beside(serve_in_background: Any) -> tuple[Adoption, list[Any]]:
    served: list[Any] = []
    return Adoption(
        lambda taken: served.append(taken.app), lambda: False, serve_in_background
    ), served


def test_cells_that_go_on_are_served_beside() -> None:
    """The last cell, if it comes at all, waits for what is served already, and serves nothing."""
    beside = BackgroundService(looks=3)
    adoption, served = adoption_beside(lambda _: beside)
    adoption.take_app(asgi, "x:1")
    adoption.serve_beside_cells()
    asyncio.run(adoption.serve_what_is_left({"app": wsgi}))
    assert served == []
    assert beside.looks <= 0
    assert beside.is_stopped


def test_cells_that_have_ended_are_not_served_beside() -> None:
    """Who comes first serves, and nobody else."""
    asked: list[Any] = []
    adoption, served = adoption_beside(asked.append)
    adoption.take_app(asgi, "x:1")
    asyncio.run(adoption.serve_what_is_left({}))
    adoption.serve_beside_cells()
    assert (served, asked) == ([asgi], [])


def test_a_service_that_cannot_be_beside_ends_the_cell_that_stays(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither waits for ever nor hides why; nor does the last cell, if it comes."""
    interrupted: list[bool] = []
    monkeypatch.setattr(_thread, "interrupt_main", lambda: interrupted.append(True))

    def serve_in_background(_: AdoptedApp) -> BackgroundService:
        raise ConnectionError("no supervisor")

    adoption, _ = adoption_beside(serve_in_background)
    adoption.take_app(asgi, "x:1")
    adoption.serve_beside_cells()
    assert "could not be served beside" in caplog.text
    assert interrupted
    with pytest.raises(ConnectionError, match="no supervisor"):
        asyncio.run(adoption.serve_what_is_left({}))


HTTP = Listening(inode="1", host="127.0.0.1", port=9, pid=os.getpid())


@pytest.mark.parametrize("is_beside", [False, True])
def test_a_program_that_listens_later_than_another_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, *, is_beside: bool
) -> None:
    """The first may be a database: what listens and speaks no HTTP is not the service."""
    looks, passed_on = iter([None, None, HTTP]), list[Listening]()
    monkeypatch.setattr(app_takeover, "_LOOKS", 1)
    monkeypatch.setattr(ListenerWatch, "has_children", True)
    adoption, _ = adoption_beside(None)
    monkeypatch.setattr(adoption._listeners, "answering", lambda: next(looks))
    monkeypatch.setattr(adoption, "_pass_on", passed_on.append)
    if is_beside:
        adoption.serve_beside_cells()
    else:
        asyncio.run(adoption.serve_what_is_left({}))
    assert passed_on == [HTTP]


@pytest.mark.parametrize(
    ("status", "said"), [(None, "does not answer HTTP"), (404, "speaks TLS itself")]
)
def test_what_listens_and_speaks_no_http_is_said(
    monkeypatch: pytest.MonkeyPatch, status: int | None, said: str
) -> None:
    """Once nothing that the cells have started can answer any more; TLS is another thing."""
    monkeypatch.setattr("runner.net.http_status", lambda *_, is_tls: status)
    adoption, _ = adoption_beside(None)
    monkeypatch.setattr(ListenerWatch, "has_children", False)
    monkeypatch.setattr(adoption._listeners, "answering", lambda: None)
    monkeypatch.setattr(adoption._listeners, "found", lambda: [HTTP])
    with pytest.raises(NothingServesError, match=said):
        asyncio.run(adoption.serve_what_is_left({}))


def test_a_socket_that_is_about_to_listen_is_no_other_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The supervisor's answer takes a moment; who ends to watch the cells then is never ready."""
    adoption, _ = adoption_beside(None)
    seen: list[bool] = []

    def greet(_: OwnSockets, address: Any) -> None:
        seen.append(adoption._is_served())
        raise ConnectionError(address)

    monkeypatch.setattr(OwnSockets, "_greet", greet)
    adoption.own_sockets.patch()
    try:
        with socket.socket() as own:
            own.bind(("127.0.0.1", 8000))
            with pytest.raises(ConnectionError):
                own.listen()
    finally:
        adoption.own_sockets.unpatch()
    assert seen == [False]
