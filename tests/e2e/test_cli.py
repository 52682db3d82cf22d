"""The command line: values, variables, help, and errors in one line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner.cli import main
from runner.errors import ConfigurationError, RunnerError
from runner.run import run
from runner.run.run import Job
from runner.supervise import supervisor


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been run."""
    seen: list[Any] = []
    monkeypatch.setattr(run, "run", seen.append)
    monkeypatch.setattr(supervisor, "supervise", seen.append)
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


def test_the_bar_is_for_terminals(jobs: list[Job]) -> None:
    """Not on a terminal, the progress is log lines."""
    invoke("run", "a.ipynb")
    assert not jobs[0].shows_bar


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
    """Also when its text has several lines."""
    error = ConfigurationError("a.ipynb:\n  wrong", hint="do this")
    assert end_of(error, monkeypatch, capsys) == (2, "runner: a.ipynb: wrong\nhint: do this\n")


def test_no_hint_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that says it all stands alone."""
    assert end_of(RunnerError("wrong"), monkeypatch, capsys) == (1, "runner: wrong\n")


def test_the_unforeseen_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault of ours is one line too; where to look is in the hint."""
    code, said = end_of(ZeroDivisionError("oh"), monkeypatch, capsys)
    assert code == 1
    assert said.startswith("runner: ZeroDivisionError: oh\nhint: --log-level debug")


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever asks for it gets it."""
    caplog.set_level(logging.DEBUG, "runner")
    end_of(ZeroDivisionError("oh"), monkeypatch, capsys)
    assert "Traceback" in caplog.text


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
