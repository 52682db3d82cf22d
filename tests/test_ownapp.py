"""Only an app of ours is asked what it wishes of its workers."""

from __future__ import annotations

from runner import ownapp
from runner.ownapp import OwnApp


class Wishing(OwnApp):
    """Says what it needs."""

    needs_process = True


class Strange:
    """A user's app whose attributes happen to have the same names."""

    needs_process = True
    prepare = is_spent = "something of its own"


def test_ours_is_asked_itself() -> None:
    """What it wishes is heard."""
    app = Wishing()
    assert ownapp.of(app) is app
    assert ownapp.of(app).needs_process


def test_another_app_has_no_wishes() -> None:
    """Whatever its attributes are called, they are its own affair."""
    own = ownapp.of(Strange())
    own.prepare(2)
    own.take_slot(1)
    assert not own.needs_process
    assert not own.is_spent
    assert own.protocol(None) is None
