"""How a status is laid out for people."""

from __future__ import annotations

from typing import Any

import pytest

from runner.supervise.status import shown

STATUS: dict[str, Any] = {
    "notebook": "/a.ipynb",
    "phase": "up",
    "pid": 1,
    "uptime": 1.0,
    "address": "127.0.0.1:8000",
    "serving": None,
    "restarts": 0,
    "restarts_in": None,
    "candidate": None,
    "standby": None,
    "failure": None,
    "good": [],
}


@pytest.mark.parametrize("said", [{}, {"save_fault": ""}, {"save_fault": "cell 1\nhas marks"}])
def test_a_save_that_cannot_be_read_stands_there_while_nothing_has_failed(
    said: dict[str, str],
) -> None:
    """No run is begun for it, so none fails; nothing is said of one that was read."""
    lines = shown(STATUS | said).splitlines()
    assert "last failure:  none" in lines
    expected = ["newest save:   not taken up: cell 1 has marks"] if said.get("save_fault") else []
    assert [line for line in lines if "save" in line] == expected
