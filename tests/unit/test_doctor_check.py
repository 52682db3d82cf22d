"""The doctor's command: which files, what is shown, what is silenced, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import write_notebook

from runner.cli import main
from runner.errors import ConfigurationError, FindingsError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(*words: str) -> Result:
    """The command's result; its error, if any, is in ``exception``."""
    return CliRunner().invoke(main.commands, ["doctor", *words], standalone_mode=False)


def rules_in(result: Result) -> list[str]:
    return [found["rule"] for found in json.loads(result.stdout)]


def test_nothing_found_is_exit_code_0(folder: Path) -> None:
    """A sound notebook gives one line that says so."""
    write_notebook(folder / "a.ipynb", "print(a)", parameters="a = 1")
    result = doctor("a.ipynb")
    assert (result.exit_code, result.stdout) == (0, "nothing found in 1 file\n")


def test_an_error_is_exit_code_7(folder: Path) -> None:
    """What would break ends a build, with what was found in lines of text."""
    write_notebook(folder / "a.ipynb", "x = 1\ninput()", parameters="a = 1")
    result = doctor("a.ipynb")
    assert result.stdout.startswith(
        "a.ipynb [cell 2 (cell-0), line 2] error asks-a-person: input() asks a person — nobody"
    )
    assert ". mend: make the answer a parameter" in result.stdout
    assert isinstance(result.exception, FindingsError)
    assert result.exception.exit_code == 7
    assert str(result.exception) == "1 error and 0 warnings in 1 file"


def test_warnings_count_only_if_strict(folder: Path) -> None:
    """What only may break lets a build pass unless it is asked not to."""
    write_notebook(folder / "a.ipynb", "%cd ..", parameters="a = 1")
    lax, strict = doctor("a.ipynb"), doctor("a.ipynb", "--strict")
    assert lax.exit_code == 0
    assert lax.stdout.endswith("0 errors and 1 warning in 1 file\n")
    assert isinstance(strict.exception, FindingsError)


def test_hints_never_count(folder: Path) -> None:
    """They are worth knowing, and nothing may come of them."""
    write_notebook(folder / "a.ipynb", "print(1)")
    strict = doctor("a.ipynb", "--strict")
    assert strict.exit_code == 0
    assert strict.stdout.endswith("0 errors, 0 warnings and 1 hint in 1 file\n")


def test_json_has_every_part(folder: Path) -> None:
    """Machines get each finding as an object, and nothing else on stdout."""
    write_notebook(folder / "a.ipynb", "input()", parameters="a = 1")
    (found,) = json.loads(doctor("a.ipynb", "--format", "json").stdout)
    assert found == {
        "file": "a.ipynb",
        "cell": 2,
        "cell_id": "cell-0",
        "line": 1,
        "rule": "asks-a-person",
        "severity": "error",
        "what": "input() asks a person",
        "why": "nobody is there to answer, and the run fails at this cell",
        "mend": "make the answer a parameter, or a variable of the environment",
        "fixable": False,
    }


def test_json_of_nothing_is_an_empty_list(folder: Path) -> None:
    """So that whoever reads it need not look at the exit code first."""
    write_notebook(folder / "a.ipynb", "x = 1", parameters="a = 1")
    assert json.loads(doctor("a.ipynb", "--format", "json").stdout) == []


def test_findings_come_in_the_order_of_the_cells(folder: Path) -> None:
    """An author mends from top to bottom."""
    write_notebook(folder / "a.ipynb", "input()", "%cd ..", "x = (", "breakpoint()")
    found = json.loads(doctor("a.ipynb", "--format", "json").stdout)
    assert [one["cell"] for one in found if one["cell"]] == [1, 2, 3, 4]


@pytest.mark.parametrize("place", ["", "notebooks", "notebooks/deep"])
def test_everything_is_examined_by_default(place: str, folder: Path) -> None:
    """All below notebooks/, or else beside us; and the project's own files."""
    write_notebook(folder / place / "a.ipynb", "input()", parameters="a = 1")
    write_notebook(folder / place / ".ipynb_checkpoints/a.ipynb", "input()")
    (folder / "requirements.txt").write_text("sklearn\n")
    (folder / "dockerfile").write_text("FROM jupyter/base-notebook\n")
    (folder / "runs").mkdir()
    found = rules_in(doctor("--format", "json"))
    assert found == ["asks-a-person", "sklearn-name", "frozen-base-image"]


