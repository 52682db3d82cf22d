"""Classes that functions take, as an author's hints name them."""

from __future__ import annotations

import dataclasses
from typing import NotRequired, TypedDict


@dataclasses.dataclass
class Flat:
    """A dataclass with a default."""

    rooms: int
    tags: list[str] = dataclasses.field(default_factory=list)


class Place(TypedDict):
    """A TypedDict that may lack a key."""

    city: str
    street: NotRequired[str]
