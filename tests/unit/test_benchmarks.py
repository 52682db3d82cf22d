"""The benchmark compares only what may be compared, and leaves nobody out silently."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import results
import summary
import table
from load import Window
from recipes import FLOWERS, LIMIT, OURS, Recipe, class_of, read
from results import Results
from rounds import Sample, Series, Weight, grouped
from support import ROOT
from targets import Target

NAMES = list(read())


def window(rate: float) -> Window:
    return Window(rate=rate, p50=1, p99=2, refused=0, lost=0, cost=20)


def sample(server: str, group: int, rate: float) -> Sample:
    return Sample(server=server, clients=32, group=group, window=window(rate))


def series(*samples: Sample, faults: dict[str, str] | None = None) -> Series:
    weight = Weight(boot=1, pss=100, idle=0)
    return Series(
        weights={each.server: weight for each in samples},
        samples=list(samples),
        faults=faults or {},
    )


def test_every_group_has_the_anchors() -> None:
    """A ratio needs the limit and ours beside each other, in every group."""
    groups = grouped(NAMES)
    assert len(groups) > 1
    assert all(group[:2] == [LIMIT, OURS] for group in groups)
    assert {name for group in groups for name in group} == set(NAMES)


def test_a_ratio_is_of_one_group() -> None:
    """A slow minute of the machine slows both, and leaves their ratio."""
    found = series(
        sample(OURS, 0, 200), sample(LIMIT, 0, 100), sample(OURS, 1, 20), sample(LIMIT, 1, 10)
    )
    assert found.ratio(OURS, LIMIT, 32) == 2


def test_a_group_without_the_other_says_nothing() -> None:
    """Windows of other groups are not taken in the place of missing ones."""
    found = series(sample(OURS, 0, 200), sample("plain", 0, 100), sample(OURS, 1, 1))
    assert found.ratio(OURS, "plain", 32) == 2


@pytest.mark.parametrize(
    ("found", "is_least", "verdict"),
    [
        (1.0, True, "yes"),
        (0.99, True, "**falls short**"),
        (1.0, False, "yes"),
        (1.01, False, "**falls short**"),
        (math.nan, True, "not measured"),
    ],
)
def test_a_target_is_met_at_its_bound(found: float, is_least: bool, verdict: str) -> None:
    """Nothing that falls short is called reached."""
    target = Target(claim="a", found=found, bound=1.0, is_least=is_least)
    assert target.verdict() == verdict


def test_who_does_not_start_is_in_the_table() -> None:
    """A server that could not be measured is named with the reason."""
    samples = [
        Sample(server=LIMIT, clients=clients, group=0, window=window(1)) for clients in (1, 32, 256)
    ]
    found = Results(
        machine="",
        rounds=1,
        seconds=1,
        versions={},
        series={1: series(*samples, faults={"bentoml": "does not start: a | b"})},
    )
    (row,) = [line for line in table.page(found).splitlines() if "does not start" in line]
    assert row.startswith("| BentoML |")
    assert row.count("|") == len(table.HEAD) + 1


@pytest.mark.parametrize("recipe", read().values(), ids=NAMES)
def test_a_recipe_is_complete(recipe: Recipe) -> None:
    """Each server has exact requirements and the files that its command names."""
    lines = (recipe.folder / "requirements.txt").read_text().splitlines()
    assert lines
    if recipe.files != OURS:  # it is this project, with its own requirements
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    named = [Path(word) for word in re.findall(r"\{here\}/(\S+)", recipe.command)]
    for name in [*named, *filter(None, [recipe.prepare])]:
        assert (recipe.folder / name).is_file()


@pytest.mark.parametrize(
    "answer",
    [b'{"val": 2}', b'{"predictions": [2]}', b'{"outputs": [{"name": "predict", "data": [2]}]}'],
)
def test_the_class_is_found_in_every_answer(answer: bytes) -> None:
    """A server is only measured if it is right, whatever its answers look like."""
    assert class_of(answer) == 2


def test_the_flowers_have_all_classes() -> None:
    """A server that always answers the same is not taken for a right one."""
    assert sorted(FLOWERS.values()) == [0, 1, 2]


def test_the_pages_say_what_was_measured() -> None:
    """The documentation's table and the results' page are what the figures give."""
    found = results.read(ROOT / "benchmarks/results/predict.json")
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert summary.insert(page, found) == page
    assert (ROOT / "benchmarks/results/predict.md").read_text() == table.page(found)
