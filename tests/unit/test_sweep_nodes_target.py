"""`--on`: the places that it can name."""

from __future__ import annotations

import pytest

from runner.errors import ConfigurationError
from runner.sweep.nodes.target import Kind, read_target


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dask://10.0.0.1:9000", "tcp://10.0.0.1:9000"),
        ("dask://head", "tcp://head:8786"),
        ("tcp://head:1", "tcp://head:1"),
        ("tls://head", "tls://head:8786"),
        ("dask://[fd00::1]:8786", "tcp://[fd00::1]:8786"),
    ],
)
def test_a_scheduler_is_named_by_its_address(text: str, address: str) -> None:
    """Dask's own port is the default; all but TLS is open to whoever can connect."""
    target = read_target(text)
    assert (target.kind, target.address) == (Kind.SCHEDULER, address)
    assert target.is_open is not text.startswith("tls")


def test_deployers_are_named_by_a_word() -> None:
    """Hosts of SSH follow it."""
    assert read_target("ssh:a, b").hosts == ("a", "b")
    assert read_target("slurm").kind is Kind.SLURM
    assert read_target("kubernetes").kind is Kind.KUBERNETES
    assert read_target("local").is_local


@pytest.mark.parametrize("text", ["", "ssh:", "dask:", "dask://", "http://a", "ssh://a", "slurm:4"])
def test_other_places_are_refused(text: str) -> None:
    """The hint names those that there are."""
    with pytest.raises(ConfigurationError) as refusal:
        read_target(text)
    assert "dask://HOST:8786" in refusal.value.hint
