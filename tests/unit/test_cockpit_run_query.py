"""Choosing and sorting runs."""

from __future__ import annotations

import pytest

from runner.cockpit.run_query import RunQuery, choose
from runner.cockpit.run_summary import Kind, RunSummary
from runner.cockpit.run_values import text_of_value


def run(name: str, **more: object) -> RunSummary:
    facts: dict[str, object] = {
        "kind": Kind.RUN,
        "status": "completed",
        "notebook": f"{name}.ipynb",
    }
    return RunSummary(path=f"runs/{name}/out.ipynb", **facts | more)  # type: ignore[arg-type]


RUNS = [
    run("a", parameters={"C": 1.0}, metrics={"loss": 0.5}, seconds=3.0, started=1.0),
    run("b", parameters={"C": 10.0}, metrics={"loss": 0.1}, seconds=2.0, started=3.0),
    run("c", parameters={"C": "auto"}, status="failed", kind=Kind.SERVICE, started=2.0),
]


def names(**asked: str) -> str:
    return "".join(found.name for found in choose(RUNS, RunQuery.of(asked)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "bca"),
        ("RUNS/B", "b"),
        ("failed", "c"),
        ("C=10", "b"),
        ("C=auto", "c"),
        ("C!=auto", "ba"),
        ("loss<0.5", "b"),
        ("loss<=0.5 seconds>2", "a"),
        ("C>0.5 runs", "ba"),
        ("nothing=1", ""),
        ("=", ""),
        ("loss<", ""),
    ],
)
def test_all_terms_hold_of_what_is_found(text: str, found: str) -> None:
    """A term compares a metric, a parameter or the duration, or is part of a name."""
    assert names(text=text) == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("", "bca"),
        ("started", "acb"),
        ("-seconds", "abc"),
        ("metric:loss", "bac"),
        ("-metric:loss", "abc"),
        ("parameter:C", "abc"),
        ("name", "abc"),
        ("no such column", "abc"),
    ],
)
def test_runs_are_sorted_and_those_without_a_value_stand_last(sort: str, found: str) -> None:
    """In either direction."""
    assert names(sort=sort) == found


def test_state_and_kind_are_chosen_by_themselves() -> None:
    """As they are offered."""
    assert names(status="failed") == names(kind="service") == "c"


@pytest.mark.parametrize("page", ["", "0x1", "-1", "9" * 50, "²"])
def test_an_address_is_never_an_error(page: str) -> None:
    """What cannot be understood asks for nothing, and no text is without an end."""
    query = RunQuery.of({"page": page, "text": "x" * 9_999})
    assert query.page == 1
    assert len(query.text) == 300


def test_an_address_asks_what_it_was_made_from() -> None:
    """Only what is not usual stands in it; another order begins at the first page."""
    query = RunQuery.of({"text": "a&b", "page": "3"})
    assert query.address() == "text=a%26b"
    assert query.address(page=4) == "text=a%26b&page=4"
    assert query.sorted_by("seconds") == "text=a%26b&sort=-seconds"
    assert RunQuery(sort="-seconds").sorted_by("seconds") == "sort=seconds"


def test_values_are_written_as_a_notebook_has_them() -> None:
    """Numbers without noise, the rest as JSON."""
    assert [text_of_value(value) for value in (0.1 + 0.2, 3, True, None, "a")] == [
        "0.3",
        "3",
        "true",
        "null",
        "a",
    ]
