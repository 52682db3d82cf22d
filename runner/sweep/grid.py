"""Read ``--grid NAME=V1,V2`` and check its values against what the notebook declares."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import parameter_values
from runner.notebook.document import Notebook
from runner.notebook.parameter_types import plain
from runner.sweep.ranges import Range, parts_of, range_of

Grid = dict[str, list[Any]]
Axes = dict[str, list[Any]]
"""Of each parameter the values and the ranges, before these are listed."""

MOST_POINTS = 100_000


def grid_of(axes: Axes) -> Grid:
    """List the values of each parameter, those of its ranges in their place.

    Raises:
        ConfigurationError: There are more than `MOST_POINTS` points, or a value comes twice.
    """
    counts = {
        name: sum(value.count if isinstance(value, Range) else 1 for value in values)
        for name, values in axes.items()
    }
    if (points := math.prod(counts.values())) > MOST_POINTS:
        raise ConfigurationError(
            f"--grid: {points:,} points; at most {MOST_POINTS:,} are possible",
            hint="a range says how many values it has by a number at its end: 1..1000:10",
        )
    return {name: listed(name, values) for name, values in axes.items()}


def read_axes(texts: Sequence[str], document: Notebook) -> Axes:
    """Read grids; a value is read in the first way that fits the parameter's declared type.

    Args:
        texts: ``NAME=V1,V2,…`` each; a value that holds a comma stands in double quotes, and one
            of the form ``LOW..HIGH`` is a range where the parameter takes numbers.
        document: The notebook; if it is not Python, nothing is checked.

    Raises:
        ConfigurationError: A text has another form, a name is unknown or comes twice, or a
            value has the wrong type or comes twice.
    """
    axes: Axes = {}
    for text in texts:
        name, found = _name_and_values(text)
        if name in axes:
            raise ConfigurationError(f"--grid {name}: given twice; list all its values in one")
        axes[name] = [
            _range(document, name, value) or _typed_value(document, name, value) for value in found
        ]
        _check_distinct(name, [value for value in axes[name] if not isinstance(value, Range)])
    return axes


def listed(name: str, values: Sequence[Any]) -> list[Any]:
    """List the values of a parameter, those of its ranges in their place.

    Raises:
        ConfigurationError: One comes twice.
    """
    found: list[Any] = []
    for value in values:
        found += value.values() if isinstance(value, Range) else [value]
    _check_distinct(name, found)
    return found


def combinations(grid: Grid) -> Iterator[dict[str, Any]]:
    """Give the values of each point; the last parameter changes fastest."""
    for chosen in itertools.product(*grid.values()):
        yield dict(zip(grid, chosen, strict=True))


def _name_and_values(text: str) -> tuple[str, list[str]]:
    name, equals, values_text = text.partition("=")
    try:
        found = next(csv.reader([values_text], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise ConfigurationError(f"--grid {text}: {error}") from error
    if not (name.strip() and equals and found):
        raise ConfigurationError(
            f"--grid {text}: not of the form NAME=V1,V2", hint="--grid C=0.1,1,10"
        )
    return name.strip(), found


def _range(document: Notebook, name: str, text: str) -> Range | None:
    """Read a range; None if the text is none, or the parameter takes no numbers."""
    parts = parts_of(text)
    if parts is None:
        return None
    ends = [_typed_value(document, name, end) for end in (parts.low, parts.high)]
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        return None
    low, high = ends
    return range_of(parts, low, high, f"--grid {name}={text}")


def _typed_value(document: Notebook, name: str, text: str) -> Any:
    preferred = parameter_values.parsed_value(text)
    if not document.is_python:
        return preferred
    for read_as in (parameter_values.parsed_value, str, _from_yaml):
        try:
            return plain(document.check({name: read_as(text)})[name])
        except (ConfigurationError, ValueError):
            continue
    try:
        return plain(document.check({name: preferred})[name])  # raises, and says what is wrong
    except ConfigurationError as error:
        if name in document.parameters():
            raise ConfigurationError(str(error), hint="") from error
        raise


def _from_yaml(text: str) -> Any:
    return parameter_values.from_yaml(text, "--grid")


def _check_distinct(name: str, values: Sequence[Any]) -> None:
    seen = set()
    for value in values:
        if (known := json.dumps(value, default=str)) in seen:
            raise ConfigurationError(f"--grid {name}: the value {value!r} comes twice")
        seen.add(known)
