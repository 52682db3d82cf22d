"""Services are found by their notebook's path: control sockets of our own stand for supervisors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.open_files import open_files

from runner import files
from runner.cli import main
from runner.errors import ConfigurationError
from runner.record import folders
from runner.supervise import control, presence, running
from runner.supervise.control import NAME, ControlServer, ask

Start = Callable[[str], Path]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start, in the working folder, what stands for the supervisor of a notebook."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)

    with contextlib.ExitStack() as stack:

        def begin(notebook: str) -> Path:
            folder = folders.folder_of(Path(notebook)).absolute()
            folder.mkdir(parents=True)
            assert stack.enter_context(files.claim(folder / running.LOCK))
            folders.take(folder, Path(notebook))

            async def reply(_: str) -> dict[str, Any]:
                return {"ok": True, "address": "127.0.0.1:1", "pid": 1}

            server = ControlServer(folder, 5.0, reply)
            run(server.open())
            stack.callback(lambda: run(server.close()))
            return folder

        yield begin
        run(rest())
    run(rest())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def rest() -> None:
    """Wait for whoever still hangs up; a connection is a task only some turns after it came.

    A server that is closed as one comes leaves it to the collector of garbage: asyncio asserts that
    it is still open.
    """
    for _ in range(10):
        await asyncio.sleep(0)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)


def notebook(path: str) -> Path:
    """A file where a notebook would be."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def found_from(cwd: Path, *paths: Path) -> list[str]:
    """What is found for each of some notebooks, from another working folder."""
    code = (
        "import sys; from pathlib import Path; from runner.supervise import running\n"
        "for path in sys.argv[1:]: print(running.find(Path(path)).folder)"
    )
    words = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines() or [done.stderr]


def test_each_of_two_notebooks_of_one_stem_is_found_by_its_path(
    start: Start, tmp_path: Path
) -> None:
    """From the folder it was started in, from any other, and by a link that leads to it."""
    for path in ("a/main.ipynb", "b/main.ipynb"):
        notebook(path)
    a, b = start("a/main.ipynb"), start("b/main.ipynb")
    assert [running.find(Path(f"{name}/main.ipynb")).folder for name in "ab"] == [a, b]
    Path("link.ipynb").symlink_to("b/main.ipynb")
    Path("folder").symlink_to("b")
    ways = [Path("here", way) for way in ("b/main.ipynb", "link.ipynb", "folder/main.ipynb")]
    assert found_from(tmp_path, *ways) == [str(b)] * 3
    assert {a, b} <= {service.folder for service in running.services()}
    with pytest.raises(ConfigurationError, match=r"no service of c\.ipynb is running"):
        running.find(Path("c.ipynb"))


