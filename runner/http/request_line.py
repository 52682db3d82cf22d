"""Write one request and its answer as a line of the request log, without secrets."""

from __future__ import annotations

import base64
import functools
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from runner.http.content_coding import ContentCodingError, codings_of, decoded
from runner.http.failure_masking import FailureMasking
from runner.http.recording import MOST, Exchanged
from runner.http.response_head import Field
from runner.identity import Identity
from runner.masking.names import MASK
from runner.masking.texts import TextMasking
from runner.telemetry.log_lines import time_of
from runner.telemetry.request_trace import RequestTrace
from runner.telemetry.statuses import is_failure

_SHOWN = (b"content-type", b"accept")
_LONGEST_PATH = 8_192


class Answered(NamedTuple):
    """Be an exchange that has ended, as the queue holds it.

    Attributes:
        moment: When, in seconds since the epoch.
        seconds: How long it took.
        method: Of the request.
        path: Likewise, decoded.
        status: Of the answer.
        key: The name of the key by which it was asked.
        trace: By what it is named elsewhere; None if nowhere.
        exchanged: All else.
    """

    moment: float
    seconds: float
    method: str
    path: str
    status: int
    key: str
    trace: RequestTrace | None
    exchanged: Exchanged

    @property
    def is_failure(self) -> bool:
        """Tell whether the service has failed at it."""
        return is_failure(self.status) or self.exchanged.has_failed


class LineWriter:
    """Write lines.

    Args:
        names: Of secrets besides the well-known ones.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._masking = TextMasking(names)
        self._failures = FailureMasking(self._masking, names)
        self._encode = msgspec.json.Encoder().encode
        identity = Identity.from_environment()
        self._known = {"run": identity.run_id, "model": identity.model_sha256 or None}

    def line(self, answered: Answered, new_id: str = "") -> bytes:
        """Write one.

        Args:
            answered: What of.
            new_id: Names it, unless it has a name.
        """
        kept, trace = answered.exchanged, answered.trace or RequestTrace()
        trace.take_id(new_id)
        asked, said = _read(*kept.fields), _read(*kept.answer_fields)
        body = self._content(kept.body, asked, is_cut=kept.is_cut)
        answer = self._content(kept.answer, said, is_cut=kept.is_cut)
        sent = kept.query.decode("latin-1")
        query = self._masking.query(sent) if sent else sent
        is_masked = query != sent or body.is_masked or answer.is_masked
        fields = {
            "id": trace.id,
            "time": time_of(answered.moment),
            **self._known,
            "key": answered.key,
            "trace_id": trace.trace_id,
            "method": answered.method,
            "path": answered.path[:_LONGEST_PATH],
            "query": query,
            "headers": asked.shown,
            "body": body.value,
            "status": answered.status,
            "answer": answer.value,
            "answer_type": said.shown.get("content-type", ""),
            "ms": round(answered.seconds * 1000, 3),
            "is_cut": kept.is_cut or body.is_cut or answer.is_cut,
            "is_masked": is_masked,
        }
        if answered.is_failure and trace.raised is not None:
            raised = self._failures.fields(trace.raised, hides=is_masked)
            fields["failure"] = {"id": trace.failure_id, **raised}
        return self._encode(fields) + b"\n"

    def _content(self, data: bytes | None, fields: _Fields, *, is_cut: bool) -> _Content:
        if not data:
            return _NOTHING if data is None else _EMPTY
        if fields.codings:
            try:
                data = decoded(data, fields.codings, MOST)
            except ContentCodingError:
                return _UNREADABLE
        text = _text_of(data, is_cut=is_cut)
        if text is None or "\0" in text:  # which may be UTF-16
            if self._masking.names_secret(data.replace(b"\0", b"")):
                return _Content(MASK, is_masked=True)
            return _Content({"base64": base64.b64encode(data).decode()} if text is None else text)
        masked = self._masking.text(text, fields.media_type)
        return _Content(masked, is_masked=masked != text)


class _Content(NamedTuple):
    """Be a body as it is written."""

    value: str | dict[str, str] | None
    is_cut: bool = False
    is_masked: bool = False


_NOTHING, _EMPTY, _UNREADABLE = _Content(None), _Content(""), _Content(None, is_cut=True)


def _text_of(data: bytes, *, is_cut: bool) -> str | None:
    """Read a text; None if it is none. Of its beginning the last letter may be half."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        is_half = is_cut and len(data) - error.start < 4
        return data[: error.start].decode() if is_half else None


class _Fields(NamedTuple):
    """Be what headers say of a body.

    Attributes:
        shown: Those that are written, by their names.
        media_type: In lower case, without parameters.
        codings: That are to be undone.
    """

    shown: dict[str, str]
    media_type: str
    codings: tuple[str, ...]


@functools.lru_cache(128)
def _read(*fields: Field) -> _Fields:
    """Read headers; most clients send the same."""
    shown = {name.decode(): value.decode("latin-1") for name, value in fields if name in _SHOWN}
    media_type = shown.get("content-type", "").partition(";")[0].strip().lower()
    return _Fields(shown, media_type, codings_of(fields))
