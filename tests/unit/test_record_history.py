"""Earlier records: kept, pruned, and corrected if their process was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runner.files import process_start
from runner.record import history
from runner.record.card import Card, Tone
from runner.record.ledger import Ledger

DEAD = 2**22 + 1  # above the system's largest process number


def write_record(
    out: Path,
    number: int,
    status: str = "completed",
    pid: int = DEAD,
    start: str = "",
    **more: str,
) -> None:
    record = {
        "metadata": {
            "papermill": {"start_time": f"2026-01-01T00:00:{number:02d}.000000+00:00"},
            "runner": {"status": status, "pid": pid, "process_start": start, "reason": ""} | more,
        },
        "cells": [{"metadata": {"papermill": {"status": "running"}}}, {"metadata": {}}],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "serve" / "out.ipynb"


def beside(out: Path) -> list[Path]:
    """List the notebooks beside ``out``, ours or not."""
    return sorted(path for path in out.parent.glob("*.ipynb") if path != out)


def test_the_last_record_is_kept_and_never_goes_missing(out: Path) -> None:
    """A new run finds the old record under a name of its own; ``out.ipynb`` stays readable."""
    write_record(out, 1)
    before = out.read_text()
    history.keep_last(out)
    assert out.read_text() == before
    (kept,) = beside(out)
    assert kept.read_text() == before


def test_only_what_the_ledger_knows_is_pruned(out: Path) -> None:
    """One's own notebooks beside the records stay, whatever their names and contents."""
    own = [out.with_name(name) for name in ("analysis.ipynb", "2020-01-01T000000.1.ipynb")]
    for path in own:
        write_record(path, 0)
    (out.parent / "folder.ipynb").mkdir()
    for number in range(2 * history.KEPT):
        out.unlink(missing_ok=True)
        write_record(out, number)
        history.keep_last(out)
    assert all(path.exists() for path in own)
    assert len(beside(out)) == history.KEPT + len(own) + 1


def test_a_kept_record_takes_no_name_that_is_taken(out: Path) -> None:
    """Not even for one's own notebook with just that name."""
    write_record(out, 1)
    own = out.with_name(f"2026-01-01T000001.{DEAD}.ipynb")
    own.write_text("mine")
    history.keep_last(out)
    assert own.read_text() == "mine"
    assert Ledger(out.parent).names() == []


def test_a_record_with_facts_of_other_types_is_kept(out: Path) -> None:
    """Whoever wrote it: its name must not lead elsewhere, nor be an error."""
    out.parent.mkdir(parents=True)
    for facts in ('{"start_time": "../../x/y"}', '{"start_time": 5}', "7"):
        out.write_text(f'{{"metadata": {{"runner": {{"pid": "/"}}, "papermill": {facts}}}}}')
        history.keep_last(out)
    assert len(beside(out)) == 3


