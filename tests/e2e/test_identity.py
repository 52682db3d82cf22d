"""The kernel is told what it runs."""

from __future__ import annotations

import subprocess
import sys

from runner.identity import Identity

FULL = Identity(
    run_id="3-1a",
    notebook_sha256="ab",
    notebook_title='It\'s "quoted"\\ and ü {odd}',
    model_sha256="cd",
)


def test_what_the_run_says_arrives_in_the_kernel() -> None:
    """Whatever is in a title, the set-up code is one statement that hands it on unchanged."""
    code = (
        f"{FULL.setup_code()}; from runner.identity import Identity; "
        "print(ascii(Identity.from_environment()))"
    )
    words = [sys.executable, "-c", code]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.strip() == ascii(FULL)


def test_without_a_runner_all_is_empty() -> None:
    """In plain Jupyter nothing is known."""
    assert Identity.from_environment({}) == Identity()
