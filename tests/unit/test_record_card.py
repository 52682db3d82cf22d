"""The card of a service: the same in HTML and in text, and nothing of it does anything."""

from __future__ import annotations

import html.parser
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from runner.record import card as cards
from runner.record.card import Card, Tone
from runner.record.sparkline import Sparkline

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> $x$ \\(y\\)"


class Seen(html.parser.HTMLParser):
    """Remember the elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def point(at: float, requests: int, errors: int = 0) -> tuple[float, int, int]:
    return at, requests, errors


def a_card(**changes: Any) -> Card:
    given: dict[str, Any] = {
        "tone": Tone.WELL,
        "title": "serving since now",
        "figures": (("1,000", "requests"),),
        "rows": (("address", "http://127.0.0.1:8000"), ("cause", HOSTILE)),
        "command": f"curl {HOSTILE}",
        "sparkline": Sparkline.of([point(60 * 60, 5)], 60 * 60),
    }
    return Card(**given | changes)


def test_both_forms_say_the_same_and_what_is_hostile_is_only_text() -> None:
    """No element but those that Jupyter shows of a notebook that nobody trusts."""
    shown = a_card(title=HOSTILE)
    seen = Seen(shown.html())
    assert seen.tags == {"div", "span", "b", "img", "pre", "a"}
    assert seen.attributes == {"style", "src", "alt", "width", "height", "href"}
    assert seen.text.count(HOSTILE) == 3
    for said in ("1,000", "requests", "http://127.0.0.1:8000", "last hour: 5 requests"):
        assert said in seen.text
        assert said in shown.text()
    assert "<span>&#36;</span>x" in shown.html(), "a page would take it for a formula"


def test_it_is_an_output_that_a_notebook_may_have() -> None:
    """It is told from what the cell shows itself."""
    output = a_card().output()
    nbformat.validate(new_notebook(cells=[new_code_cell("1", outputs=[output])]))
    assert cards.is_card(output)
    assert not cards.is_card({"output_type": "stream"})
    assert not cards.is_card({"metadata": {"runner": 1}})


def test_only_what_it_says_makes_it_another() -> None:
    """The time at which it was looked is not worth a save."""
    assert a_card(beside="as of 12:00") == a_card(beside="as of 12:01")
    assert a_card() != a_card(title="stopping")


def test_it_stays_small() -> None:
    """Whatever is said, and however much was asked each minute."""
    busy = Sparkline.of([point(60 * n, 10**6 + n, n) for n in range(100, 160)], 60 * 159)
    rows = tuple(("warning", "x" * 10**6) for _ in range(20))
    card = a_card(rows=rows, command="y" * 10**6, sparkline=busy)
    assert len(card.html()) + len(card.text()) < 60_000


def test_of_a_killed_process_it_says_so() -> None:
    """What was saved last stays below, in both forms, as a text or as lines."""
    output: dict[str, Any] = dict(a_card().output())
    output["data"]["text/plain"] = output["data"]["text/plain"].splitlines(keepends=True)
    cards.end_without_word(output, "by SIGKILL")
    for text in output["data"].values():
        assert text.index("killed: by SIGKILL") < text.index("serving since now")


def test_traffic_is_summed_by_the_minute() -> None:
    """Those of the last hour; a bar for each, errors over it."""
    drawn = Sparkline.of([point(0, 9), point(3600, 1), point(3659, 2, 1), point(3540, 4)], 3660)
    assert drawn.requests[-3:] == (4, 3, 0)
    assert sum(drawn.requests) == 7
    assert drawn.errors[-2] == 1
    assert drawn.svg().count("z") == 3
    assert drawn.text().strip() == "█▇"
    assert "at most 4 in a minute" in drawn.said


@pytest.mark.parametrize("points", [[], [point(0, 5)]])
def test_an_hour_without_requests_is_a_line(points: list[tuple[float, int, int]]) -> None:
    """Nothing is drawn of what was before."""
    drawn = Sparkline.of(points, 9_000)
    assert drawn.svg().count("<path") == 1
    assert drawn.said == "the service's last hour: no requests"