def test_what_is_nested_too_deep_to_be_read_has_no_facts(out: Path) -> None:
    """As anything else that is no record of ours."""
    out.parent.mkdir(parents=True)
    out.write_text('{"metadata": {"runner": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}}")
    assert history.facts_of(out) == {}


def test_keeping_twice_is_keeping_once(out: Path) -> None:
    """A run that wrote nothing new does not use up the history."""
    write_record(out, 1)
    history.keep_last(out)
    history.keep_last(out)
    assert len(beside(out)) == 1


def test_failures_cannot_push_out_the_last_good_record(out: Path) -> None:
    """After a crash loop, the record of the last good run is still there."""
    for number in range(2 * history.KEPT):
        out.unlink(missing_ok=True)
        write_record(out, number, "completed" if number == 3 else "failed")
        history.keep_last(out)
    kept = beside(out)
    assert len(kept) == history.KEPT + 1
    good = [read(path)["metadata"] for path in kept]
    assert [facts["papermill"]["start_time"][18] for facts in good if _is_good(facts)] == ["3"]


def _is_good(facts: Any) -> bool:
    return bool(facts["runner"]["status"] == "completed")


def test_a_record_of_a_killed_process_is_corrected(out: Path) -> None:
    """``running`` with nobody running it is not the truth."""
    write_record(out, 1, "running")
    history.mark_if_killed(out)
    record = read(out)
    assert record["metadata"]["runner"]["status"] == "killed"
    assert record["cells"][0]["metadata"]["papermill"]["status"] == "interrupted"


def test_what_a_killed_process_has_left_says_so_and_can_be_written(out: Path) -> None:
    """Its card is not believed any more, and nobody protects it."""
    write_record(out, 1, "running")
    record = read(out)
    shown = Card(tone=Tone.WELL, title="serving since noon").output()
    record["cells"][0]["outputs"] = [{"output_type": "stream"}, shown]
    out.write_text(json.dumps(record))
    out.chmod(0o400)
    history.mark_if_killed(out, "by SIGKILL")
    text = read(out)["cells"][0]["outputs"][1]["data"]["text/plain"]
    assert text.startswith("✕ killed: by SIGKILL")
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_record_of_an_earlier_process_with_our_number_is_corrected(out: Path) -> None:
    """In a container that was restarted every process has the number that it had before."""
    write_record(out, 1, "running", os.getpid(), "0f0f0f0f-123")
    history.mark_if_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "killed"


@pytest.mark.parametrize("is_start_known", [True, False])
def test_a_record_of_a_living_process_is_left_alone(out: Path, is_start_known: bool) -> None:
    """What is running says so."""
    start = process_start(os.getpid()) if is_start_known else ""
    write_record(out, 1, "running", os.getpid(), start)
    before = out.read_text()
    history.mark_if_killed(out)
    assert out.read_text() == before


@pytest.mark.parametrize("status", ["running", "draining"])
def test_a_record_of_another_host_is_never_judged_by_a_number_of_here(
    out: Path, status: str
) -> None:
    """It may run there: so neither a start of the same folder's service nor a reader changes it."""
    write_record(out, 1, status, start="0f0f0f0f-123", host="elsewhere")
    before = out.read_text()
    history.mark_if_killed(out)
    history.mark_all_killed(out)
    history.keep_last(out)
    assert out.read_text() == before
    assert [path.name for path in beside(out)] == [f"2026-01-01T000001.elsewhere.{DEAD}.ipynb"]


def test_a_container_takes_over_from_the_one_before_by_the_lock(out: Path) -> None:
    """It has another name, but the same machine: without the lock nobody knows, with it all do."""
    write_record(out, 1, "running", start=process_start(os.getpid())[:8] + "-1", host="before")
    history.mark_if_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "running"
    history.mark_all_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "killed"


def test_records_of_two_replicas_have_two_names(out: Path) -> None:
    """In containers all processes have the same numbers."""
    for host in ("one", "two"):
        out.unlink(missing_ok=True)
        write_record(out, 1, host=host)
        history.keep_last(out)
    assert len(beside(out)) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metadata": {}}', '{"metadata": 3}'])
def test_a_foreign_file_at_the_default_place_is_kept_for_good(out: Path, text: str) -> None:
    """A run that nobody told where to write must not replace what is not ours."""
    out.parent.mkdir(parents=True)
    out.write_text(text)
    history.keep_last(out)
    history.keep_last(out)
    out.unlink()
    assert [path.read_text() for path in beside(out)] == [text]
    assert Ledger(out.parent).names() == []


def test_no_foreign_file_takes_the_place_of_another(out: Path) -> None:
    """Though both were changed in the same second."""
    out.parent.mkdir(parents=True)
    for text in ("one", "two", "three"):
        out.unlink(missing_ok=True)
        out.write_text(text)
        os.utime(out, (0, 0))
        history.keep_last(out)
    assert {path.read_text() for path in beside(out)} == {"one", "two", "three"}


def test_a_name_that_a_run_wants_is_taken_once(tmp_path: Path) -> None:
    """What had it and was not ours keeps another one; what is ours by then is replaced."""
    for text in ("mine", "ours"):
        (tmp_path / "source.ipynb").write_text(text)
        history.take_names(tmp_path, ["source.ipynb", "results.csv"])
    assert [path.read_text() for path in tmp_path.glob("source-of-*.ipynb")] == ["mine"]


def test_a_shown_record_is_mended_in_both_places(out: Path) -> None:
    """``out.ipynb`` may be only another name of a run's own record."""
    record = out.with_name("20260101T000000-0001.ipynb")
    write_record(record, 1, "running")
    history.note(record)
    os.link(record, out)
    history.mark_all_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "killed"
    assert history.is_kept(out)
    assert beside(out) == [record]


def test_a_copy_of_a_record_is_never_corrected(out: Path) -> None:
    """It is its owner's, though it says that it runs."""
    write_record(out, 1, "running")
    copy = out.with_name("copy.ipynb")
    copy.write_text(out.read_text())
    history.mark_all_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "killed"
    assert read(copy)["metadata"]["runner"]["status"] == "running"
