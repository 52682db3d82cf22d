"""The command that lists recorded requests."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from runner.cli.main import commands
from runner.errors import ConfigurationError
from runner.record import request_export
from runner.record.folders import folder_of
from runner.supervise import running

LINE = {"method": "POST", "path": "/a\x1b", "query": "b=1", "ms": 1.5, "run": "r"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, in which the service of `a.ipynb` has recorded and ended."""
    monkeypatch.chdir(tmp_path)
    log = folder_of(Path("a.ipynb")) / "requests"
    log.mkdir(parents=True)
    lines = [
        LINE | {"id": str(number), "time": f"2026-11-29T12:00:{number:02d}+00:00", "status": status}
        for number, status in enumerate([200, 422, 500, 503] * 15)
    ]
    (log / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def run(*words: str) -> Result:
    """Be the command line."""
    return CliRunner().invoke(commands, ["requests", *words])


def ids(*words: str) -> list[str]:
    """What is listed, by its ids."""
    return [json.loads(line)["id"] for line in run(*words, "--json").stdout.splitlines()]


@pytest.mark.usefixtures("folder")
def test_the_newest_come_first() -> None:
    """And so many as are asked for; 50 otherwise."""
    assert ids("a.ipynb", "--limit", "2") == ["59", "58"]
    assert len(ids()) == 50


@pytest.mark.usefixtures("folder")
def test_filters_narrow() -> None:
    """As their names say."""
    assert ids("--failures", "--limit", "3") == ["59", "58", "55"]
    assert ids("--status", "422", "--status", "500", "--limit", "3") == ["58", "57", "54"]
    assert ids("--status", "4XX", "--limit", "1") == ["57"]
    assert ids("--since", "2026-11-29T12:00:58+00:00") == ["59", "58"]
    assert ids("--since", "1s") == []
    assert ids("--key", "mobile") == []
    assert ids("--path", "/b*") == []


@pytest.mark.usefixtures("folder")
def test_a_line_is_for_people() -> None:
    """And no letter of a client's can move a terminal."""
    (line,) = run("--limit", "1").stdout.splitlines()
    assert line.endswith(r"503      1.50 ms POST /a\x1b?b=1 run=r id=59")
    assert "no such request" in run("--key", "k").stderr


def test_one_is_shown_with_all_that_is_kept(folder: Path) -> None:
    """What was raised stands in the list, too; nothing of it moves a terminal."""
    failure = {"error": "E", "message": "m\x1b\u202e" * 60, "cell": 2, "line": 3}
    failure |= {"text": "x", "traceback": "cell 2, line 3\n    x\x1b\nE: m"}
    line = LINE | {"id": "ab", "time": "2026-11-29T13:00:00+00:00", "status": 500}
    line |= {"failure": failure, "body": '{"a":\r1}', "answer": {"base64": "/w=="}}
    (folder_of(Path("a.ipynb")) / "requests" / "y.jsonl").write_text(f"{json.dumps(line)}\n")
    (listed,) = run("--limit", "1").stdout.splitlines()
    assert "?b=1 E: m\\x1b\\u202em" in listed
    assert listed.endswith("… (cell 2, line 3) run=r id=ab")
    first, *shown = run("a.ipynb", "--show", "ab").stdout.splitlines()
    assert first == listed
    assert shown[0] == "raised:"
    assert shown[1].endswith("(cell 2, line 3)")
    assert shown[2:] == [
        "  cell 2, line 3",
        "      x\\x1b",
        "  E: m",
        "request:",
        '  {"a":\\r1}',
        "answer:",
        "  \\xff",
    ]
    assert isinstance(run("a.ipynb", "--show", "none").exception, ConfigurationError)


def test_it_is_shown_that_a_body_is_not_recorded(folder: Path) -> None:
    """It was sent nevertheless."""
    line = LINE | {"id": "ab", "time": "2026-11-29T13:00:00+00:00", "status": 500}
    line |= {"body": None, "is_cut": True}
    (folder_of(Path("a.ipynb")) / "requests" / "y.jsonl").write_text(f"{json.dumps(line)}\n")
    assert "request:\n  not recorded: it has more than 64 KiB" in run("--show", "ab").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday"], "neither a time"),
        (["--since", "999999999d"], "neither a time"),
        (["--status", "6"], "no status"),
        (["--status", "2x"], "no status"),
        (["--limit", "0"], "range"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], said: str) -> None:
    """With what would."""
    done = run(*words)
    assert done.exit_code
    assert said in done.output


def test_a_service_that_never_was_is_told(folder: Path) -> None:
    """As by the other commands; so are several."""
    assert isinstance(run("b.ipynb").exception, ConfigurationError)
    (folder / "runs" / "b" / "requests").mkdir(parents=True)
    assert isinstance(run().exception, ConfigurationError)
    assert isinstance(run("a.ipynb", "-o", "x").exception, ConfigurationError)


def test_a_service_that_records_nothing_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how it would; where it records, only that nothing fits."""
    monkeypatch.setattr(running, "find", lambda notebook: SimpleNamespace(folder=folder / "none"))
    assert "--record-requests" in run().stderr
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert run("a.ipynb", "--key", "mobile").stderr == "no such request is recorded\n"


def test_all_are_exported(folder: Path) -> None:
    """To a file or to stdout."""
    assert len(run("--export", "jsonl").stdout.splitlines()) == 60
    assert "60 requests" in run("--export", "parquet", "-o", "x.parquet").stderr
    assert (folder / "x.parquet").read_bytes()[:4] == b"PAR1"
    assert run("--export", "parquet", "--limit", "1").stdout_bytes[:4] == b"PAR1"


def test_formats_are_those_of_the_export() -> None:
    """The help names them without importing it."""
    (option,) = (each for each in commands.commands["requests"].params if each.name == "export")
    assert tuple(option.type.choices) == request_export.FORMATS  # type: ignore[attr-defined]