def test_a_folder_stands_for_its_notebooks(folder: Path) -> None:
    """Shells and people name folders."""
    write_notebook(folder / "deep/er/a.ipynb", "input()", parameters="a = 1")
    assert rules_in(doctor("deep", "--format", "json")) == ["asks-a-person"]


def test_nothing_to_examine_is_said(folder: Path) -> None:
    """A wrong folder must not look like a sound project."""
    assert isinstance(doctor().exception, ConfigurationError)


def test_a_notebook_that_is_missing_is_a_wrong_command(folder: Path) -> None:
    """With the name of one that is like it."""
    write_notebook(folder / "serve.ipynb", "x = 1")
    result = doctor("sevre.ipynb")
    assert isinstance(result.exception, ConfigurationError)
    assert "did you mean serve.ipynb?" in str(result.exception)


def test_a_folder_named_as_a_notebook_is_a_finding(folder: Path) -> None:
    """It is no notebook, and no traceback."""
    (folder / "a.ipynb").mkdir()
    assert rules_in(doctor("a.ipynb", "--format", "json")) == ["not-a-notebook"]


def test_the_others_are_examined_though_one_cannot_be_read(folder: Path) -> None:
    """One broken file does not hide what is wrong with the next."""
    (folder / "a.ipynb").write_text("")
    write_notebook(folder / "b.ipynb", "input()", parameters="a = 1")
    assert rules_in(doctor("--format", "json")) == ["not-a-notebook", "asks-a-person"]


def test_a_rule_can_be_left_out(folder: Path) -> None:
    """By the command line; a name that no rule has is an error, with the one that was meant."""
    write_notebook(folder / "a.ipynb", "input()", parameters="a = 1")
    assert doctor("a.ipynb", "--ignore", "asks-a-person").exit_code == 0
    wrong = doctor("a.ipynb", "--ignore", "ask-a-person").exception
    assert isinstance(wrong, ConfigurationError)
    assert "did you mean 'asks-a-person'?" in str(wrong)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# doctor: ignore[asks-a-person]", [3]),
        ("x = 1  # doctor: ignore[syntax-error, asks-a-person] because", [3]),
        ("# doctor: ignore-notebook[asks-a-person]", []),
        ("# doctor: ignore[syntax-error]", [2, 3]),
    ],
)
def test_a_comment_silences_a_rule(comment: str, found: list[int], folder: Path) -> None:
    """In its cell, or in the whole notebook; that rule and no other."""
    write_notebook(folder / "a.ipynb", f"input()\n{comment}", "input()", parameters="a = 1")
    result = doctor("a.ipynb", "--format", "json")
    assert [one["cell"] for one in json.loads(result.stdout)] == found


def test_a_comment_silences_a_rule_in_a_dockerfile(folder: Path) -> None:
    """These have comments too."""
    text = "# doctor: ignore[frozen-base-image]\nFROM jupyter/base-notebook\n"
    (folder / "dockerfile").write_text(text)
    assert doctor("dockerfile").exit_code == 0


@pytest.mark.parametrize("words", [("--rules",), ("--rules", "--format", "json")])
def test_rules_are_listed(words: tuple[str, ...]) -> None:
    """Each with why and mend, without looking at any file."""
    shown = doctor(*words).stdout
    assert "asks-a-person" in shown
    assert "nobody is there to answer" in shown
    assert "make the answer a parameter" in shown


def test_a_large_notebook_is_examined(folder: Path) -> None:
    """Thousands of cells and 50 MB of outputs are read, not choked on."""
    cells: list[Any] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "source": f"x{n} = {n}"}
        for n in range(3000)
    ]
    text = "epoch 1: loss=0.123 token: none\n" * (50_000_000 // 32)
    cells[7]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [text]}]
    (folder / "a.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    assert rules_in(doctor("a.ipynb", "--format", "json")) == ["no-parameters"]
