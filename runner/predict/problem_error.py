"""Say what is wrong with a request."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from runner.http import problems
from runner.http.response_head import HeaderError, header_lines

_OURS = (b"content-length", b"content-type", b"transfer-encoding", b"x-run-id")


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvalidField:
    """Point at one thing that is wrong in a body.

    Attributes:
        field: Where, as a JSON pointer (RFC 6901); empty for the whole body.
        detail: What was expected, and what was there.
    """

    field: str
    detail: str


class ProblemError(Exception):
    """Refuse a request.

    Args:
        status: The HTTP status, from 400 to 599.
        detail: What is wrong, for people.
        errors: The invalid fields one by one, where the body is at fault.
        headers: More headers of the answer.

    Raises:
        ValueError: The status is no refusal, or a header cannot be sent: with a line break in it,
            it would be two.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[InvalidField] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        if not (isinstance(status, int) and 400 <= status <= 599):
            raise ValueError(f"ProblemError: status={status!r:.60}: a refusal is from 400 to 599")
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)
        for name, value in self.headers:
            _check_header(name, value)

    def body(self) -> bytes:
        """Write it as problem details."""
        errors = [dataclasses.asdict(error) for error in self.errors]
        return problems.details(self.status, self.detail, **({"errors": errors} if errors else {}))


def failed_prediction(
    log: logging.Logger, name: str, cause: BaseException, said: str = ""
) -> ProblemError:
    """Say to a client that something failed, and to the log what.

    Args:
        log: Whose failure it is.
        name: Of the endpoint.
        cause: What was raised.
        said: What the log has instead of the traceback.
    """
    message = f"{name}: {said or 'a prediction failed'}"
    number = problems.note_failure(log, message, cause, is_told=bool(said))
    problem = ProblemError(500, f"the prediction failed; the log has it under {number}")
    problem.__cause__ = cause
    return problem


def _check_header(name: bytes, value: bytes) -> None:
    try:
        header_lines([(name, value)])
        is_sendable = name.lower() not in _OURS
    except HeaderError:
        is_sendable = False
    if not is_sendable:
        raise ValueError(f"ProblemError: {name!r:.60}: {value!r:.60} cannot be sent as a header")


def json_pointer(*steps: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
