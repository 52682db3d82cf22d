"""Read files that a client sends: multipart/form-data, RFC 7578."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from runner.http import forms
from runner.predict.problem_error import ProblemError


@dataclasses.dataclass(frozen=True, kw_only=True)
class UploadFile:
    """Hold a file of a form.

    Attributes:
        filename: As the client calls it: not to be trusted as a path.
        content_type: What the client says it is.
        data: The content.
    """

    filename: str
    content_type: str
    data: bytes


def fields_of_form(body: bytes, content_type: str) -> dict[str, Any]:
    """Read a form: files as such, other fields as text; of a repeated field a list.

    Raises:
        ProblemError: 400, the form is not whole.
    """
    found: dict[str, list[Any]] = {}
    try:
        for part in forms.parts_of(body, content_type):
            value = part.content.decode("utf-8", "replace")
            file = UploadFile(
                filename=part.filename or "", content_type=part.content_type, data=part.content
            )
            found.setdefault(part.name, []).append(value if part.filename is None else file)
    except ValueError as error:
        raise ProblemError(400, str(error)) from None
    return {name: each[0] if len(each) == 1 else each for name, each in found.items()}


def value_of_text(text: str, hint: Any) -> Any:
    """Read a text field as a type wants it: as text, or else as JSON if it is some."""
    try:
        msgspec.convert(text, hint)
    except (msgspec.ValidationError, TypeError):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text
