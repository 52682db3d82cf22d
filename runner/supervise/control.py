"""Let the command line talk to a running supervisor, over a Unix socket that is ours alone.

A question is one line of JSON, ``{"ask": "reload"}``; a rollback may name a ``version``. The first
line of the answer says how long the outcome may take, ``{"within": 150}``; the second is the
outcome, with ``ok``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from runner import wire
from runner.errors import ConfigurationError, RunnerError
from runner.files import if_possible
from runner.supervise.events import (
    Outcome,
    ReloadRequested,
    Requested,
    RollbackRequested,
    StopRequested,
)

NAME = ".control"
_PATIENCE = 10.0

Answer = dict[str, Any]
Reply = Callable[..., Awaitable[Answer]]


class ControlServer:
    """Answer the command line.

    Args:
        folder: The notebook's folder below ``runs``.
        within: Seconds that an outcome may take.
        reply: Gives the outcome of what is asked, by ``version=`` of that version.
    """

    def __init__(self, folder: Path, within: float, reply: Reply) -> None:
        self._entry = folder / NAME
        self._within = within
        self._reply = reply
        self._folder = -1
        self._server: asyncio.Server | None = None
        self._answers: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Start to listen, or do it again where the folder is now."""
        if self._server:
            self._server.close()
        folder = os.open(self._entry.parent, os.O_RDONLY | os.O_DIRECTORY)
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = folder
        self._remove()
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, _short_name(self._folder), limit=wire.LONGEST
            )
        finally:
            os.umask(mask)
        self._made = os.stat(NAME, dir_fd=self._folder)

    def is_found(self) -> bool:
        """Tell whether our socket is where commands look for it; callable from any thread."""
        try:
            return os.path.samestat(self._entry.stat(), self._made)
        except OSError:
            return False

    async def close(self) -> None:
        """Finish the answers that are under way, stop listening, and leave no file."""
        if self._server:
            self._server.close()
        if self._answers:
            await asyncio.wait(self._answers, timeout=1.0)
        if self._folder >= 0:
            with if_possible(f"{NAME} is left"):
                self._remove()
            os.close(self._folder)
            self._folder = -1

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(NAME, dir_fd=self._folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        async with contextlib.AsyncExitStack() as steps:
            steps.push_async_callback(_hang_up, writer)
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    asked = await wire.receive(reader) or {}
                    question, version = str(asked["ask"]), asked.get("version")
                writer.write(wire.encode({"within": self._within}))
                await writer.drain()
                about = {"version": str(version)} if version else {}
                writer.write(wire.encode(await self._reply(question, **about)))
                await writer.drain()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Let who asked know that nothing more comes, whatever happened."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def ask(folder: Path, question: str, *, version: str = "") -> Answer:
    """Ask the supervisor of a folder below ``runs``, and wait for the outcome.

    Args:
        folder: The folder.
        question: What to tell, or to do.
        version: Which version is meant, by the beginning of its hash.

    Raises:
        ConfigurationError: None is running there.
        RunnerError: It does not answer in time.
    """
    with contextlib.closing(_connected(folder)) as connection, connection.makefile("rb") as lines:
        try:
            about = {"version": version} if version else {}
            connection.sendall(wire.encode({"ask": question, **about}))
            replies = wire.messages(lines)
            connection.settimeout(next(replies)["within"] + _PATIENCE)
            return next(replies)
        except (OSError, ValueError, KeyError, StopIteration) as error:
            raise RunnerError(f"{folder}: the supervisor did not answer: {error}") from error


def is_listening(folder: Path) -> bool:
    """Tell whether a supervisor listens in a folder, though it may not answer."""
    try:
        _connected(folder).close()
    except ConfigurationError:
        return False
    return True


def _connected(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_PATIENCE)
    try:
        _connect(connection, folder / NAME)
    except (OSError, ValueError) as error:
        connection.close()
        raise ConfigurationError(
            f"{folder}: no supervisor is running", hint="`runner serve NOTEBOOK` starts one"
        ) from error
    return connection


def _connect(connection: socket.socket, entry: Path) -> None:
    folder = os.open(entry.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(_short_name(folder))
    finally:
        os.close(folder)


def _short_name(folder: int) -> str:
    """Name the socket below an open folder: a socket's whole path may have 108 bytes at most."""
    return f"/proc/self/fd/{folder}/{NAME}"


_QUESTIONS: dict[str, type[Requested]] = {
    "reload": ReloadRequested,
    "rollback": RollbackRequested,
    "stop": StopRequested,
}


class PendingRequests:
    """Hold the questions that are not answered yet.

    Args:
        take: Gets what is asked for.
        known: Answers, by the question, what is only to be told; maybe not at once.
        now: Describes, as ``serving``, what serves now, if anything does; and what was asked.
        find: Gives the run whose kept notebook a version is, by the beginning of its hash.
    """

    def __init__(
        self,
        take: Callable[[Requested], None],
        known: Mapping[str, Callable[[], Answer | Awaitable[Answer]]],
        now: Callable[[], Answer],
        find: Callable[[str], int],
    ) -> None:
        self._take, self._known, self._now, self._find = take, known, now, find
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)

    async def reply(self, question: str, *, version: str = "") -> Answer:
        """Give the outcome of a question."""
        if describe := self._known.get(question):
            told = describe()
            return {"ok": True, **(told if isinstance(told, dict) else await told)}
        if question not in _QUESTIONS:
            return {"ok": False, "reason": f"unknown question {question!r}"}
        before = self._now()["serving"]
        try:
            requested = self._requested(question, version)
        except ConfigurationError as error:
            return {"ok": False, "reason": str(error), "before": before, **self._now()}
        outcome = self._waiting[requested.request] = asyncio.get_running_loop().create_future()
        self._take(requested)
        return {**await outcome, "before": before, **self._now()}

    def _requested(self, question: str, version: str) -> Requested:
        number, cause = next(self._numbers), f"runner {question}"
        if not version:
            return _QUESTIONS[question](request=number, cause=cause)
        if question != "rollback":
            raise ConfigurationError(f"{question} takes no version")
        source, cause = self._find(version), f"{cause} --to {version[:64]}"
        return RollbackRequested(request=number, cause=cause, source=source)

    def answer(self, answer: Outcome) -> None:
        """Let whoever asked know."""
        waiting = self._waiting.pop(answer.request, None)
        if waiting and not waiting.done():
            waiting.set_result({"ok": answer.ok, "reason": answer.reason})
