"""Classes that functions take, as an author's hints name them."""

import dataclasses
from typing import Any, Generic, NotRequired, Optional, TypedDict, TypeVar


@dataclasses.dataclass
class Flat:
    """A dataclass with a default."""

    rooms: int
    tags: list[str] = dataclasses.field(default_factory=list)


class Place(TypedDict):
    """A TypedDict that may lack a key."""

    city: str
    street: NotRequired[str]


Value = TypeVar("Value")


@dataclasses.dataclass
class Box(Generic[Value]):
    """A dataclass of anything."""

    value: Value
    others: list[Value] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Tree:
    """A dataclass that refers to itself, and has defaults that only its class knows."""

    name: str
    left: Optional["Tree"] = None
    weight: float = 1.5


def plant(
    tree: "Tree",
    second: Optional["Tree"],
    forest: "list[Tree]",
    by_name: dict[str, "Tree"],
) -> list[Any]:
    """Take what is named before it is read."""
    return [tree, second, forest, by_name]