def test_without_a_notebook_the_one_of_this_folder_is_meant(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never one that runs elsewhere; with two, the notebook has to be named."""
    only = start("a.ipynb")
    assert running.find(None).folder == only
    start("b.ipynb")
    with pytest.raises(ConfigurationError, match=r"here/a\.ipynb on .*here/b\.ipynb on ") as raised:
        running.find(None)
    assert raised.value.hint == "name the notebook"
    monkeypatch.setattr(running.RunningService, "is_of_here", False)
    with pytest.raises(ConfigurationError, match="no service is started in this folder"):
        running.find(None)


def test_who_names_none_that_runs_is_taught_what_does(start: Start) -> None:
    """One of nearly that name, from wherever it was started; else a few, and how to see all."""
    for name in ("train", "serve", "score", "digits"):
        notebook(f"{name}.ipynb")
        start(f"{name}.ipynb")
    with pytest.raises(ConfigurationError) as raised:
        running.find(Path("elsewhere/sevre"))
    assert raised.value.hint == f"did you mean {Path('serve.ipynb').absolute()}?"
    with pytest.raises(ConfigurationError) as raised:
        running.find(Path("x.ipynb"))
    assert raised.value.hint.count("started in") == 3
    assert re.search(r"; and \d+ more: `runner status` lists all$", raised.value.hint)


def test_a_service_is_found_where_its_folder_was_moved_to(start: Start, tmp_path: Path) -> None:
    """The system names the files of a process by where they are now, however deep that is."""
    notebook("a.ipynb")
    folder = start("a.ipynb")
    there = tmp_path / ("deep" * 30)
    there.mkdir()
    (tmp_path / "here").rename(there / "b")
    moved = there / "b" / folder.relative_to(tmp_path / "here")
    assert found_from(Path("/"), there / "b/a.ipynb") == [str(moved)]
    with pytest.raises(ConfigurationError, match="no service of"):
        running.find(tmp_path / "here/a.ipynb")
    (there / "b").rename(tmp_path / "here")


def test_two_services_of_one_notebook_are_told_apart(start: Start) -> None:
    """By the folder they were started in; a link of its own name comes before its target."""
    target = notebook("a.ipynb")
    Path("b.ipynb").symlink_to(target)
    Path("c.ipynb").symlink_to(target)
    a, b = start("a.ipynb"), start("b.ipynb")
    assert [running.find(Path(name)).folder for name in ("a.ipynb", "b.ipynb")] == [a, b]
    with pytest.raises(ConfigurationError, match="2 services are meant"):
        running.find(Path("c.ipynb"))


def test_what_a_killed_supervisor_left_does_not_count(start: Start) -> None:
    """Its socket's file is there, and nobody listens."""
    folder = start("a.ipynb")
    dead = folder.with_name("dead")
    dead.mkdir()
    os.mkfifo(dead / ".control")
    (folder.with_name("gone")).mkdir()
    (folder.with_name("gone") / ".control").write_text("/gone")
    assert running.find(None).folder == folder


def test_a_service_without_a_working_folder_is_told_of_by_its_process(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No command can ask it, and it goes on: who looks for it learns how to end it."""
    folder, here = start("a.ipynb"), Path.cwd()
    monkeypatch.chdir(here.parent)
    shutil.rmtree(here)
    (told,) = [each for each in running.removed() if str(folder) in each]
    assert told == f"{folder} was removed, and its service goes on: `kill {os.getpid()}` ends it"
    with pytest.raises(ConfigurationError) as raised:
        running.find(None)
    assert told in raised.value.hint
    shown = CliRunner().invoke(main.commands, ["status"])
    assert told in shown.stderr + getattr(shown.exception, "hint", "")


def test_a_service_is_found_again_when_its_folder_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or only its socket; but it takes the place of no other service that has come there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(presence, "_EVERY", 0.01)
    path = notebook("a.ipynb")
    folder = folders.folder_of(path)
    others = "others" / folder.relative_to("runs")

    async def reply(_: str) -> dict[str, Any]:
        return {"ok": True}

    async def until(is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(is_true):  # noqa: ASYNC110 - it makes no event
                await asyncio.sleep(0.01)

    def open_locks() -> int:
        return sum(place.name == running.LOCK for _, place in open_files())

    looks, is_listening = [], control.is_listening

    def look(place: Path) -> bool:
        looks.append(place)
        return is_listening(place)

    monkeypatch.setattr(control, "is_listening", look)

    async def live() -> None:
        before = open_files()

        def new_sockets() -> int:
            return sum(place.name.startswith("socket:") for _, place in open_files() - before)

        for place in (folder, others):
            place.mkdir(parents=True)
        server, other = ControlServer(folder, 5.0, reply), ControlServer(others, 5.0, reply)
        with files.claim(folder / running.LOCK), files.claim(others / running.LOCK):
            await server.open()
            await other.open()
            keeping = asyncio.ensure_future(presence.Presence(folder, path, server).keep())
            shutil.rmtree("runs")
            await until(lambda: caplog.text.count("was gone, and is made again") == 1)
            found = await asyncio.to_thread(running.find, path)
            assert found.folder == folder.absolute()
            await until(lambda: new_sockets() == 2)
            (folder / NAME).unlink()
            await until(lambda: caplog.text.count("was gone, and is made again") == 2)
            assert server.is_found()
            taken = (others / NAME).stat()
            shutil.rmtree("runs")
            os.rename("others", "runs")  # noqa: PTH104 - at once, as far as our loop sees
            await until(lambda: "another service has come there" in caplog.text)
            assert (folder / NAME).stat() == taken
            seen = len(looks)
            await until(lambda: len(looks) > seen + 3)
            assert open_locks() == 1  # its own, however often we look
            keeping.cancel()
            await asyncio.to_thread(ask, folder, "status")  # who has come before is accepted
            await until(lambda: new_sockets() == 2)  # and has hung up
            await server.close()
            await other.close()

    asyncio.run(live())
