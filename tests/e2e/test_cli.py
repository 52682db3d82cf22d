"""The command line: values, variables, help, and errors in one line."""

from __future__ import annotations

import errno
import io
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner.cli import main
from runner.errors import ConfigurationError, RunnerError
from runner.run import run
from runner.run.run import Job
from runner.supervise import service


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been run."""
    seen: list[Any] = []
    monkeypatch.setattr(run, "run", seen.append)
    monkeypatch.setattr(service, "supervise", seen.append)
    return seen


def invoke(*words: str, **variables: str) -> None:
    result = CliRunner(env=variables).invoke(main.commands, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_parameters_come_from_every_option(jobs: list[Job], tmp_path: Path) -> None:
    """-p, -r, -y and -f are heard, each as often as it is given."""
    (tmp_path / "p.yaml").write_text("a: 1")
    invoke(
        *("run", "a.ipynb", "-f", str(tmp_path / "p.yaml"), "-y", "{b: 2}", "-y", "{c: 3}"),
        *("-p", "d", "4", "-p", "e", "5", "-r", "f", "6"),
    )
    assert jobs[0].values == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": "6"}


def test_options_come_from_argument_then_variable_then_default(jobs: list[Any]) -> None:
    """An argument beats a variable, a variable beats the default."""
    invoke("serve", "a.ipynb", "--port", "1", RUNNER_PORT="2", RUNNER_HOST="::", RUNNER_GRACE="9")
    (plan,) = jobs
    assert (plan.host, plan.port) == ("::", 1)
    assert (plan.config.grace, plan.config.save_every) == (9, 1)


def test_the_record_has_a_default_place(jobs: list[Job]) -> None:
    """Records of earlier runs are kept in the default place, not in one that was named."""
    invoke("run", "notebooks/a.ipynb")
    invoke("run", "notebooks/a.ipynb", "b.ipynb")
    assert (jobs[0].out, jobs[0].keeps_history) == (Path("runs/a/out.ipynb"), True)
    assert (jobs[1].out, jobs[1].keeps_history) == (Path("b.ipynb"), False)


def end_of(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit code and stderr of a command that raises."""

    def fail(**settings: Any) -> None:
        raise error

    monkeypatch.setattr(main.commands, "main", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(str(ended.value.code)), capsys.readouterr().err


def test_an_error_is_one_line_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when its text has several lines, or what a terminal would do."""
    error = ConfigurationError("a.ipynb:\n  wrong\x1b[2J", hint="do this\x07")
    said = "runner: a.ipynb: wrong\\x1b[2J\nhint: do this\\x07\n"
    assert end_of(error, monkeypatch, capsys) == (2, said)


class ClosedTerminal(io.StringIO):
    """What stderr is when its terminal was closed."""

    def write(self, _: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_is_closed_changes_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the error, but whoever started the command learns how it ended."""

    def fail(**settings: Any) -> None:
        raise ConfigurationError("wrong")

    monkeypatch.setattr(main.commands, "main", fail)
    monkeypatch.setattr("sys.stderr", ClosedTerminal())
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2


def test_no_hint_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that says it all stands alone."""
    assert end_of(RunnerError("wrong"), monkeypatch, capsys) == (1, "runner: wrong\n")


def test_a_fault_of_ours_is_to_be_reported_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands above the last two lines, which say what to do with it."""
    code, said = end_of(ZeroDivisionError("oh"), monkeypatch, capsys)
    assert code == 1
    assert said.startswith("Traceback")
    assert "please report it, with the lines above" in said.splitlines()[-1]
    assert said.splitlines()[-2] == "runner: ZeroDivisionError: oh"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PermissionError(13, "Permission denied", "runs"), 2, "/runs: Permission denied"),
        (FileExistsError(17, "File exists", "a/b"), 2, "/a/b: File exists"),
        (OSError(28, "No space left on device"), 1, "runner: No space left on device"),
        (OSError(28, "No space left on device", "x"), 1, "/x: No space left on device"),
        (OSError("odd"), 1, "runner: odd"),
    ],
)
def test_what_the_system_refuses_is_nobodys_fault_to_report(
    error: OSError,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A folder that cannot be written to, a disk that is full: the path and the reason."""
    ended, shown = end_of(error, monkeypatch, capsys)
    assert ended == code
    assert said in shown.splitlines()[0]
    assert "report" not in shown


def test_a_port_is_no_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``runner serve a.ipynb 8080`` would write a file of that name, and listen on 8000."""
    monkeypatch.setattr("sys.argv", ["runner", "serve", "a.ipynb", "8080"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "hint: --port 8080 is the port" in capsys.readouterr().err


def test_a_working_folder_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system only says that something does not exist."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code, said = end_of(FileNotFoundError(2, "No such file or directory"), monkeypatch, capsys)
    monkeypatch.chdir(tmp_path)
    assert (code, said.splitlines()[0]) == (2, "runner: the working folder is gone")


@pytest.mark.parametrize("command", ["run", "serve", "doctor", "status", "stop"])
def test_an_address_that_is_not_known_is_no_path(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be read as an odd path, or a folder of that name be made."""
    monkeypatch.setattr("sys.argv", ["runner", command, "ftp://me:s3cr3t@example.com/a.ipynb"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "runner: ftp://example.com/a.ipynb: nothing is read or written by ftp://"
    )
    assert "s3cr3t" not in said


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever asks for it gets it."""
    caplog.set_level(logging.DEBUG, "runner")
    end_of(RunnerError("oh"), monkeypatch, capsys)
    assert "RunnerError: oh" in caplog.text


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["run"],
        ["serve", "a.ipynb", "--port", "-1"],
        ["run", "a", "--grace", "-1"],
    ],
)
def test_a_wrong_command_is_a_usage_error(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and how to use it."""
    monkeypatch.setattr("sys.argv", ["runner", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "Usage: runner" in capsys.readouterr().err


def test_help_explains_exit_codes() -> None:
    """Each command's help ends with them."""
    for command in ("run", "serve"):
        shown = CliRunner().invoke(main.commands, [command, "--help"]).output
        assert "4 the kernel died" in " ".join(shown.split())
