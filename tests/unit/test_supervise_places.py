"""Where a service leaves its records."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import files
from runner.config import REQUEST_LOG_FOLDER, EngineConfig, variable
from runner.supervise import places
from runner.supervise.lifecycle import Rules
from runner.supervise.plan import Plan

RECORDED = variable(REQUEST_LOG_FOLDER)


def plan(*, is_trial: bool) -> Plan:
    return Plan(
        path=Path("a.ipynb"),
        out=Path("trial/out.ipynb") if is_trial else Path("runs/a/out.ipynb"),
        values={},
        config=EngineConfig(),
        log_output=False,
        host="127.0.0.1",
        port=0,
        workers=1,
        rules=Rules(),
        environ={},
        is_trial=is_trial,
    )


@pytest.mark.parametrize(("is_trial", "can_be_made"), [(True, True), (False, False), (False, True)])
def test_requests_are_recorded_only_in_a_folder_of_the_service_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_trial: bool, can_be_made: bool
) -> None:
    """Of a trial, or of one that may write nowhere, none are, nor below what has started it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "can_be_made", lambda _: can_be_made)
    with places.found(plan(is_trial=is_trial)) as found:
        assert found.is_kept is (is_trial or can_be_made)
        is_recorded = can_be_made and not is_trial
        assert bool(found.plan.environ[RECORDED]) is is_recorded
