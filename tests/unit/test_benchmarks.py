"""The benchmark compares only what may be compared, and leaves nobody out silently."""

from __future__ import annotations

import math
import re
from pathlib import Path

import httptools
import pytest
import results
import summary
import table
import traffic
import venvs
from load import Window
from recipes import FLOWERS, LIMIT, OURS, Recipe, class_of, read
from results import Results
from rounds import LOADS, Sample, Series, Weight, grouped
from support import ROOT
from targets import Target
from traffic import Traffic

NAMES = list(read())


def window(rate: float) -> Window:
    return Window(rate=rate, p50=1, p99=2, refused=0, lost=0, cost=20, generator=0.5)


def sample(
    server: str, group: int, rate: float, clients: int = 32, sent: Traffic = Traffic.VARIED
) -> Sample:
    return Sample(server=server, clients=clients, group=group, window=window(rate), traffic=sent)


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


def test_varied_requests_and_the_same_bytes_are_kept_apart() -> None:
    """What one client gets that sends the same for ever stands for no other."""
    same = [sample(OURS, 0, 300, sent=Traffic.SAME), sample(LIMIT, 0, 100, sent=Traffic.SAME)]
    found = series(sample(OURS, 0, 90), sample(LIMIT, 0, 100), *same)
    assert found.ratio(OURS, LIMIT, 32) == 0.9
    assert found.ratio(OURS, LIMIT, 32, traffic=Traffic.SAME) == 3
    assert [each.rate for each in found.windows(OURS, 32)] == [90]


@pytest.mark.parametrize("recipe", read().values(), ids=NAMES)
def test_no_two_heads_are_the_same(recipe: Recipe) -> None:
    """A server that remembers heads or bodies gains nothing by it."""
    sent = [each.partition(b"\r\n\r\n") for each in traffic.varied(recipe, "localhost")]
    assert len({head for head, _, _ in sent}) == len(sent) == traffic.DISTINCT
    assert len({body for _, _, body in sent}) > 0.99 * len(sent)
    assert len({len(body) for _, _, body in sent}) > 1


class Parsed:
    """What a parser of HTTP/1.1 finds in a request."""

    def __init__(self, request: bytes) -> None:
        self.names: list[bytes] = []
        self.body, self.is_complete = b"", False
        httptools.HttpRequestParser(self).feed_data(request)

    def on_header(self, name: bytes, _: bytes) -> None:
        self.names.append(name.lower())

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


def test_a_varied_request_is_what_a_proxy_passes_on() -> None:
    """It is one whole request with the fields of a tracing client, a proxy and the body's form."""
    recipe = read()[OURS]
    for request in [*traffic.varied(recipe, "localhost")][:100]:
        found = Parsed(request)
        assert found.is_complete
        assert found.body == request.partition(b"\r\n\r\n")[2]
        assert {b"traceparent", b"x-request-id", b"x-forwarded-for"} < set(found.names)
        assert len(found.names) == len(set(found.names))
    assert Parsed(traffic.same(recipe, "localhost")).names[0] == b"host"


def test_an_environment_of_the_project_is_of_one_checkout(tmp_path: Path) -> None:
    """A second checkout never measures what the first has installed."""
    assert venvs.name_in(ROOT, "runner") == venvs.name_in(ROOT, "runner")
    assert venvs.name_in(ROOT, "runner") != venvs.name_in(tmp_path, "runner")


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
    samples = [sample(LIMIT, 0, 1, clients, sent) for clients, sent in LOADS]
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


def test_what_a_benchmark_starts_ends_with_it() -> None:
    """However that ends: the first that it does is to see to it."""
    starts = re.compile(r"(?m)^(import subprocess|from (service|watched_service|server) )")
    texts = {path: path.read_text() for path in (ROOT / "benchmarks").rglob("*.py")}
    mains = [path for path, text in texts.items() if starts.search(text) and "def main(" in text]
    assert len(mains) > 20
    begins = re.compile(
        r'def main\(\) -> None:\n    """[^"]*"""\n    (?:leave_nothing|move_in)\(\)\n'
    )
    # Or it becomes the first process of a host of its own, with which all others end.
    moves = "    given = options.parse_args()\n    move_in()\n"
    lacking = [path for path in mains if not (begins.search(texts[path]) or moves in texts[path])]
    assert not [path.name for path in lacking]
