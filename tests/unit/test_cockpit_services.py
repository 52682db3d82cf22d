"""Which services of a folder the cockpit knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner.cockpit import services
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
