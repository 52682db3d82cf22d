"""What is said of a run that failed."""

from __future__ import annotations

import pytest

from runner.supervise.failure_text import becomes, failure_text, is_same


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (("", "", ""), ""),
        (("1", "", ""), "run 1 keeps serving"),
        (("1", "3", ""), "run 1 keeps serving"),
        (("", "3", ""), "run 3 takes its place"),
        (("", "", "a.ipynb"), "an edit of a.ipynb is waited for"),
    ],
)
def test_it_says_what_becomes_of_the_service(facts: tuple[str, str, str], said: str) -> None:
    """Whoever reads of a failure asks that next."""
    assert becomes(*facts) == said


def test_a_failure_is_told_once() -> None:
    """The next one that is the same says only that."""
    assert failure_text("2", "it died", "") == "run 2 failed: it died"
    again = failure_text("3", "it died", "run 4 takes its place", is_again=True)
    assert again == "run 3 failed as the one before it; run 4 takes its place"


def test_a_failure_is_known_again() -> None:
    """Whatever its process is called."""
    before = "the kernel (pid 1) was killed in cell 4"
    assert is_same("the kernel (pid 23) was killed in cell 4", before)
    assert not is_same("cell 4 raised X", before)
