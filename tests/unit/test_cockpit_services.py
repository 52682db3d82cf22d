"""Which services of a folder the cockpit knows."""

from __future__ import annotations

import asyncio
import os
import urllib.parse
from pathlib import Path

import pytest

from runner.cockpit import layout, services
from runner.cockpit.services import Services


def test_a_service_that_has_come_is_shown_to_who_asks_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a look, but what it has found is known when the next begins."""
    monkeypatch.setattr(services, "_LOOK_EVERY", 0.0)

    async def names() -> None:
        found = Services(tmp_path)
        (tmp_path / "runs/a/sources").mkdir(parents=True)
        assert [each.name for each in await found.found()] == ["a"]
        (tmp_path / "runs/b/sources").mkdir(parents=True)
        shown: list[str] = []
        async with asyncio.timeout(20):
            while shown != ["a", "b"]:
                await asyncio.sleep(0.01)
                shown = [each.name for each in await found.found()]

    asyncio.run(names())


def test_services_of_replicas_are_found(tmp_path: Path) -> None:
    """Each replica's folder has its own; it is named by both, and nothing is found twice."""
    for name in ("runs/iris", "runs/host-1/iris", "runs/host-2/iris", "src/lib"):
        folder = tmp_path / name
        (folder / "sources").mkdir(parents=True)
        if name != "src/lib":
            (folder / "out.ipynb").write_text("{}")

    async def named(folder: Path) -> dict[str, str]:
        return {each.key: each.name for each in await Services(folder).found()}

    found = {"iris": "iris", "host-1~iris": "iris on host-1", "host-2~iris": "iris on host-2"}
    assert asyncio.run(named(tmp_path)) == found
    assert asyncio.run(named(tmp_path / "runs")) == found


def test_each_service_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Whatever folders are called, no link and no order can reach another than is shown."""
    alike = ["runs/c~d/e", "runs/c/d~e", "runs/a/b", "runs/a~b", "runs/a%7Eb", "a~b"]
    plain = ["iris", "runs/iris", "runs/runs", "runs", "own/runs/iris", "runs/\\udcff"]
    for name in [*alike, *plain, "runs/" + os.fsdecode(b"\xff")]:
        (tmp_path / name / "sources").mkdir(parents=True)
        (tmp_path / name / "out.ipynb").write_text("{}")

    found = {each.key: each.folder for each in asyncio.run(Services(tmp_path).found())}
    named = {str(folder.relative_to(tmp_path)): key for key, folder in found.items()}
    assert {name: named[name] for name in ("runs/iris", "own/runs/iris", "runs/a/b")} == {
        "runs/iris": "iris",
        "own/runs/iris": "own~runs~iris",
        "runs/a/b": "a~b",
    }
    assert len(found) == 13
    for key in found:
        assert urllib.parse.unquote(layout.quoted(key)) == key


def test_the_folder_that_is_shown_may_be_a_service_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a name in addresses, too, though no path leads from it to itself."""
    there = services.running.RunningService(tmp_path, tmp_path.parent)
    monkeypatch.setattr(services.running, "services", lambda: [there])
    assert [each.key for each in asyncio.run(Services(tmp_path).found())] == ["~"]
