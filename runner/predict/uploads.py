"""Read files that a client sends: multipart/form-data, RFC 7578."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from runner.http import forms
from runner.predict.problem_error import ProblemError
from runner.predict.type_descriptions import without_none
from runner.predict.type_members import hints_of_items


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


def value_of_field(value: Any, hint: Any, *, as_file: bool) -> Any:
    """Take a field of a form as a type wants it.

    Args:
        value: Text or a file; of a repeated field a list. One alone may be a list of one.
        hint: The type.
        as_file: A file is wanted as such, and not its content.
    """
    given = value if isinstance(value, list) else [value]
    hints = hints_of_items(given, without_none(hint))
    if not hints:
        return _content(value, hint, as_file=as_file)
    if len(given) == 1 and isinstance(found := _content(value, hint, as_file=as_file), list):
        return found  # as JSON, in one field
    return [_content(each, kind, as_file=as_file) for each, kind in zip(given, hints, strict=True)]


def _content(value: Any, hint: Any, *, as_file: bool) -> Any:
    """Take text as text, or else as JSON if it is some; nothing as null, where that may be."""
    if isinstance(value, UploadFile):
        return value if as_file else value.data
    if not isinstance(value, str) or _is_taken(value, hint):
        return value
    if not value and _is_taken(None, hint):
        return None
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def _is_taken(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except (msgspec.ValidationError, TypeError):
        return False
    return True
