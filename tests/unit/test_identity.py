"""What is left of a replica's runs has a name of its own."""

from __future__ import annotations

import re
import socket

import pytest

from runner import identity
from runner.config import variable

NAME = variable("replica")
POD = "my-model-predictor-00001-deployment-7d4b9c6f8d-x2x1z"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("laptop", "laptop"),
        ("ip-10-0-12-34.eu-west-1.compute.internal", "ip-10-0-12-34"),
        ("Élan_7", "lan-7"),
        ("", "localhost"),
        ("...", "localhost"),
    ],
)
def test_a_replica_has_the_name_of_its_host(
    host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as a file may have it."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert identity.replica({}) == name


def test_a_variable_names_a_replica() -> None:
    """Where hosts have none of their own, or all the same."""
    assert identity.replica({NAME: "zone/a.1"}) == "zone-a-1"


def test_a_long_name_keeps_its_end_and_stays_one_of_its_own() -> None:
    """Pods differ in the end, services in the beginning."""
    names = [identity.replica({NAME: name}) for name in (POD, f"another-{POD}")]
    assert all(len(name) <= 32 and name.endswith("7d4b9c6f8d-x2x1z") for name in names)
    assert len({*names}) == 2


def test_runs_of_replicas_that_start_in_one_second_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their ids sort by the start all the same, and those of one replica by the number."""
    ids = []
    for start, host in (("20261129T000939", "b"), ("20261129T000940", "a-0")):
        monkeypatch.setenv(NAME, host)
        ids += [identity.run_id(number, start) for number in (1, 2)]
    assert ids == sorted({*ids})
    assert ids[0] == "20261129T000939-b-0001"
    assert all(re.fullmatch(identity.RUN_ID, run) for run in [*ids, "20260101T000000-0001"])


@pytest.mark.parametrize(
    ("run", "start"),
    [
        ("20261130T000939-host-0001", "2026-11-30T00:09:39.000+00:00"),
        ("20261130T000939", "2026-11-30T00:09:39.000+00:00"),
        ("20261330T000939-host-0001", ""),
        ("", ""),
    ],
)
def test_a_run_says_by_its_id_when_it_was_started(run: str, start: str) -> None:
    """What is no such id says nothing."""
    assert identity.start_of(run) == start
