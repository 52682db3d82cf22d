"""Which share of a sweep is ours, as somebody says or a scheduler counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.sweep.points import Point
from runner.sweep.shards import WHOLE, Shard, shard_of

SLURM = {"SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "3"}


@pytest.mark.parametrize("points", [0, 1, 2, 7, 9])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_each_point_is_in_one_share(points: int, count: int) -> None:
    """However many there are; shares differ by one point at most."""
    all_points = [
        Point(name=str(n), chosen={}, values={}, record=Path(), identity="") for n in range(points)
    ]
    shares = [Shard(index, count).of(all_points) for index in range(1, count + 1)]
    assert sorted(point.name for share in shares for point in share) == [
        point.name for point in all_points
    ]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    ("given", "count", "environ", "shard"),
    [
        ("", 0, {}, WHOLE),
        ("2/3", 0, {}, Shard(2, 3)),
        ("2/3", 5, {"JOB_COMPLETION_INDEX": "4"} | SLURM, Shard(2, 3)),
        ("", 5, {"JOB_COMPLETION_INDEX": "4"}, Shard(5, 5)),
        ("", 0, {"JOB_COMPLETION_INDEX": "4"}, WHOLE),
        ("", 0, {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "2"}, Shard(1, 2)),
        ("", 0, {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}, Shard(2, 2)),
        ("", 0, SLURM | {"SLURM_ARRAY_TASK_ID": "12"}, Shard(3, 3)),
        ("", 0, SLURM | {"SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_STEP": "2"}, Shard(3, 3)),
    ],
)
def test_a_share_is_what_was_said_or_what_the_scheduler_counts(
    given: str, count: int, environ: dict[str, str], shard: Shard
) -> None:
    """From 1 on, whatever the scheduler's first number and step are."""
    assert shard_of(given, count, environ) == shard


@pytest.mark.parametrize(
    ("given", "count", "environ", "said"),
    [
        ("1", 0, {}, "not of the form I/N"),
        ("1/x", 0, {}, "not of the form I/N"),
        ("0/3", 0, {}, "no shard 0 of 3"),
        ("4/3", 0, {}, "no shard 4 of 3"),
        ("1/999999", 0, {}, "at most 100000"),
        ("", 3, {}, "no scheduler says which"),
        ("", 3, {"JOB_COMPLETION_INDEX": "3"}, "no shard 4 of 3"),
        ("", 3, {"JOB_COMPLETION_INDEX": "-1"}, "JOB_COMPLETION_INDEX=-1: not a number"),
        ("", 0, SLURM | {"SLURM_ARRAY_TASK_ID": "17"}, "not evenly spaced"),
    ],
)
def test_a_share_that_there_is_not_is_refused(
    given: str, count: int, environ: dict[str, str], said: str
) -> None:
    """Else points would be run by nobody, or by two."""
    with pytest.raises(ConfigurationError, match=said):
        shard_of(given, count, environ)
