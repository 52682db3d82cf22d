"""Say how a model or a function is to be served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

ROWS_AT_ONCE = 64

BATCHED = "__runner_max_batch__"

Function = TypeVar("Function", bound=Callable[..., Any])
Shape = str | Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Say how one target is to be served.

    Attributes:
        example: A body that it answers; None if there is none.
        answer: The key of the prediction in the answer, or what makes the answer of it. None: a
            model's key is ``prediction``, and what a function returns is the answer.
        probabilities: Also answer the probability of each class.
        class_names: The names of the classes, in the model's order, or by class.
        max_batch: The most rows of one call; None: a model takes 64, a function 1.
        title: Its name for people.
        description: What it answers.
    """

    example: Any = None
    answer: Shape | None = None
    probabilities: bool = False
    class_names: Sequence[str] | Mapping[Any, str] | None = None
    max_batch: int | None = None
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            TypeError: An option has not its type.
            ValueError: ``max_batch`` is less than 1.
        """
        if self.answer is not None and not (isinstance(self.answer, str) or callable(self.answer)):
            raise TypeError(f"answer={self.answer!r}: give a key, or a function of the prediction")
        if self.max_batch is not None and self.max_batch < 1:
            raise ValueError(f"max_batch={self.max_batch}: must be 1 or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Hold one of several targets with the options of its own."""

    target: Any
    options: Options


def endpoint(target: Any, **options: Any) -> Wanted:
    """Give one of several targets options of its own.

    Args:
        target: A model or a function.
        options: Those that ``serve`` takes for a single target: example, answer, probabilities,
            class_names, max_batch, title, description.

    Raises:
        TypeError: There is no such option.
    """
    return Wanted(target=target, options=Options(**options))


def batched(max_size: int = ROWS_AT_ONCE) -> Callable[[Function], Function]:
    """Let a function take the items of several requests at once.

    It has one parameter, the items: a numpy array of rows, a DataFrame, or ``list[T]``, of which
    each request brings one ``T``. It returns one result for each, in their order.

    Args:
        max_size: The most items of one call.

    Raises:
        ValueError: That is less than 1.
    """
    if max_size < 1:
        raise ValueError(f"max_size={max_size}: must be 1 or more")

    def mark(function: Function) -> Function:
        setattr(function, BATCHED, max_size)
        return function

    return mark
