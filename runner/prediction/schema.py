"""Read items from JSON, strictly: msgspec parses, checks and describes in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runner.prediction.problems import ProblemError


class RowSchema:
    """Read one row of features: an object by their names, or an array if they have none.

    Args:
        features: The type of each feature by its name, in the model's order: float or str.
    """

    def __init__(self, features: Mapping[str, type]) -> None:
        self.names = tuple(features)
        fields = [(f"f{number}", kind) for number, kind in enumerate(features.values())]
        rename = {f"f{number}": name for number, name in enumerate(features)}
        self._type = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True)
        self._decode = msgspec.json.Decoder(self._type).decode

    def decode(self, body: bytes) -> tuple[Any, ...]:
        """Read a row from a JSON body.

        Raises:
            ProblemError: 400 for what is no JSON, 422 for what has the wrong shape.
        """
        try:
            return msgspec.structs.astuple(self._decode(body))
        except msgspec.ValidationError as error:
            raise ProblemError(422, f"the body is wrong: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError(400, f"the body is not JSON: {error}") from None

    def convert(self, value: Any) -> tuple[Any, ...]:
        """Read a row from a JSON value.

        Raises:
            ProblemError: 422 for the wrong shape.
        """
        try:
            return msgspec.structs.astuple(msgspec.convert(value, self._type))
        except msgspec.ValidationError as error:
            raise ProblemError(422, f"the body is wrong: {error}") from None

    def describe(self) -> dict[str, Any]:
        """Give the JSON schema (2020-12) of a body."""
        (_,), found = msgspec.json.schema_components([self._type])
        return dict(found["Row"])
