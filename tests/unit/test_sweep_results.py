"""The table of a sweep, its best, and what is said of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError, NotebookError
from runner.record.goals import Goal
from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point
from runner.sweep.results import BestPoints, best_points, column_names, write_table
from runner.sweep.summary import check, command_for, summary_text, table_of


def points(*values: Any, name: str = "C") -> list[Point]:
    return [
        Point(name=str(v), chosen={name: v}, values={}, record=Path(f"{v}.ipynb"), identity="")
        for v in values
    ]


def completed(**metrics: Any) -> Outcome:
    return Outcome(status="completed", seconds=1.0, metrics=metrics)


OUTCOMES = {
    "1": completed(a=0.5, loss=2),
    "2": completed(a=0.9, loss=3),
    "3": completed(a=None),
    "4": completed(a=0.9, loss=1),
    "5": Outcome(status="failed", metrics={"a": 1.0, "loss": 0}),
}


@pytest.mark.parametrize(
    ("metric", "goal", "names"),
    [("", "max", ["2", "4"]), ("loss", "min", ["4"]), ("a", "min", ["1"]), ("loss", "max", ["2"])],
)
def test_the_best_is_the_one_by_the_goal(metric: str, goal: str, names: list[str]) -> None:
    """Of the completed only, with all that are equal; by the first metric unless one is named."""
    found = best_points(points(1, 2, 3, 4, 5), OUTCOMES, metric, Goal(goal))
    assert [point.name for point in found.points] == names


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (None, "by the smallest loss (so its name says; --goal max turns it round): 4: a 0.9"),
        (Goal.MIN, "by the smallest loss: 4: a 0.9"),
        (Goal.MAX, "by the greatest loss: 2: a 0.9"),
    ],
)
def test_which_end_is_good_is_said(goal: Goal | None, said: str) -> None:
    """And how to have the other, where only the metric's name has told it."""
    found = points(1, 2, 3, 4, 5)
    best = best_points(found, OUTCOMES, "loss", goal)
    assert said in summary_text(found, OUTCOMES, best, "do").splitlines()[0]


@pytest.mark.parametrize(
    ("metric", "names"), [("a", ["2", "4", "1", "3", "5"]), ("loss", ["4", "1", "2", "3", "5"])]
)
def test_the_best_stands_first_for_people(metric: str, names: list[str]) -> None:
    """Then those without the metric, and at the end what has failed."""
    found = points(1, 2, 3, 4, 5)
    table = table_of(found, OUTCOMES, best_points(found, OUTCOMES, metric))
    assert table.columns == ["", "C", "a", "loss", "seconds", "status"]
    assert [row[1][0] for row in table.rows] == names
    assert [cell for cell, _ in table.rows[0]] in (
        ["★", "2", "0.9", "3", "1.0", "completed"],
        ["★", "4", "0.9", "1", "1.0", "completed"],
    )
    assert table.rows[-1][-1] == ("failed", "red")


def test_a_table_for_people_has_an_end() -> None:
    """The rest is in the file."""
    found = points(*range(50))
    table = table_of(found, {each.name: completed(a=1) for each in found}, BestPoints(metric="a"))
    assert (len(table.rows), table.more) == (20, 30)


def test_without_metrics_nothing_is_best() -> None:
    """That is no error."""
    assert not best_points(points(1), {"1": completed()}, "", Goal.MAX).points


def test_an_unknown_metric_is_an_error() -> None:
    """With a guess what was meant."""
    with pytest.raises(ConfigurationError, match="'los'; did you mean 'loss'"):
        best_points(points(1, 2), OUTCOMES, "los", Goal.MAX)


def test_no_two_columns_have_one_name() -> None:
    """A parameter or a metric may be called like a column of ours, or like each other."""
    assert column_names(["status", "C"], ["C", "seconds", "a"]) == (
        ["parameter status", "C"],
        ["metric C", "metric seconds", "a"],
    )


def test_the_table_has_a_row_for_each_point(tmp_path: Path) -> None:
    """Secrets are masked, and what is not known is empty."""
    found = points("x,y", "z", name="token")
    outcomes = {"x,y": completed(a=1), "z": Outcome(status="failed", reason="said\n", metrics={})}
    write_table(
        tmp_path / "t.csv", found, outcomes, BestPoints(metric="a", points=found[:1]), Path()
    )
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["best", "token", "status", "seconds", "a", "record", "reason"],
        ["best", "***", "completed", "1.0", "1", "", ""],
        ["", "***", "failed", "", "", "", "said\n"],
    ]


def test_the_best_ones_command_gives_its_values_back() -> None:
    """Whatever their types: text that looks like a number stays text."""
    given = {"a": 0.1, "b": "x y", "c": "1", "d": None, "e": [1, "x"], "f": "{folder}/x"}
    command = command_for(Path("n.ipynb"), given)
    assert command == (
        "runner run n.ipynb -p a 0.1 -p b 'x y' -r c 1 -p d None -y '{\"e\": [1, \"x\"]}'"
    )


def test_what_is_said_tells_a_failure_from_what_was_not_run() -> None:
    """Of a share, that it is one; who gathers too early is told by the exit code."""
    outcomes = OUTCOMES | {"6": Outcome(), "7": Outcome(status="running")}
    found = points(1, 5, 6, 7)
    said = summary_text(found, outcomes, BestPoints(metric="a", points=found[:1]), "do", " there")
    assert said.splitlines() == [
        "best of 4 there, by the greatest a: 1: a 0.5, loss 2",
        "  do",
        "failed: 5: ",
        "not done: 2 points: 6, 7",
    ]
    with pytest.raises(NotebookError, match="1 of 4 points failed"):
        check(found, outcomes)
    with pytest.raises(NotebookError, match="2 of 3 points not done"):
        check([found[0], *found[2:]], outcomes)
