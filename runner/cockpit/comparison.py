"""Compare two runs: what they were given, what came out, what they ran on, cells that differ."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.cockpit import layout
from runner.cockpit.difference import Line, lines_of
from runner.cockpit.records import Record, RecordCell
from runner.cockpit.run_summary import RunSummary
from runner.cockpit.run_values import plain, text_of_value

_MOST_LINES = 400  # of a text that is compared line by line
_MOST_DIFFERENCES = 100
_FACTS = {
    "notebook": "notebook",
    "notebook_sha256": "its hash",
    "git_commit": "commit",
    "git_dirty": "changed since the commit",
    "python": "Python",
    "host": "host",
    "reason": "ended since",
}
_ABSENT = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """Be one line of a comparison.

    Attributes:
        name: Of what.
        left: As one run has it; empty if it has not.
        right: As the other has it.
        change: By how much the right one is greater, of numbers.
    """

    name: str
    left: str
    right: str
    change: str = ""

    @property
    def differs(self) -> bool:
        """Tell whether the two are not the same."""
        return self.left != self.right


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellDifference:
    """Say how a cell differs between two runs.

    Attributes:
        left: In one run; None if it has none of the kind.
        right: In the other.
        source: The lines of its text; none if that is the same.
        output: Likewise of what it put out.
    """

    left: RecordCell | None
    right: RecordCell | None
    source: Sequence[Line]
    output: Sequence[Line]

    @property
    def cell(self) -> RecordCell:
        """Give either, to name it."""
        found = self.right or self.left
        assert found is not None  # noqa: S101 - one of both there always is
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Compare two runs.

    Attributes:
        parameters: What they were given, or had by default.
        metrics: What they recorded.
        facts: What they ran on, and how they ended.
        packages: Those whose versions differ.
        cells: Those that differ, but for those beyond a bound.
        different_cells: How many do.
        same_cells: How many do not.
    """

    parameters: Sequence[Row]
    metrics: Sequence[Row]
    facts: Sequence[Row]
    packages: Sequence[Row]
    cells: Sequence[CellDifference] = ()
    different_cells: int = 0
    same_cells: int = 0


def compare(
    left: RunSummary, right: RunSummary, records: tuple[Record | None, Record | None]
) -> Comparison:
    """Compare two runs.

    Args:
        left: One.
        right: The other.
        records: Their records; None of those that are too large to be read whole.
    """
    one, other = (record.facts if record else {} for record in records)
    packages = _rows(_texts(one.get("packages")), _texts(other.get("packages")))
    pairs = list(_pairs(*(record.cells if record else () for record in records)))
    different = [pair for pair in pairs if _differs(*pair)] if all(records) else []
    return Comparison(
        parameters=_rows(_parameters(left, records[0]), _parameters(right, records[1])),
        metrics=_metric_rows(left, right),
        facts=[
            *_rows(_of_run(left), _of_run(right)),
            *_rows(_named(one), _named(other)),
        ],
        packages=[row for row in packages if row.differs],
        cells=[_difference(*pair) for pair in different[:_MOST_DIFFERENCES]],
        different_cells=len(different),
        same_cells=len(pairs) - len(different) if all(records) else 0,
    )


def _parameters(run: RunSummary, record: Record | None) -> dict[str, str]:
    defaults = record.defaults if record else {}
    known = {name: plain(value) for name, value in list(defaults.items())[:100]}
    return {name: text_of_value(value) for name, value in (known | dict(run.parameters)).items()}


def _metric_rows(left: RunSummary, right: RunSummary) -> list[Row]:
    rows = []
    for name in dict.fromkeys([*left.metrics, *right.metrics]):
        one, other = left.metrics.get(name), right.metrics.get(name)
        has_changed = one is not None and other is not None and one != other
        rows.append(
            Row(
                name=name,
                left=text_of_value(one) if name in left.metrics else _ABSENT,
                right=text_of_value(other) if name in right.metrics else _ABSENT,
                change=f"{(other or 0) - (one or 0):+.6g}" if has_changed else "",
            )
        )
    return rows


def _of_run(run: RunSummary) -> dict[str, str]:
    duration = "" if run.seconds is None else layout.span(run.seconds)
    return {"state": run.status, "duration": duration}


def _named(facts: Mapping[str, Any]) -> dict[str, str]:
    return {
        said: text_of_value(plain(facts[name]))
        for name, said in _FACTS.items()
        if facts.get(name) is not None
    }


def _texts(value: Any) -> dict[str, str]:
    known = list(value.items())[:1_000] if isinstance(value, dict) else []
    return {str(name)[:100]: text_of_value(plain(each)) for name, each in known}


def _rows(left: Mapping[str, str], right: Mapping[str, str]) -> list[Row]:
    return [
        Row(name=name, left=left.get(name, _ABSENT), right=right.get(name, _ABSENT))
        for name in dict.fromkeys([*left, *right])
    ]


def _pairs(
    left: Sequence[RecordCell], right: Sequence[RecordCell]
) -> Iterator[tuple[RecordCell | None, RecordCell | None]]:
    """Pair the cells that are the same one, in their order."""
    names = [[cell.cell_id or cell.source for cell in cells] for cells in (left, right)]
    matcher = difflib.SequenceMatcher(a=names[0], b=names[1], autojunk=False)
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[first:last], right[begin:end], strict=True)
        else:
            yield from ((cell, None) for cell in left[first:last])
            yield from ((None, cell) for cell in right[begin:end])


def _differs(left: RecordCell | None, right: RecordCell | None) -> bool:
    if left is None or right is None:
        return True
    return (left.source, left.output) != (right.source, right.output)


def _difference(left: RecordCell | None, right: RecordCell | None) -> CellDifference:
    sources = (left.source if left else "", right.source if right else "")
    outputs = (left.output if left else "", right.output if right else "")
    return CellDifference(left=left, right=right, source=_lines(*sources), output=_lines(*outputs))


def _lines(left: str, right: str) -> list[Line]:
    """Compare two texts; what takes long to be compared is shown as it is, up to a bound."""
    if left == right:
        return []
    one, other = left.splitlines(), right.splitlines()
    if max(len(one), len(other)) <= _MOST_LINES:
        return list(lines_of(left, right))
    return [
        *(Line(text=line, kind="removed") for line in one[:_MOST_LINES]),
        *(Line(text=line, kind="added") for line in other[:_MOST_LINES]),
    ]
