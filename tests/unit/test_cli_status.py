"""What ``runner status`` shows of several services, of which none has to run for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runner.cli import status as command
from runner.errors import RunnerError
from runner.supervise import running

from .test_supervise_status import SERVING, STATUS, TRAFFIC, failed


class Service:
    """Stand for one that runs."""

    def __init__(self, said: dict[str, Any] | None) -> None:
        self.said = said

    def status(self) -> dict[str, Any]:
        if self.said is None:
            raise RunnerError("it hangs")
        return {"ok": True, **self.said}


def run(monkeypatch: pytest.MonkeyPatch, said: list[dict[str, Any] | None], *words: str) -> Result:
    monkeypatch.setattr(running, "services", lambda: [Service(each) for each in said])
    return CliRunner().invoke(command.status, words)


def test_all_services_stand_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what keeps one from its newest version in a line below."""
    monkeypatch.chdir("/")
    one = STATUS | {"serving": SERVING | {"sha256": "ab" * 32}, "traffic": TRAFFIC}
    two = STATUS | {"notebook": "/b/b.ipynb", "failure": failed("2026-11-30T12")}
    lines = run(monkeypatch, [one, two]).stdout.splitlines()
    cells = [line.split() for line in lines]
    assert cells[0][:3] == ["service", "state", "version"]
    assert cells[1][:5] == ["a.ipynb", "serving", "abababab", "0:00:01", "12/s"]
    assert cells[1][5:] == ["2", "1.2", "ms", "50", "ms", "210", "MB", "127.0.0.1:8000"]
    assert cells[2][:2] == ["b/b.ipynb", "down"]
    assert lines[3:] == ["b/b.ipynb: cell 1"]


def test_in_json_each_is_a_line_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads it finds what there was before."""
    lines = run(monkeypatch, [STATUS, STATUS], "--format", "json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [STATUS, STATUS]


def test_who_does_not_answer_is_told_of_behind_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the exit code says so."""
    shown = run(monkeypatch, [None, STATUS])
    assert "a.ipynb" in shown.stdout
    assert isinstance(shown.exception, RunnerError)


def test_it_is_shown_until_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is how one ends it; what has ended meanwhile may come again."""
    looks: list[list[dict[str, Any] | None]] = [[STATUS], [], [STATUS]]

    def sleep(_: float) -> None:
        looks.pop(0)
        if not looks:
            raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", sleep)
    monkeypatch.setattr(running, "services", lambda: [Service(each) for each in looks[0]])
    shown = CliRunner().invoke(command.status, ["--watch"])
    assert (shown.exit_code, shown.stdout.count("a.ipynb")) == (0, 2)
    assert "no service is running" in shown.stderr


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (200, "service state version up rate failed p50 p99 memory address"),
        (80, "service state rate address"),
        (40, "service state rate"),
    ],
)
def test_a_narrow_terminal_has_fewer_columns(width: int, names: str) -> None:
    """Those that say least go first, and of a long path its end is what differs."""
    path = "/srv/somebody/elsewhere/projects/notebooks/serve.ipynb"
    url = "http://127.0.0.1:8000"
    row = [path, "serving older", "ab" * 4, "0:00:01", "12/s", "0", "1 ms", "9 ms", "1 GB", url]
    columns, ((shown, *_),) = command._fitted([row], width)
    assert " ".join(columns) == names
    assert shown == "…/projects/notebooks/serve.ipynb"
