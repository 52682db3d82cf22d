"""The command line's way to a supervisor: a socket that only we may use."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError, RunnerError
from runner.supervise import control
from runner.supervise.control import ControlServer


async def reply(question: str) -> dict[str, Any]:
    return {"ok": True, "question": question}


def asked(folder: Path) -> dict[str, Any]:
    """Open a server in a folder, ask it, close it."""
    folder.mkdir(parents=True)

    async def ask() -> dict[str, Any]:
        server = ControlServer(folder, 5.0, reply)
        await server.open()
        try:
            return await asyncio.to_thread(control.ask, folder, "status")
        finally:
            await server.close()

    return asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_question_is_answered_and_nothing_is_left(tmp_path: Path) -> None:
    """One line each way; the socket's file goes at the end."""
    assert asked(tmp_path / "a") == {"ok": True, "question": "status"}
    assert list((tmp_path / "a").iterdir()) == []


def test_a_deep_folder_has_its_socket_too(tmp_path: Path) -> None:
    """Though a socket's path has 108 bytes at most; nothing lies elsewhere."""
    assert asked(tmp_path / ("deep" * 30))["ok"]


def test_only_our_user_may_ask(tmp_path: Path) -> None:
    """The socket's permissions are 0600."""

    async def mode() -> int:
        server = ControlServer(tmp_path, 5.0, reply)
        await server.open()
        found = (tmp_path / ".control").stat().st_mode
        await server.close()
        return stat.S_IMODE(found)

    assert asyncio.run(mode()) == 0o600


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    """Whoever asks hears how to start one."""
    with pytest.raises(ConfigurationError, match="no supervisor is running"):
        control.ask(tmp_path, "status")
    assert not control.is_listening(tmp_path)


def test_a_supervisor_that_dies_over_a_question_is_an_error(tmp_path: Path) -> None:
    """The asker does not wait for ever."""

    async def die(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async def ask() -> None:
        server = await asyncio.start_unix_server(die, tmp_path / ".control")
        async with server:
            await asyncio.to_thread(control.ask, tmp_path, "status")

    with pytest.raises(RunnerError, match="did not answer"):
        asyncio.run(asyncio.wait_for(ask(), 30))
