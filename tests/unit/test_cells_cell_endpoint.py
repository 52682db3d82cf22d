"""The cells of one annotation: answered with what they put out, whatever they do."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from runner.cells import cell_code as cellcode
from runner.cells import cell_endpoint
from runner.cells.capture import OutputCapture
from runner.cells.cell_endpoint import CellEndpoint, InterruptedCellError
from runner.cells.request import CellRequest
from runner.cells.response import CellResponse


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The notebook's names."""
    names: dict[str, Any] = {"json": json, "sys": sys}
    monkeypatch.setattr(cell_endpoint, "names_of_notebook", lambda: names)
    before = sys.stdout
    yield names
    sys.stdout = before


def answer(source: str, info: str = "", *, most: int = 1000, **request: Any) -> CellResponse:
    endpoint = CellEndpoint(name="GET /a")
    endpoint.add(source, is_info=False)
    if info:
        endpoint.add(info, is_info=True)
    loop = asyncio.new_event_loop()
    try:
        return endpoint.answer(CellRequest(**request), OutputCapture(most), loop)
    finally:
        loop.close()


def test_a_cell_sees_its_request_and_the_notebook(names: dict[str, Any]) -> None:
    """REQUEST is a text in the notebook's own names; what a cell assigns stays there."""
    names["greeting"] = "hello"
    source = "req = json.loads(REQUEST)\nprint(greeting, req['path']['name'])"
    assert answer(source, parameters={"name": "ü"}).body == "hello ü\n".encode()
    assert names["req"]["path"] == {"name": "ü"}


def test_response_info_runs_after_its_cell(names: dict[str, Any]) -> None:
    """With what the cell has assigned; its print is not in the body."""
    reply = answer("status = 201\nprint('x')", "print(json.dumps({'status': status}))")
    assert (reply.status, reply.body) == (201, b"x\n")


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "sys.exit()",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "def f(): f()\nf()",
        "print('x' * 2000)",
        "try:\n    print('x' * 2000)\nexcept BaseException:\n    pass",
    ],
)
def test_a_failure_is_500_with_an_id(
    source: str, names: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns nothing but the id; the log has the reason under it, bounded."""
    reply = answer(source)
    assert reply.status == 500
    said = json.loads(reply.body)
    assert set(said) == {"reason", "message", "id"}
    assert "Error" not in reply.body.decode().replace("Internal Server Error", "")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert said["id"] in record.getMessage()
    assert "GET /a" in record.getMessage()
    assert len(record.getMessage()) < 10_000


def test_the_log_has_the_cells_own_lines(
    names: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not those of ours that called it."""
    answer("def f():\n    1 / 0\nf()")
    (record,) = caplog.records
    said = record.getMessage()
    assert "failed: <GET /a>, line 3\n    f()\n<GET /a>, line 2, in f\n    1 / 0\n" in said
    assert "ZeroDivisionError" in said
    assert "cell_code.py" not in said


@pytest.mark.parametrize("info", ["print('no json')", "1 / 0", "print('{\"status\": 7}')"])
def test_a_wrong_response_info_is_500(info: str, names: dict[str, Any]) -> None:
    """It is the notebook's fault, not the client's."""
    assert answer("print('x')", info).status == 500


def test_a_wrong_body_is_400_and_runs_nothing(names: dict[str, Any]) -> None:
    """That is the client's fault."""
    headers = [(b"content-type", b"application/json")]
    assert answer("ran = True", body=b"{", headers=headers).status == 400
    assert "ran" not in names


def test_an_interrupt_is_passed_on(names: dict[str, Any]) -> None:
    """It is no error of the cell's, and its client has an answer already."""
    names["Interrupt"] = InterruptedCellError
    with pytest.raises(InterruptedCellError):
        answer("try:\n    raise Interrupt\nexcept Exception:\n    pass")


def test_a_result_is_shown_by_its_text(names: dict[str, Any]) -> None:
    """Outside of IPython there is no other form; bytes are bytes."""
    assert answer("1 + 1").body == b'{"text/plain": "2"}'
    assert answer("b'\\xff'").body == b"\xff"


def test_the_notebook_s_names_are_main_s() -> None:
    """Where there is no IPython."""
    assert cellcode.names_of_notebook() is vars(sys.modules["__main__"])
