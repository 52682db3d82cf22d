"""Know which share of a sweep's points is ours, as somebody or a scheduler that counts says.

The rules of this file:

1. ``I/N`` counts from 1, as test runners' ``--shard`` does.
2. A share is every N-th point: neighbours, which often take as long, go to different shards.
3. What is said to us goes before what a scheduler's variables say.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from runner.errors import ConfigurationError

log = logging.getLogger(__name__)

Each = TypeVar("Each")

MOST_SHARDS = 100_000
_FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
# Of schedulers that count from 0: the index, and how many there are, where they say that.
_COUNTED = (
    ("JOB_COMPLETION_INDEX", ""),  # Kubernetes' Indexed Jobs
    ("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
)


@dataclasses.dataclass(frozen=True)
class Shard:
    """Name one share of several.

    Attributes:
        index: Which, from 1 on.
        count: How many there are.
    """

    index: int = 1
    count: int = 1

    @property
    def is_whole(self) -> bool:
        """Tell whether it is all there is."""
        return self.count == 1

    def of(self, points: Sequence[Each]) -> Sequence[Each]:
        """Give the points of this share."""
        return points[self.index - 1 :: self.count]

    def __str__(self) -> str:
        """Name it as it is given."""
        return f"{self.index}/{self.count}"


WHOLE = Shard()


def shard_of(given: str, count: int, environ: Mapping[str, str]) -> Shard:
    """Say which share is ours.

    Args:
        given: ``I/N``; empty to take it from the scheduler.
        count: How many shards there are, for schedulers that do not say that; 0 if not known.
        environ: Our variables.

    Raises:
        ConfigurationError: There is no such share.
    """
    if given:
        found = _FORM.fullmatch(given)
        if not found:
            raise ConfigurationError(f"--shard {given}: not of the form I/N", hint="--shard 1/3")
        return _checked(int(found[1]), int(found[2]), f"--shard {given}")
    shard = _of_slurm(environ) or _of_counting_scheduler(count, environ)
    if shard is None:
        if count > 1:
            raise ConfigurationError(
                f"--shards {count}: no scheduler says which of them this is",
                hint=f"--shard 1/{count} says it",
            )
        return WHOLE
    return shard


def _of_slurm(environ: Mapping[str, str]) -> Shard | None:
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "COUNT")]
    if any(name not in environ for name in names):
        return None
    task, first, count = (_number(environ, name) for name in names)
    step = _number(environ, "SLURM_ARRAY_TASK_STEP") if "SLURM_ARRAY_TASK_STEP" in environ else 1
    place, rest = divmod(task - first, max(step, 1))
    if rest or place >= count:
        raise ConfigurationError(
            f"SLURM_ARRAY_TASK_ID={task}: the tasks of the array are not evenly spaced",
            hint="--shard says which share is whose; or give it as `--array=1-N`",
        )
    return _checked(place + 1, count, names[0])


def _of_counting_scheduler(given: int, environ: Mapping[str, str]) -> Shard | None:
    for index_name, count_name in _COUNTED:
        if index_name not in environ:
            continue
        count = given or (_number(environ, count_name) if environ.get(count_name) else 0)
        if count:
            return _checked(_number(environ, index_name) + 1, count, index_name)
        log.warning(
            "%s is set, but not how many there are: all points are run here; --shards says it",
            index_name,
        )
    return None


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ[name]
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ConfigurationError(f"{name}={text}: not a number", hint="--shard says it instead")
    return int(text)


def _checked(index: int, count: int, said: str) -> Shard:
    if not 1 <= index <= count:
        raise ConfigurationError(f"{said}: there is no shard {index} of {count}")
    if count > MOST_SHARDS:
        raise ConfigurationError(f"{said}: {count} shards; at most {MOST_SHARDS} are possible")
    return Shard(index, count)
