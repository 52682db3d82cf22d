"""Only an app of ours is asked what it wishes of its workers."""

from __future__ import annotations

from runner.http import app_protocol
from runner.http.app_protocol import AppProtocol


class Wishing(AppProtocol):
    """Says what it needs."""

    needs_process = True


class Strange:
    """A user's app whose attributes happen to have the same names."""

    needs_process = True
    prepare = is_spent = "something of its own"


def test_ours_is_asked_itself() -> None:
    """What it wishes is heard."""
    app = Wishing()
    assert app_protocol.of(app) is app
    assert app_protocol.of(app).needs_process


def test_another_app_has_no_wishes() -> None:
    """Whatever its attributes are called, they are its own affair."""
    own = app_protocol.of(Strange())
    own.prepare(2)
    own.take_slot(1)
    assert not own.needs_process
    assert not own.is_spent
    assert own.protocol(None) is None
