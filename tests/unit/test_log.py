"""Logging is configured in one place."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from runner import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root, ours = logging.getLogger(), logging.getLogger("runner")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    ours.setLevel(before[2])
    logging.captureWarnings(False)


def test_our_events_are_told_and_libraries_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    """One stream, stderr, with the time; other packages' chatter stays out."""
    log.configure("info")
    logging.getLogger("runner.run.run").info("worker 7 started")
    logging.getLogger("papermill").info("Input Notebook")
    logging.getLogger("papermill").warning("odd")
    said = capsys.readouterr()
    assert said.out == ""
    assert "worker 7 started" in said.err
    assert "Input Notebook" not in said.err
    assert "odd" in said.err


def test_the_level_is_ours_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    """``--log-level warning`` silences events."""
    log.configure("warning")
    logging.getLogger("runner.run.run").info("worker 7 started")
    assert capsys.readouterr().err == ""


def test_lines_of_json_carry_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """One object per line: the event in words, and its facts under their names."""
    log.configure("info", "json")
    logging.getLogger("runner.x").info("run %s served", "a", extra={"facts": {"seconds": 0.5}})
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"], event["seconds"]) == ("run a served", "info", 0.5)
