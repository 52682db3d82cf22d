"""Choose and sort runs by what a reader asks for: words, and comparisons such as ``accuracy>0.9``.

The rules of this file:

1. A term compares where it names a metric, a parameter or ``seconds``: ``C=10``, ``loss<=0.2``.
   Any other is looked for in what the run is called. All terms must hold.
2. What has no value to sort by stands last, in either direction.
3. What cannot be understood asks for nothing; nobody's input is an error.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from runner.cockpit.run_summary import RunSummary
from runner.cockpit.run_values import Value, text_of_value

PAGE = 100
_LONGEST_TEXT, _MOST_TERMS = 300, 20
_TERM = re.compile(r"([^<>=!]+)(<=|>=|!=|=|<|>)(.+)")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_METRIC, _PARAMETER = "metric:", "parameter:"
NEWEST_FIRST = "-started"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Be what a reader asks of the list.

    Attributes:
        text: Terms, with spaces between.
        status: Only runs of this state; all if empty.
        kind: Only those that were started so; all if empty.
        sort: ``started``, ``seconds``, ``name``, ``status``, ``metric:NAME`` or
            ``parameter:NAME``; ``-`` before it turns it round.
        page: From 1 on.
    """

    text: str = ""
    status: str = ""
    kind: str = ""
    sort: str = NEWEST_FIRST
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> RunQuery:
        """Read it from an address."""
        page = given.get("page", "")
        return cls(
            text=given.get("text", "")[:_LONGEST_TEXT],
            status=given.get("status", "")[:_LONGEST_TEXT],
            kind=given.get("kind", "")[:_LONGEST_TEXT],
            sort=given.get("sort", "")[:_LONGEST_TEXT] or NEWEST_FIRST,
            page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 else 1,
        )

    def address(self, **changed: object) -> str:
        """Give the part of an address that asks this, with something changed."""
        asked = dataclasses.asdict(self) | {"page": 1} | changed
        usual = dataclasses.asdict(RunQuery())
        return urlencode({name: asked[name] for name in asked if asked[name] != usual[name]})

    def sorted_by(self, column: str) -> str:
        """Give the address that sorts by a column: the large first, and at the next click last."""
        return self.address(sort=column if self.sort == f"-{column}" else f"-{column}")


def choose(runs: Sequence[RunSummary], query: RunQuery) -> list[RunSummary]:
    """Give the runs that are asked for, sorted."""
    terms = query.text.split()[:_MOST_TERMS]
    found = [
        run
        for run in runs
        if query.status in ("", run.status)
        and query.kind in ("", run.kind)
        and all(_holds(run, term) for term in terms)
    ]
    column = query.sort.removeprefix("-")
    keyed = [(_sortable(value_of(run, column)), run) for run in found]
    known = [(key, run) for key, run in keyed if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=query.sort.startswith("-"))
    return [run for _, run in known] + [run for key, run in keyed if key is None]


def value_of(run: RunSummary, column: str) -> Value:
    """Give what a run has in a column of the list."""
    if column.startswith(_METRIC):
        return run.metrics.get(column.removeprefix(_METRIC))
    if column.startswith(_PARAMETER):
        return run.parameters.get(column.removeprefix(_PARAMETER))
    own: dict[str, Value] = {
        "started": run.started,
        "seconds": run.seconds,
        "name": run.name,
        "status": run.status,
    }
    return own.get(column)


def _sortable(value: Value) -> tuple[bool, float, str] | None:
    """Give what orders values: numbers before texts."""
    if value is None or value != value:  # noqa: PLR0124 - it is NaN
        return None
    if isinstance(value, str):
        return (True, 0.0, value.casefold())
    return (False, float(value), "")


def _holds(run: RunSummary, term: str) -> bool:
    compared = _TERM.fullmatch(term)
    if compared:
        name, sign, wanted = compared.groups()
        named = [values[name] for values in (run.metrics, run.parameters) if name in values]
        if name == "seconds" and not named:
            named = [run.seconds]
        return any(_compares(value, sign, wanted) for value in named)
    texts = (run.path, run.notebook, run.point, run.status, run.kind)
    return any(term.casefold() in text.casefold() for text in texts)


def _compares(value: Value, sign: str, wanted: str) -> bool:
    number, other = _number(value), _number(wanted)
    if sign in ("=", "!="):
        are_numbers = number is not None and other is not None
        is_same = number == other if are_numbers else text_of_value(value) == wanted
        return is_same is (sign == "=")
    return number is not None and other is not None and _COMPARE[sign](number, other)


def _number(value: Value) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
