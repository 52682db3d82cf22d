"""Read of a recorded request what is asked once more, and say what of it is not as it was sent."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.masking.names import MASK
from runner.record import requests
from runner.record.requests import RecordedRequest
from runner.rehearsal.cases import Case, case_of

_LONGEST_ID = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class RepeatedRequest:
    """Be a request, and what of it is not as it was sent.

    Attributes:
        recorded: As it stands in the log.
        case: As it is sent.
        notes: What is to be known of it, in words of ours.
    """

    recorded: RecordedRequest
    case: Case
    notes: list[str]

    @classmethod
    def of(cls, request: RecordedRequest) -> RepeatedRequest:
        """Read what was asked.

        Raises:
            ConfigurationError: It cannot be asked again.
        """
        if request.status == 101:
            raise ConfigurationError(
                f"{request.id}: a WebSocket is recorded without what it was told"
            )
        try:
            case = case_of({**request.fields, "status": None, "answer": None})
        except ValueError as error:
            raise ConfigurationError(f"{request.id}: it cannot be asked again: {error}") from error
        notes = ["of its headers only the body's type and `accept` are recorded"]
        if request.is_masked and (names := _masked_names(request)):
            notes.append(f"masked, so not what was sent: {', '.join(names)}")
        if request.lacks_body:
            notes.append(f"its body is {requests.NO_BODY}")
        return cls(recorded=request, case=case, notes=notes)


def find(service_folder: Path, request_id: str) -> RecordedRequest:
    """Find a recorded request, of several of one trace the newest that failed.

    Raises:
        ConfigurationError: There is none.
    """
    folder = requests.folder_of(service_folder)
    newest = None
    for request in requests.read(folder):
        if request_id in (request.id, request.trace_id) or _names(request, request_id):
            newest = newest or request
            if request.is_failure or request.id == request_id:
                return request
    if newest is None:
        raise ConfigurationError(
            f"no request {request_id[:_LONGEST_ID]!r} is recorded in {folder}",
            hint="`runner requests --failures` lists those that failed, with their ids, if the "
            "service has `--record-requests`",
        )
    return newest


def _names(request: RecordedRequest, number: str) -> bool:
    """Tell whether the log, or an answer, names a failure by this number."""
    if not request.is_failure or len(number) < 12:
        return False
    is_logged = request.failure is not None and request.failure.id == number
    return is_logged or number.encode() in (request.answer or b"")


def _masked_names(request: RecordedRequest) -> list[str]:
    """Name the fields of a request that are masked, as Python writes texts."""
    found = [name for name, _, value in _pairs(request.query) if value == MASK]
    body = (request.body or b"").decode(errors="replace")
    if body == MASK:
        return [*map(ascii, found), "all of the body"]
    try:
        found += _masked_in(json.loads(body))
    except (ValueError, RecursionError):
        found += [name for name, _, value in _pairs(body) if value == MASK]
    names = [ascii(name) for name in dict.fromkeys(found)]
    return names or (["something in the body"] if MASK in body else [])


def _pairs(text: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in text.split("&")]


def _masked_in(value: Any, name: str = "") -> list[str]:
    """List the names of what is masked in a JSON value."""
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in _masked_in(each, str(key))]
    if isinstance(value, list):
        return [found for each in value for found in _masked_in(each, name)]
    return [name] if isinstance(value, str) and MASK in value else []
