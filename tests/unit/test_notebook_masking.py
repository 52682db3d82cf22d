"""Secrets reach the kernel, and no reader of the record."""

from __future__ import annotations

import pytest

from runner.notebook import code
from runner.notebook.masking import marked_secrets


@pytest.mark.parametrize(
    ("line", "is_marked"),
    [
        ('x = ""  # secret', True),
        ('x: str = ""  # Secret: of the shop', True),
        ('x = "#"  # login of the shop (secret)', True),
        ('x = {\n  "a": 1,\n}  # secret', True),
        ("%matplotlib inline\nx = 1  # secret", True),
        ('y = "a\u2028b\x0c"\r\nx = ""  # secret', True),
        ("x = 1  # number of secret agents", False),
        ('x = "# secret"', False),
        ("x = 1\n# secret", False),
    ],
)
def test_a_comment_marks_a_secret(line: str, is_marked: bool) -> None:
    """The word by itself, on the line where the assignment ends."""
    assert marked_secrets(line, code.read(line).tree) == ({"x"} if is_marked else set())
