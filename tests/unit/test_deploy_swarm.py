"""The stack of `deploy/swarm/` says what the command line knows, and its times fit together."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from support import ROOT

from runner.cli.serve import serve
from runner.config import EngineConfig, Limits

FOLDER = ROOT / "deploy/swarm"


@pytest.fixture(scope="module")
def stack() -> Any:
    return yaml.safe_load((FOLDER / "stack.yml").read_text())


def options(stack: Any) -> dict[str, str]:
    """What the replicas are started with."""
    words = stack["services"]["serve"]["command"]
    assert words[:2] == ["runner", "serve"]
    return dict(word.partition("=")[::2] for word in words if word.startswith("--"))


def test_it_gives_only_options_that_there_are(stack: Any) -> None:
    """A replica that refused one would never start."""
    known = {name for each in serve.params for name in [*each.opts, *each.secondary_opts]}
    assert options(stack).keys() <= known


def test_a_replica_has_the_time_that_it_needs_to_end(stack: Any) -> None:
    """Else the engine kills it in the middle of an answer."""
    limits = Limits()
    needed = float(options(stack)["--lame-duck"]) + limits.linger + limits.drain_timeout
    given = float(stack["services"]["serve"]["stop_grace_period"].removesuffix("s"))
    assert given > needed + EngineConfig().grace


def test_a_replica_that_is_to_end_is_left_alone_before_it_drains(stack: Any) -> None:
    """The balancer's checks see it in time, and one of them may come late."""
    settings = (FOLDER / "haproxy.cfg").read_text()
    found = re.search(r"check inter (\d+)s fall (\d+)", settings)
    assert found is not None
    assert float(options(stack)["--lame-duck"]) > int(found[1]) * (int(found[2]) + 1)


def test_a_replica_counts_as_started_once_it_is_ready(stack: Any) -> None:
    """The balancer sends requests to it from then on, a moment before it has asked it itself."""
    words = stack["services"]["serve"]["healthcheck"]["test"]
    assert words == ["CMD", "runner", "probe", "--health-path", Limits().ready_path]


def test_the_balancer_asks_where_the_service_says_that_it_is_ready() -> None:
    """Of all replicas, which it finds by the service's name."""
    settings = (FOLDER / "haproxy.cfg").read_text()
    assert f"GET {Limits().ready_path}\n" in settings
    assert "tasks.serve:8000" in settings
