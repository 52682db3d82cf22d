"""Who is let in."""

from __future__ import annotations

import pytest

from runner.access.gate import USUAL_PATHS, Asked, Fields, Gate, gate_of, without_keys
from runner.access.key_file import hash_of, key_of
from runner.access.keys import Keys
from runner.access.refusal import RefusedRequestError
from runner.access.settings import AccessSettings, Opened
from runner.config import Limits

KEY, OTHER = b"the-right-key", b"another-right-key"
AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"


def gate(*opened: Opened, per_second: float = 0.0) -> Gate:
    known = [
        key_of("alice", hash_of(KEY.decode()), per_second),
        key_of("bob", hash_of(OTHER.decode())),
    ]
    health = dict.fromkeys(["/healthz", ""], Opened.HEALTH)
    return Gate(Keys(known), {**USUAL_PATHS, **health}, frozenset(opened))


def asked(*fields: tuple[bytes, bytes], path: str = "/", method: str = "POST") -> Asked:
    return Asked(method, path, fields)


def refused(asked: Asked, by: Gate | None = None) -> RefusedRequestError:
    with pytest.raises(RefusedRequestError) as caught:
        (by or gate()).admit(asked)
    return caught.value


@pytest.mark.parametrize(
    "fields",
    [
        [(AUTHORIZATION, b"Bearer " + KEY)],
        [(AUTHORIZATION, b"bearer  " + KEY)],
        [(API_KEY, KEY)],
        [(AUTHORIZATION, b"Basic YTpi"), (API_KEY, KEY)],  # that is the app's business
    ],
)
def test_who_gives_a_key_is_let_in_by_its_name(fields: Fields) -> None:
    """In either header, as long as it is one."""
    assert gate().admit(asked(*fields)) == "alice"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ([], b""),
        ([(AUTHORIZATION, b"Basic " + KEY)], b""),
        ([(AUTHORIZATION, KEY)], b""),
        ([(AUTHORIZATION, b"Bearer")], b"invalid_token"),
        ([(AUTHORIZATION, b"Bearer " + KEY + b"x")], b"invalid_token"),
        ([(API_KEY, b"")], b"invalid_token"),
        ([(API_KEY, KEY + b"," + KEY)], b"invalid_token"),
        ([(API_KEY, b"k" * 60_000)], b"invalid_token"),
        ([(API_KEY, KEY), (API_KEY, KEY)], b""),
        ([(API_KEY, KEY), (API_KEY, OTHER)], b""),
        ([(AUTHORIZATION, b"Bearer " + KEY), (API_KEY, KEY)], b""),
        ([(AUTHORIZATION, b"Bearer " + KEY), (AUTHORIZATION, b"Bearer " + KEY)], b""),
        ([(AUTHORIZATION, b"Bearer " + KEY), (AUTHORIZATION, b"Basic YTpi")], b""),
    ],
)
def test_who_gives_no_key_or_more_than_one_is_refused(fields: Fields, error: bytes) -> None:
    """By 401, and how to ask for a key is said as HTTP wants it."""
    why = refused(asked(*fields))
    assert why.status == 401
    ((name, challenge),) = why.fields
    assert name == b"www-authenticate"
    assert challenge.startswith(b"Bearer ")
    assert error in challenge
    assert ("invalid_token" in challenge.decode()) == bool(error)
    assert KEY.decode() not in why.said


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_open_needs_no_key(method: str) -> None:
    """Health always; the rest if that is wanted; the path exactly."""
    cases = {"/healthz": [], "/metrics": [Opened.METRICS], "/docs": [Opened.DOCS]}
    for path, opened in cases.items():
        assert gate(*opened).admit(asked(path=path, method=method)) == ""
        assert refused(asked(path=path + "/", method=method), gate(*opened)).status == 401
        assert refused(asked(path=path, method="POST"), gate(*opened)).status == 401
    assert refused(asked(path="/metrics", method=method), gate(Opened.DOCS)).status == 401
    assert refused(asked(path="", method=method)).status == 401


@pytest.mark.parametrize("field", [(b"upgrade", b"WebSocket"), (b"transfer-encoding", b"chunked")])
def test_who_does_more_than_read_needs_a_key_also_where_it_is_open(
    field: tuple[bytes, bytes],
) -> None:
    """A WebSocket would be the app's at any path; behind chunks a second request could stand."""
    for path in ("/healthz", "/metrics"):
        handshake = asked(field, path=path, method="GET")
        assert refused(handshake, gate(Opened.METRICS)).status == 401
        keyed = asked(field, (API_KEY, KEY), path=path, method="GET")
        assert gate(Opened.METRICS).admit(keyed) == "alice"


def test_a_health_path_that_is_the_apps_is_not_open() -> None:
    """What the app does with it nobody knows."""
    settings = AccessSettings(key_sha256=hash_of(KEY.decode()).hex())
    own = gate_of(settings, Limits(health_path="", ready_path="/up"))
    assert own.admit(asked(path="/up", method="GET")) == ""
    assert refused(asked(path="/healthz", method="GET"), own).status == 401


def test_a_key_that_asks_too_often_is_told_when_to_come_again() -> None:
    """Only that key; the others go on."""
    own = gate(per_second=1 / 60)
    assert own.admit(asked((API_KEY, KEY))) == "alice"
    why = refused(asked((API_KEY, KEY)), own)
    assert (why.status, why.key_name, *why.fields) == (429, "alice", (b"retry-after", b"60"))
    assert own.admit(asked((API_KEY, OTHER))) == "bob"


def test_all_are_let_in_where_no_keys_are_asked_for() -> None:
    """As on one's own machine; what looks like a key is the app's then."""
    assert Gate().admit(asked((API_KEY, b"x"), (API_KEY, b"y"))) == ""


def test_an_app_sees_no_key() -> None:
    """What is of another scheme is the app's."""
    fields = [
        (AUTHORIZATION, b"Basic YTpi"),
        (AUTHORIZATION, b"BEARER " + KEY),
        (API_KEY, KEY),
        (b"accept", b"*/*"),
    ]
    assert without_keys(fields) == [fields[0], fields[3]]


def test_whoever_is_refused_is_counted_by_status() -> None:
    """Also where no keys are asked for: for another host, and for another site's preflight."""
    settings = AccessSettings(hosts=("example.org",), origins=("https://app.example.org",))
    own = gate_of(settings, Limits())
    assert refused(asked((b"host", b"evil.org")), own).status == 421
    preflight = [(b"origin", b"https://evil.org"), (b"access-control-request-method", b"POST")]
    with pytest.raises(RefusedRequestError):
        own.preflight("OPTIONS", preflight)
    assert own.counts.total().refused == {"421": 1, "403": 1}


def test_only_some_clients_may_be_let_in() -> None:
    """By the address they connect from, whatever they say of themselves."""
    own = Gate(clients={("127.0.0.1", 4711)})
    assert own.is_on
    assert own.admit(Asked("GET", "/", [], ("127.0.0.1", 4711))) == ""
    forged = [(b"x-forwarded-for", b"127.0.0.1:4711")]
    assert refused(Asked("GET", "/", forged, ("127.0.0.1", 4712)), own).status == 403
    assert not Gate().is_on
