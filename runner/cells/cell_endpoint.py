"""Answer one request by the cells of one annotation, in the thread that runs cells.

Whatever a cell raises, also SystemExit and KeyboardInterrupt, ends in an answer: 500 with
an id, and the traceback in the log under the same id. No client ever sees it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Any

from runner.cells.capture import CellOutput, OutputCapture, TooMuchOutputError, shell_of_ipython
from runner.cells.cell_code import CellCode, names_of_notebook
from runner.cells.request import BadBodyError, CellRequest
from runner.cells.response import (
    BadResponseInfoError,
    CellResponse,
    problem_response,
    response_of_output,
    with_response_info,
)
from runner.http.problems import note_failure
from runner.telemetry.raised import raised_by

log = logging.getLogger(__name__)


@dataclasses.dataclass(kw_only=True)
class CellEndpoint:
    """Hold the cells that answer one verb at one path.

    Attributes:
        name: The verb and the path, as in the annotation.
        code: The cells.
        info: The cells annotated with ResponseInfo, if there are any.
    """

    name: str
    code: CellCode | None = None
    info: CellCode | None = None

    def add(self, source: str, *, is_info: bool) -> None:
        """Add a cell.

        Raises:
            SyntaxError: It is no valid code.
        """
        if is_info:
            self.info = self.info or CellCode(f"ResponseInfo {self.name}")
            self.info.add(source)
        else:
            self.code = self.code or CellCode(self.name)
            self.code.add(source)

    def answer(
        self, request: CellRequest, capture: OutputCapture, loop: asyncio.AbstractEventLoop
    ) -> CellResponse:
        """Run the cells for one request."""
        try:
            request_json = request.to_json()
        except BadBodyError as error:
            refused = problem_response(error.status, str(error))
            return dataclasses.replace(refused, headers=(*refused.headers, *error.headers))
        try:
            return self._run_cells(request_json, request.header("accept"), capture, loop)
        except TooMuchOutputError:
            return failure_response(self.name, f"it printed more than {capture.most} bytes")
        except BadResponseInfoError as error:
            return failure_response(self.name, str(error), error)
        except InterruptedCellError:
            raise
        except BaseException as error:  # noqa: BLE001 - a cell must not end the worker, not even by sys.exit
            failure = failure_response(self.name, raised_by(error).traceback, error)
            return dataclasses.replace(failure, cause=error)

    def _run_cells(
        self,
        request_json: str,
        accept: str,
        capture: OutputCapture,
        loop: asyncio.AbstractEventLoop,
    ) -> CellResponse:
        assert self.code is not None  # noqa: S101 - routes hold no endpoint without cells
        names = names_of_notebook()
        names["REQUEST"] = request_json
        with capture.collect() as output:
            value = self.code.run(names, loop)
            representations = _representations(value) if not output.has_printed else {}
        response = response_of_output(
            _printed_bytes(output), output.displays, representations, accept
        )
        if self.info is None:
            return response
        with capture.collect() as output:
            self.info.run(names, loop)
        return with_response_info(response, _printed_bytes(output))


class InterruptedCellError(BaseException):  # no Exception, as KeyboardInterrupt is none
    """Interrupt a cell that takes too long."""


def failure_response(name: str, why: str, error: BaseException | None = None) -> CellResponse:
    """Log why a cell failed, and answer with the id by which the log has it."""
    number = note_failure(log, f"the cell of {name} failed: {why}", error, is_told=True)
    return problem_response(500, "the cell failed; the log says why, under this id", id=number)


def _printed_bytes(output: CellOutput) -> bytes:
    if output.is_too_large:  # the cell has caught the error
        raise TooMuchOutputError
    return output.printed()


def _representations(value: Any) -> dict[str, Any] | bytes:
    """Give the forms of a cell's last expression, by media types."""
    if value is None:
        return {}
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    shell = shell_of_ipython()
    if shell is None:
        return {"text/plain": repr(value)}
    data, _ = shell.display_formatter.format(value)
    return dict(data)
