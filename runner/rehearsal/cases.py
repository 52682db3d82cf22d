"""Read what is to be asked, and which answer is expected: a line of JSON each.

Two kinds of lines are one: a line of the request log, and a case of the author's in
``rehearsal.jsonl``, whose ``request`` holds what the log has beside the answer.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
import string
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.rehearsal.comparison import EXACT, Tolerance
from runner.telemetry.statuses import is_failure

FILE_NAME = "rehearsal.jsonl"
MOST_BYTES = 64_000_000
"""Of all that is to be asked in one rehearsal."""
MOST_CASES = 10_000

_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"/[^\x00-\x20\x7f#?]*")
_QUERY = re.compile(r"[^\x00-\x20\x7f#]*")
_FIELDS = {"request", "answer", "status", "tolerance", "name"}
_OF_REQUEST = {"method", "path", "query", "headers", "body"}
_DECODED_PATH = re.compile(r"/.*", re.DOTALL)
_SAFE_IN_PATH = "/:@!$&'()*+,;=-._~"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Say what to ask, and what to expect.

    Attributes:
        name: By which the report names it.
        method: In capitals.
        path: As it is sent, without the query.
        query: Likewise.
        headers: Names in lower case, and values.
        body: What is sent.
        status: Which one is expected; None for any success.
        answer: What is expected: text, bytes, or a JSON value.
        has_answer: One is expected; otherwise any is well.
        tolerance: How far numbers may differ.
        is_own: It is a case of the author's, and not of the log.
        seconds: How long the recorded answer took; None if that is unknown.
        has_failed: The service had failed at it, as it was recorded.
    """

    name: str
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int | None = None
    answer: Any = None
    has_answer: bool = False
    tolerance: Tolerance = EXACT
    is_own: bool = False
    seconds: float | None = None
    has_failed: bool = False

    @property
    def said(self) -> str:
        """Name the request in the report."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        return f"{self.method} {target}"


def case_of(line: Mapping[str, Any], name: str = "") -> Case:
    """Read a line.

    Args:
        line: The object that it holds.
        name: Of a case that has none.

    Raises:
        ValueError: It is none; the message says why.
    """
    request = line.get("request", line)
    if not isinstance(request, dict):
        raise ValueError("`request` has to be an object")
    is_own = "request" in line
    if is_own:
        _check_names(line, request)
    headers = _headers_of(request.get("headers") or {})
    body, is_json = _body_of(request.get("body"))
    if is_json and "content-type" not in headers:
        headers["content-type"] = "application/json"
    has_answer = "answer" in line
    status = line.get("status")
    if is_own and not has_answer and status is None:
        raise ValueError("it has neither `answer` nor `status`")
    if status is not None and not (type(status) is int and 100 <= status <= 599):
        raise ValueError(f"`status` is none: {status!r:.40}")
    milliseconds = line.get("ms")
    return Case(
        name=str(line.get("name") or line.get("id") or name),
        method=_matching("method", _METHOD, request.get("method", "POST" if body else "GET")),
        path=_path_of(request.get("path", "/"), is_decoded=not is_own),
        query=_query_of(request.get("query") or "", is_sent=not is_own),
        headers=tuple(headers.items()),
        body=body,
        status=status,
        answer=_answer_of(line["answer"]) if has_answer else None,
        has_answer=has_answer,
        tolerance=_tolerance_of(line.get("tolerance")),
        is_own=is_own,
        seconds=milliseconds / 1000 if isinstance(milliseconds, int | float) else None,
        has_failed=not is_own and is_failed(line),
    )


def is_failed(line: Mapping[str, Any]) -> bool:
    """Tell whether the service had failed at a recorded request, maybe behind its answer's head."""
    status = line.get("status")
    return line.get("failure") is not None or (isinstance(status, int) and is_failure(status))


def read_cases(path: Path) -> Iterator[dict[str, Any]]:
    """Read the author's cases, each of them checked; none if there is no such file.

    Raises:
        ConfigurationError: A line is no case, or there are too many.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{path}: it is larger than {MOST_BYTES:,} bytes")
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    count = 0
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        count += 1
        if count > MOST_CASES:
            raise ConfigurationError(f"{path}: it has more than {MOST_CASES:,} cases")
        yield _checked(path, number, text)


def _checked(path: Path, number: int, text: str) -> dict[str, Any]:
    """Read a line, and name its case."""
    try:
        line: dict[str, Any] = json.loads(text)
        if not isinstance(line, dict):
            raise ValueError("it is no object")
        if "request" not in line:  # a line of the request log, taken over
            line = _own_of(line)
        line["name"] = str(line.get("name") or f"{path.name}, line {number}")
        case_of(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}, line {number}: no case: {error}") from error
    return line


def _own_of(line: dict[str, Any]) -> dict[str, Any]:
    """Make a case of a line of the request log, which the author has taken over."""
    request = {name: line[name] for name in _OF_REQUEST & line.keys()}
    request["path"] = _path_of(line.get("path", "/"), is_decoded=True)
    kept = {name: line[name] for name in _FIELDS & line.keys()}
    if line.get("is_cut"):
        if request.get("body") is None:
            raise ValueError("its `body` is not recorded: say what was sent")
        kept.pop("answer", None)  # of which not all is there
    return kept | {"request": request}


def _check_names(line: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    for known, given in ((_FIELDS, line), (_OF_REQUEST, request)):
        if unknown := sorted(given.keys() - known):
            raise ValueError(f"unknown: {', '.join(unknown)}; there is {', '.join(sorted(known))}")


def _matching(name: str, pattern: re.Pattern[str], text: Any) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"`{name}` is none: {text!r:.60}")
    return text


def _path_of(path: Any, *, is_decoded: bool) -> str:
    """Give a path as it is sent: so an author writes it, but the log has it decoded."""
    pattern, safe = (_DECODED_PATH, "") if is_decoded else (_PATH, "%")
    return urllib.parse.quote(_matching("path", pattern, path), safe=_SAFE_IN_PATH + safe)


def _query_of(query: Any, *, is_sent: bool) -> str:
    """Give a query as it is sent: the log has it so, and an author's may have any letter."""
    if is_sent:
        return str(query)
    return urllib.parse.quote(_matching("query", _QUERY, query), safe=string.punctuation)


def _headers_of(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError("`headers` has to be an object")
    headers = {str(name).lower(): str(value) for name, value in given.items()}
    for name, value in headers.items():
        if not (name + value).isprintable() or not (name + value).isascii():
            raise ValueError(f"`headers`: {name!r:.40} cannot be sent")
    return headers


def _body_of(body: Any) -> tuple[bytes, bool]:
    """Give what is sent, and whether it was given as a JSON value."""
    if body is None:
        return b"", False
    if isinstance(body, str):
        return body.encode(), False
    if isinstance(body, dict) and body.keys() == {"base64"}:
        return _decoded(body["base64"]), False
    return json.dumps(body, ensure_ascii=False).encode(), True


def _answer_of(answer: Any) -> Any:
    if isinstance(answer, dict) and answer.keys() == {"base64"}:
        return _decoded(answer["base64"])
    return answer


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from error


def _tolerance_of(given: Any) -> Tolerance:
    if given is None:
        return EXACT
    if not isinstance(given, dict) or not given or given.keys() - {"relative", "absolute"}:
        raise ValueError("`tolerance` has `relative`, `absolute` or both")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"`tolerance`: {name} is no number of 0 or more")
    relative, absolute = (float(given.get(name, 0)) for name in ("relative", "absolute"))
    return Tolerance(relative=relative, absolute=absolute, is_given=True)
