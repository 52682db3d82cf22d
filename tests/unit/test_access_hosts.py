"""Only hosts that are allowed are answered for: no stranger's name stands for this machine."""

from __future__ import annotations

import pytest

from runner.access.gate import Asked, gate_of
from runner.access.hosts import allowed_hosts, hosts_of
from runner.access.refusal import RefusedRequestError
from runner.access.settings import AccessSettings
from runner.config import Limits
from runner.errors import ConfigurationError

_HANDSHAKE = (b"upgrade", b"websocket")


def allows(names: str, host: bytes, *, is_local: bool = True) -> bool:
    hosts = allowed_hosts(hosts_of(names), is_local=is_local)
    return hosts is None or hosts[host]


@pytest.mark.parametrize(
    "host",
    [
        *(b"localhost", b"LocalHost:8000", b"localhost.", b"a.localhost:1", b"127.0.0.1"),
        *(b"127.1.2.3:80", b"[::1]", b"[::1]:8000", b"host.docker.internal:8000", b""),
    ],
)
def test_this_machine_answers_by_its_own_names(host: bytes) -> None:
    """Where only it can connect, with any port; and to who says none, as no browser does."""
    assert allows("", host)


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.org", b"evil.org:8000", b"localhost.evil.org", b"127.0.0.1.evil.org"),
        *(b"notlocalhost", b"[::2]", b"127.0.0.1:80@evil.org", b"0x7f000001", b"127.1", b"["),
        *(b"10.0.0.1", b"localhost:80:80", b"[::1]x", b"[localhost"),
    ],
)
def test_a_name_that_was_rebound_is_refused(host: bytes) -> None:
    """A browser says the other site's name, wherever that leads to."""
    assert not allows("", host)


def test_where_others_can_connect_any_host_will_do() -> None:
    """Unless some are named."""
    assert allows("", b"evil.org", is_local=False)
    assert not allows("a.org", b"evil.org", is_local=False)
    assert not allows("a.org", b"localhost", is_local=False)
    assert not allows("a.org", b"", is_local=False)
    assert allows("*", b"evil.org")


@pytest.mark.parametrize(
    ("names", "host", "is_allowed"),
    [
        ("example.org", b"EXAMPLE.org.:443", True),
        ("example.org", b"a.example.org", False),
        ("example.org", b"localhost:8000", True),
        ("*.example.org", b"a.b.example.org", True),
        ("*.example.org", b"example.org", False),
        ("*.example.org", b"aexample.org", False),
        ("a.org,b.org c.org", b"c.org", True),
        ("10.0.0.5", b"10.0.0.5:80", True),
        ("[2001:db8::1]", b"[2001:DB8:0::1]:80", True),
        ("2001:0db8:0:0:0:0:0:1", b"[2001:db8::1]", True),
        ("[2001:0DB8:0:0:0:0:0:1]:8000", b"[2001:db8::1]", True),
        ("2001:0db8::2", b"[2001:db8::1]", False),
        ("example.org:8000", b"example.org:8000", True),
        ("example.org:8000", b"example.org", True),
        ("fab.de:80", b"fab.de", True),
        ("10.0.0.5:8000", b"10.0.0.5", True),
    ],
)
def test_names_are_added(names: str, host: bytes, is_allowed: bool) -> None:
    """To those of this machine, if that alone can connect; a star stands for what is below."""
    assert allows(names, host) is is_allowed


@pytest.mark.parametrize("name", ["http://a.org", "a.org:80:80", "a/b", "*a.org", "a.*", "é.org"])
def test_what_is_no_host_is_no_option(name: str) -> None:
    """And the error says what one looks like."""
    with pytest.raises(ConfigurationError, match="no host"):
        hosts_of(name)


def test_the_refusal_names_the_option() -> None:
    """Health may be asked by any name: probes come by an address."""
    gate = gate_of(AccessSettings(), Limits(), is_local=True)
    evil = [(b"host", b"evil.org:8000")]
    with pytest.raises(RefusedRequestError, match=r"--allowed-host evil\.org ") as caught:
        gate.admit(Asked("GET", "/", evil))
    assert caught.value.status == 421
    assert gate.admit(Asked("GET", "/healthz", evil)) == ""
    # What goes to the app is no such question: it may answer at any path.
    for other in (Asked("POST", "/healthz", evil), Asked("GET", "/healthz", [*evil, _HANDSHAKE])):
        with pytest.raises(RefusedRequestError):
            gate.admit(other)
    # A proxy's word on the host does not do where it was told another.
    with pytest.raises(RefusedRequestError):
        gate.admit(Asked("GET", "/", [(b"host", b"localhost")], None, evil))


@pytest.mark.parametrize("fields", [[], [(b"accept", b"*/*")]])
def test_who_names_no_host_is_refused_where_hosts_were_named(
    fields: list[tuple[bytes, bytes]],
) -> None:
    """HTTP/1.0 lets a request be without Host, and without any header."""
    gate = gate_of(AccessSettings(hosts=("example.org",)), Limits())
    with pytest.raises(RefusedRequestError) as caught:
        gate.admit(Asked("GET", "/", fields))
    assert caught.value.status == 421


def test_what_was_found_is_kept_within_bounds() -> None:
    """Whoever asks by ever new names fills nothing."""
    hosts = allowed_hosts((), is_local=True)
    assert hosts is not None
    for number in range(3000):
        assert not hosts[b"%d.evil.org" % number]
    assert len(hosts) <= 1024
    assert hosts[b"localhost"]
