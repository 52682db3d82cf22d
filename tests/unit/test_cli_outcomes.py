"""How versions are laid out in a table."""

from __future__ import annotations

from runner.cli.outcomes import version_rows


def test_a_version_of_which_little_is_known_has_a_row_too() -> None:
    """Such as one of an earlier release, outside of git."""
    known = {"sha256": "aa" * 32, "state": "kept", "since": "", "commit": None, "author": None}
    (row,) = version_rows([known | {"reason": "", "cause": ""}])
    assert row == ("aaaaaaaa", ("kept", ""), "", "", "", "")


def test_a_version_is_told_with_what_its_author_says_of_it() -> None:
    """One that has failed with its reason."""
    known = {"sha256": "aa" * 32, "state": "kept", "since": "", "commit": "bb" * 20}
    known |= {"author": "Ann", "subject": "Mend it", "cause": "a save", "reason": ""}
    kept, failed = version_rows([known, known | {"state": "failed", "reason": "cell 1"}])
    assert kept[3:] == ("bbbbbbbb", "Ann", "a save: Mend it")
    assert failed[1:2] + failed[5:] == (("failed", "red"), "cell 1")
