"""Lay out the picture of a sweep: each point of it a link that the keyboard reaches.

The sweep's own picture, ``results.svg``, is drawn by matplotlib in a kernel, at the end, and leads
nowhere. This one shows the same: of two parameters a map, else of each parameter its values against
the metric. It stands as soon as there is a point, and in the page's own colours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from runner.cockpit.run_summary import RunSummary
from runner.cockpit.run_values import Value, number_of, text_of_value
from runner.cockpit.sweeps import Sweep

WIDTH, HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 40
_MOST_PLOTS, _MOST_POINTS, _MOST_TICKS = 6, 1_000, 6
_MOST_ROWS = 30
LEVELS = 8  # of a map's colours


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
    """Be a mark of an axis: where it stands, in the picture's units, and what it says."""

    at: float
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot:
    """Be a point of a plot."""

    x: float
    y: float
    run: RunSummary
    text: str
    is_best: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plot:
    """Show what one parameter does.

    Attributes:
        name: The parameter.
        dots: One for each point that has a value.
        line: Through the mean of those that share a value: ``x,y x,y``.
        across: The marks of the parameter.
        down: Those of the metric.
    """

    name: str
    dots: Sequence[Dot]
    line: str
    across: Sequence[Tick]
    down: Sequence[Tick]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapCell:
    """Be a field of a map: ``level`` is how good it is, from 0 on; None without a value."""

    run: RunSummary
    text: str
    level: int | None
    is_best: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Map:
    """Show what two parameters do.

    Attributes:
        down: The parameter of the rows.
        across: That of the columns.
        columns: Its values.
        rows: Each with its value, and a field or nothing for each column.
    """

    down: str
    across: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[MapCell | None]]]


def map_of(sweep: Sweep) -> Map | None:
    """Make the map of a sweep of two parameters; None of another, or of one with many values."""
    if len(sweep.names) != 2:
        return None
    down, across = sweep.names
    tall, wide = (_values(sweep.points, name) for name in (down, across))
    if max(len(tall), len(wide)) > _MOST_ROWS:
        return None
    scores = [value for run in sweep.points if (value := sweep.aim.value(run)) is not None]
    best = {run.path for run in sweep.best}
    cells = {
        (_text(run, down), _text(run, across)): MapCell(
            run=run,
            text=_score_text(sweep, run),
            level=_level(sweep, run, scores),
            is_best=run.path in best,
        )
        for run in reversed(sweep.points)  # of several in one field the best stays
    }
    columns = [text_of_value(value) for value in wide]
    rows: list[tuple[str, Sequence[MapCell | None]]] = [
        (name, [cells.get((name, column)) for column in columns])
        for name in map(text_of_value, tall)
    ]
    return Map(down=down, across=across, columns=columns, rows=rows)


def plots_of(sweep: Sweep) -> list[Plot]:
    """Make a plot for each parameter."""
    scored = [
        (run, value)
        for run in sweep.points[:_MOST_POINTS]
        if (value := sweep.aim.value(run)) is not None
    ]
    if not scored:
        return []
    return [_plot(sweep, name, scored) for name in sweep.names[:_MOST_PLOTS]]


def _plot(sweep: Sweep, name: str, scored: Sequence[tuple[RunSummary, float]]) -> Plot:
    values = _values([run for run, _ in scored], name)
    across, x_of = _across(values)
    low, high = min(value for _, value in scored), max(value for _, value in scored)
    best = {run.path for run in sweep.best}
    dots = [
        Dot(
            x=x_of[_text(run, name)],
            y=round(_down(value, low, high), 1),
            run=run,
            text=f"{run.point}: {sweep.aim.name} {text_of_value(value)}",
            is_best=run.path in best,
        )
        for run, value in scored
    ]
    marks = [low, (low + high) / 2, high] if high > low else [low]
    down = [Tick(at=round(_down(mark, low, high), 1), text=f"{mark:.4g}") for mark in marks]
    return Plot(name=name, dots=dots, line=_line(dots), across=across, down=down)


def _line(dots: Sequence[Dot]) -> str:
    places: dict[float, list[float]] = {}
    for dot in dots:
        places.setdefault(dot.x, []).append(dot.y)
    return " ".join(f"{x},{sum(found) / len(found):.1f}" for x, found in sorted(places.items()))


def _across(values: Sequence[Value]) -> tuple[list[Tick], dict[str, float]]:
    """Place the values of a parameter: numbers by how large they are, others side by side."""
    texts = [text_of_value(value) for value in values]
    numbers = [number for value in values if (number := number_of(value)) is not None]
    if len(numbers) != len(values):
        places = [float(place) for place in range(len(values))]
    elif min(numbers) > 0 and max(numbers) >= 100 * min(numbers):
        places = [math.log10(number) for number in numbers]
    else:
        places = numbers
    low, high = min(places), max(places)
    inner = 16  # beside the outermost
    width = WIDTH - _LEFT - _RIGHT - 2 * inner
    at = [
        round(_LEFT + inner + width * ((place - low) / (high - low) if high > low else 0.5), 1)
        for place in places
    ]
    every = math.ceil(len(texts) / _MOST_TICKS)
    ticks = [Tick(at=x, text=text[:10]) for x, text in list(zip(at, texts, strict=True))[::every]]
    return ticks, dict(zip(texts, at, strict=True))


def _down(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return HEIGHT - _BOTTOM - 8 - share * (HEIGHT - _TOP - _BOTTOM - 16)


def _score_text(sweep: Sweep, run: RunSummary) -> str:
    value = sweep.aim.value(run)
    return run.status if value is None else f"{value:.4g}"


def _level(sweep: Sweep, run: RunSummary, scores: Sequence[float]) -> int | None:
    value = sweep.aim.value(run)
    if value is None:
        return None
    low, high = min(scores), max(scores)
    if high <= low:
        return LEVELS - 1
    share = (value - low) / (high - low)
    return round((1 - share if sweep.aim.is_smaller_better else share) * (LEVELS - 1))


def _values(points: Sequence[RunSummary], name: str) -> list[Value]:
    """List the values of a parameter: numbers by size, others in the order of the runs."""
    in_order = sorted(points, key=lambda run: run.started or 0.0)
    values = list({_text(run, name): run.parameters.get(name) for run in in_order}.values())
    numbers = [number_of(value) for value in values]
    return values if None in numbers else sorted(values, key=lambda value: number_of(value) or 0.0)


def _text(run: RunSummary, name: str) -> str:
    return text_of_value(run.parameters.get(name))
