"""Choose which recorded requests to play: failures first, the newest, of each endpoint some."""

from __future__ import annotations

import collections
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from runner.rehearsal.cases import MOST_BYTES, case_of, is_failed

Line = dict[str, Any]

SAFE = ("GET", "HEAD")
"""Methods that change nothing, by their definition."""

_BUSY = 503
_LOOKED_AT = 10  # times as many as are wanted
_LEAST_LOOKED_AT = 2_000


def choose(newest_first: Iterable[Line], most: int) -> tuple[list[Line], dict[str, int]]:
    """Choose what may be played, best first.

    An app of the author's own is asked only what is safe, and which it is shows when it serves: so
    there are up to ``most`` that are safe besides up to ``most`` of all.

    Args:
        newest_first: The recorded requests; only so many are looked at as there is need for.
        most: How many to choose.

    Returns:
        The chosen, and how many were left out by reasons.
    """
    left_out: collections.Counter[str] = collections.Counter()
    whole = list(_replayable(newest_first, most, left_out)) if most else []
    chosen = _ranked(whole, most)
    known = {id(line) for line in chosen}
    safe = _ranked([line for line in whole if line.get("method") in SAFE], most)
    return [*chosen, *(line for line in safe if id(line) not in known)], dict(left_out)


def _replayable(
    newest_first: Iterable[Line], most: int, left_out: collections.Counter[str]
) -> Iterator[Line]:
    size, known = 0, set()
    for line in itertools.islice(newest_first, max(_LOOKED_AT * most, _LEAST_LOOKED_AT)):
        size += len(json.dumps(line, default=str))
        if size > MOST_BYTES:
            return
        if line.get("status") == _BUSY or _is_upgrade(line):
            left_out["maybe not answered by the app"] += 1
        elif line.get("is_cut"):
            left_out["not recorded as a whole"] += 1
        elif line.get("is_masked"):
            left_out["recorded with masked values"] += 1
        elif not _can_be_asked(line):
            left_out["cannot be asked again"] += 1
        else:
            asked = (*_endpoint(line), line.get("query"), json.dumps(line.get("body")))
            if asked not in known:  # the same once more tells nothing more
                known.add(asked)
                yield line


def _can_be_asked(line: Line) -> bool:
    """Tell whether it is a case: clients send what is none, such as ``OPTIONS *``."""
    try:
        case_of(line)
    except ValueError:
        return False
    return True


def _is_upgrade(line: Line) -> bool:
    status = line.get("status")
    return isinstance(status, int) and status < 200


def _endpoint(line: Line) -> tuple[str, str]:
    return str(line.get("method")), str(line.get("path"))


def _ranked(lines: list[Line], most: int) -> list[Line]:
    """Give failures first, which are half of all unless there is too little else."""
    failed = [line for line in lines if is_failed(line)]
    others = [line for line in lines if not is_failed(line)]
    room = max(most // 2, most - len(others))
    first = _spread(failed)[:room]
    return [*first, *_spread(others)[: most - len(first)]]


def _spread(lines: list[Line]) -> list[Line]:
    """Take one of each endpoint in turn, the newest first."""
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    ranked = []
    for place, line in enumerate(lines):
        endpoint = _endpoint(line)
        ranked.append((seen[endpoint], place))
        seen[endpoint] += 1
    return [lines[place] for _, place in sorted(ranked)]
