"""Who of a notebook is its service."""

from __future__ import annotations

import pytest

from runner.serving.claim import Claim, OtherServiceError


def test_the_first_serves() -> None:
    """And nobody else, whoever asks again."""
    claim = Claim()
    assert [claim.take(name) for name in ("a", "b", "a")] == [True, False, False]
    assert claim.holder == "a"


def test_nothing_serves_beside_annotated_cells() -> None:
    """Who tries is refused in words, and nobody can overlook it later."""
    claim = Claim()
    claim.register_cells(lambda: None)
    for _ in range(2):
        with pytest.raises(OtherServiceError, match=r"^uvicorn serves, so .* are comments"):
            claim.take("uvicorn")
    with pytest.raises(OtherServiceError, match="uvicorn"):
        claim.check()
    assert claim.holder == ""


def test_annotated_cells_serve_as_anything_does() -> None:
    """Once they are served, they are the service like any other."""
    claim = Claim()
    claim.register_cells(lambda: served.append(claim.take("the annotated cells")))
    served: list[bool] = []
    claim.serve_cells()
    assert (served, claim.holder) == ([True], "the annotated cells")
    claim.check()
