"""What a notebook has done again in each forked worker."""

from __future__ import annotations

import pytest

from runner.serving import on_fork as module
from runner.serving.on_fork import on_fork


@pytest.fixture(autouse=True)
def _none_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_functions", {})


def test_functions_are_called_in_their_order_and_once() -> None:
    """A cell that is run again names the same function anew."""
    called: list[str] = []
    assert not module.are_named()
    for word in ("old", "new"):

        @on_fork
        def connect(word: str = word) -> None:
            called.append(word)

    on_fork(lambda: called.append("first lambda"))
    on_fork(lambda: called.append("second lambda"))
    module.call_all()
    assert called == ["new", "first lambda", "second lambda"]
    connect()
    assert called[-1] == "new"


def test_one_that_fails_is_named() -> None:
    """The worker does not start, and says why."""

    @on_fork
    def connect() -> None:
        raise OSError("no such host")

    with pytest.raises(RuntimeError, match="@on_fork connect raised OSError: no such host"):
        module.call_all()


def test_what_needs_a_loop_is_refused_where_it_is_named() -> None:
    """No loop runs there; neither is anything called that cannot be."""

    async def connect() -> None: ...

    with pytest.raises(TypeError, match="in the app's start-up"):
        on_fork(connect)
    with pytest.raises(TypeError, match="is for a function"):
        on_fork(3)  # type: ignore[type-var]  # on purpose
