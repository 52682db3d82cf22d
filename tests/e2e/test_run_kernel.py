"""A real kernel: up, dead, interrupted, and gone without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq
from support import until

from runner.errors import ConfigurationError
from runner.run.kernel import Kernel, run_silently


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    with contextlib.closing(Kernel.start("python3", tmp_path)) as started:
        yield started


def listening_of(pid: int) -> list[object]:
    """List the sockets of a process that accept connections by TCP; UDP has none."""
    found = psutil.Process(pid).net_connections("inet")
    return [connection for connection in found if connection.status == psutil.CONN_LISTEN]


async def until_connected(kernel: Kernel) -> None:
    async with asyncio.timeout(30):
        await kernel.connect()


def test_an_unknown_kernel_is_refused() -> None:
    """The name is in the error, with those that are there; how to make one in its hint."""
    with pytest.raises(ConfigurationError, match=r"'cobol'.*installed are: .*python3") as raised:
        Kernel.start("cobol")
    assert "--name cobol" in raised.value.hint


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ('{"argv": ["/nowhere/R", "{connection_file}"]}', "there is no program /nowhere/R"),
        ('{"argv": []}', "names no command"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"argv": ["python3", "\\u0000"]}', "cannot be started: embedded null byte"),
    ],
)
def test_a_kernel_that_cannot_be_started_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, said: str
) -> None:
    """By a sentence, and no folder of its own is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = tmp_path / "kernels/broken"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(spec)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=f"'broken'.* {said}"):
        Kernel.start("broken")
    assert not list(tmp_path.glob("temporary/*"))


def test_it_listens_on_no_network_address(kernel: Kernel) -> None:
    """Neither who can reach the machine nor another user of it can reach the kernel."""
    asyncio.run(until_connected(kernel))
    assert listening_of(kernel.pid) == []
    assert kernel.info["language_info"]["name"] == "python"


def test_a_configuration_that_its_kernelspec_names_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel takes one such file: ours, by which it has no port, gives way."""
    folder = tmp_path / "kernels/own"
    folder.mkdir(parents=True)
    own = tmp_path / "own.py"
    own.write_text("c.InteractiveShellApp.exec_lines = ['shown = 7']\n")
    words = ["-m", "ipykernel_launcher", "-f", "{connection_file}", f"--config={own}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": [sys.executable, *words]}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with contextlib.closing(Kernel.start("own", tmp_path)) as started:

        async def checked() -> None:
            await until_connected(started)
            await run_silently(started, "assert shown == 7")

        asyncio.run(checked())


def test_no_answer_is_missed_by_asking_again(kernel: Kernel) -> None:
    """One that has arrived is seen, though the next question is sent before anyone looks."""

    async def ask_twice() -> None:
        await until_connected(kernel)
        await run_silently(kernel, "")
        answer = asyncio.ensure_future(kernel.client.get_shell_msg())
        await asyncio.sleep(0)
        kernel.request_info()
        # It has arrived, and the loop cannot see it: who asks ZeroMQ takes the loop's event.
        socket = zmq.Socket.shadow(kernel.client.shell_channel.socket.underlying)
        assert socket.poll(10_000)
        kernel.request_info()
        await asyncio.wait_for(answer, 5)

    asyncio.run(ask_twice())


def test_its_death_is_seen(kernel: Kernel) -> None:
    """A kill -9 is noticed, and by what it died."""

    async def die() -> None:
        await until_connected(kernel)
        seen = asyncio.ensure_future(kernel.died())
        await asyncio.sleep(0)
        os.kill(kernel.pid, signal.SIGKILL)
        await asyncio.wait_for(seen, 10)

    asyncio.run(die())
    assert kernel.death_reason() == f"the kernel (pid {kernel.pid}) was killed by SIGKILL"


def test_closing_ends_what_the_kernel_started(kernel: Kernel) -> None:
    """A process that a cell left running does not outlive the run, nor do its files."""
    folder = Path(kernel.manager.connection_file).parent

    async def spawn() -> None:
        await until_connected(kernel)
        kernel.client.execute("import subprocess; subprocess.Popen(['sleep', '1000'])")
        while not psutil.Process(kernel.pid).children():  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(spawn(), 30))
    (child,) = psutil.Process(kernel.pid).children()
    kernel.close()
    kernel.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert not psutil.pid_exists(kernel.pid)
    assert not folder.exists()


def test_a_killed_kernel_that_ends_slowly_holds_nothing_up(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with much memory takes a while; that is no failure of its run, and leaves no files."""

    def is_not_over(timeout: float) -> int:
        raise subprocess.TimeoutExpired("kernel", timeout)

    folder = Path(kernel.manager.connection_file).parent
    assert folder.exists()
    with monkeypatch.context() as patch:
        patch.setattr(kernel.process, "wait", is_not_over)
        kernel.close()
    assert not folder.exists()
    assert kernel.process.wait(20) == -signal.SIGKILL


def test_it_is_asked_before_it_is_killed(kernel: Kernel, tmp_path: Path) -> None:
    """What a notebook registered with atexit runs."""
    trace = tmp_path / "trace"

    async def end() -> None:
        await until_connected(kernel)
        code = f"import atexit, pathlib; atexit.register(pathlib.Path({str(trace)!r}).touch)"
        await kernel.client.execute_interactive(code, allow_stdin=False, timeout=20)
        await kernel.shut_down()

    asyncio.run(asyncio.wait_for(end(), 30))
    assert trace.exists()


def test_an_early_interrupt_waits_for_the_cell(kernel: Kernel) -> None:
    """An interrupt in a cell's first moments could be lost, so it is held back a little."""
    kernel.busy_since = began = time.monotonic()
    asyncio.run(kernel.interrupt())
    assert time.monotonic() - began >= 0.05


def test_a_kernel_that_never_answers_can_be_closed(tmp_path: Path) -> None:
    """Closing needs no connection."""
    kernel = Kernel.start("python3", tmp_path)
    kernel.close()
    assert kernel.process.returncode == -signal.SIGKILL
    with pytest.raises(OSError, match=r"."), socket.socket(socket.AF_UNIX) as gone:
        gone.connect(str(Path(kernel.manager.connection_file).parent / "socket-1"))
