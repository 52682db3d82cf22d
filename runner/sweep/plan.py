"""Plan a sweep: which points there are, and which of them are to be run."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.notebook.parameter_types import plain
from runner.run.run import checked
from runner.sweep.grid import read_grid
from runner.sweep.options import SweepOptions
from runner.sweep.points import MODEL_PATH, Point, points_of
from runner.sweep.results import Outcomes

log = logging.getLogger(__name__)


def planned_points(options: SweepOptions, document: notebook.Notebook, sha256: str) -> list[Point]:
    """List the points of a sweep.

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
    grid = read_grid(options.grid, document)
    if twice := fixed.keys() & grid.keys():
        raise ConfigurationError(f"--grid {min(twice)}: also given as a fixed parameter")
    document.check_secrets(fixed | dict.fromkeys(grid))
    # By another kernel it is another notebook.
    chosen = "".join(dataclasses.astuple(options.kernel))
    points = points_of(document, sha256 + chosen, fixed, grid, options.folder)
    shared = fixed.get(MODEL_PATH)
    if shared and shared in {point.values[MODEL_PATH] for point in points}:
        log.warning(
            "every run gets the same model_path, %s; '{folder}' in it tells them apart", shared
        )
    return points


def due_points(options: SweepOptions, points: Sequence[Point], outcomes: Outcomes) -> list[Point]:
    """List the points that are to be run: what did not end by itself, and failures if wished."""
    return [
        point
        for point in points
        if not outcomes[point.name].is_completed
        and (options.retries_failed or not outcomes[point.name].has_failed)
    ]
