"""Plan a sweep: which points there are, and which of them are to be run."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.notebook.parameter_types import plain
from runner.run.run import checked
from runner.sweep.grid import Axes, combinations, grid_of, read_axes
from runner.sweep.options import SweepOptions
from runner.sweep.points import MODEL_PATH, Point, digest, point_factory
from runner.sweep.results import Outcomes

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Say which points a sweep may have.

    Attributes:
        axes: Of each parameter that is swept the values and ranges.
        point_of: Makes a point of the values that are chosen for it.
        identity: By what to know again all that the points share.
        secrets: Names of parameters to mask besides those that are known.
    """

    axes: Axes
    point_of: Callable[[dict[str, Any]], Point]
    identity: str
    secrets: frozenset[str]

    def points(self) -> list[Point]:
        """List the points of all combinations.

        Raises:
            ConfigurationError: There are too many, or a value comes twice.
        """
        return [self.point_of(chosen) for chosen in combinations(grid_of(self.axes))]


def plan_of(options: SweepOptions, document: notebook.Notebook, sha256: str) -> Plan:
    """Check what is to be swept.

    Args:
        options: What to do.
        document: The notebook.
        sha256: The hash of its file.

    Raises:
        ConfigurationError: The notebook, a parameter or a grid is wrong.
    """
    if any(notebook.SERVE_TAG in notebook.tags(cell) for cell in document.cells):
        raise ConfigurationError(
            f"{options.path}: has a cell tagged `serve`, so a run of it would not end",
            hint="sweep the notebook that trains",
        )
    fixed = plain(checked(document, options.fixed))
    axes = read_axes(options.grid, document)
    if twice := fixed.keys() & axes.keys():
        raise ConfigurationError(f"--grid {min(twice)}: also given as a fixed parameter")
    document.check_secrets(fixed | dict.fromkeys(axes))
    shared = fixed.get(MODEL_PATH)
    if isinstance(shared, str) and "{point}" not in shared and "{folder}" not in shared:
        log.warning(
            "every run gets the same model_path, %s; '{folder}' in it tells them apart", shared
        )
    # By another kernel it is another notebook.
    known = sha256 + "".join(dataclasses.astuple(options.kernel))
    return Plan(
        axes=axes,
        point_of=point_factory(document, known, fixed, axes.keys(), options.folder),
        identity=digest([known, fixed]),
        secrets=document.secrets,
    )


def due_points(options: SweepOptions, points: Sequence[Point], outcomes: Outcomes) -> list[Point]:
    """List the points that are to be run: what did not end by itself, and failures if wished."""
    return [
        point
        for point in points
        if not outcomes[point.name].is_completed
        and (options.retries_failed or not outcomes[point.name].has_failed)
    ]
