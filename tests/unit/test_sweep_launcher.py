"""The variables of a sweep's runs."""

from __future__ import annotations

from runner.sweep.launcher import run_environment, usable_cores


def test_the_cores_are_shared() -> None:
    """Each run's libraries start as many threads as there are cores for it."""
    found = run_environment({"HOME": "/"}, jobs=usable_cores(), log_level="info")
    assert {found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]} == {"1"}
    alone = run_environment({}, jobs=1, log_level="info")
    assert alone["MKL_NUM_THREADS"] == str(usable_cores())


def test_the_users_number_of_threads_stays() -> None:
    """Whoever sets one of them knows why."""
    found = run_environment({"OMP_NUM_THREADS": "3"}, jobs=2, log_level="info")
    assert found["OMP_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in found
