"""Choose what a new version is asked before it serves, and put the report into its record."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.config import Limits
from runner.files import if_possible
from runner.record import requests
from runner.rehearsal.cases import read_cases
from runner.rehearsal.choice import choose
from runner.rehearsal.handover import Handover, Rules

log = logging.getLogger(__name__)

_MOST_OF_FILE = 256_000_000


class Rehearsal:
    """Know what one run is to be asked.

    Args:
        order: As the supervisor gave it: folder, requests, cases and rules.
        run: The run's name.
    """

    def __init__(self, order: Mapping[str, Any], run: str) -> None:
        self._cases, self._requests = Path(order["cases"]), Path(order["requests"])
        self._rules = Rules(**order["rules"])
        self._handover = Handover(Path(order["folder"]), run)

    def prepare(self) -> None:
        """Leave what is to be asked where the kernel finds it.

        Raises:
            ConfigurationError: The author's cases are none.
        """
        cases = [*read_cases(self._cases)]
        recorded = _recorded(self._requests) if self._rules.most else iter(())
        chosen, left_out = choose(recorded, self._rules.most)
        if cases or chosen or left_out:
            with if_possible("the new version is not rehearsed"):
                self._handover.leave(self._rules, [*cases, *chosen], left_out)
        elif self._rules.most:
            said = (
                "there is nothing to rehearse by: no request is recorded in %s, and no %s is there"
            )
            log.info(said, self._requests, self._cases)

    def report(self) -> dict[str, Any]:
        """Give the report, or how far it came; empty if it was not begun."""
        return self._handover.said()


def _recorded(path: Path) -> Iterator[dict[str, Any]]:
    """Give what was recorded, the newest first, but for what never comes to the app."""
    limits = Limits.from_environment()
    own = {limits.health_path, limits.ready_path}
    found = _of_file(path) if path.is_file() else requests.read(path)
    for request in found:
        if request.path not in own or request.method not in ("GET", "HEAD"):
            yield request.fields


def _of_file(path: Path) -> Iterator[requests.RecordedRequest]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _MOST_OF_FILE))
        lines = file.read().splitlines()
    found = filter(None, map(requests.request_of, lines))
    return iter(sorted(found, key=lambda request: request.time, reverse=True))
