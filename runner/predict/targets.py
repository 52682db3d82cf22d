"""Tell what can be served by endpoints of ours, and take the author's options for it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runner.predict.response import checked_media_type

ROWS_AT_ONCE = 64

BATCHED = "__runner_max_batch__"

_ENVIRON = ("environ", "env", "environment")

Function = TypeVar("Function", bound=Callable[..., Any])
AnswerShape = str | Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointOptions:
    """Say how one target is to be served.

    Attributes:
        example: A body that it answers; None if there is none.
        answer: The key of the prediction in the answer, or what makes the answer of it. None: a
            model's key is ``prediction``, and what a function returns is the answer.
        probabilities: Also answer the probability of each class.
        class_names: The names of the classes, in the model's order, or by class.
        max_batch: The most rows of one call; None: a model takes 64, a function 1.
        media_type: What a function's bytes and strings are; None: JSON.
        threads: How many calls of a function may run at once.
        title: Its name for people.
        description: What it answers.
    """

    example: Any = None
    answer: AnswerShape | None = None
    probabilities: bool = False
    class_names: Sequence[str] | Mapping[Any, str] | None = None
    max_batch: int | None = None
    media_type: str | None = None
    threads: int = 1
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            TypeError: An option has not its type.
            ValueError: ``max_batch`` or ``threads`` is less than 1, or ``media_type`` is none.
        """
        if self.answer is not None and not (isinstance(self.answer, str) or callable(self.answer)):
            raise TypeError(f"answer={self.answer!r}: give a key, or a function of the prediction")
        if self.max_batch is not None:
            _check_count("max_batch", self.max_batch)
        _check_count("threads", self.threads)
        if self.media_type is not None:
            checked_media_type(self.media_type)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetWithOptions:
    """Hold one of several targets with the options of its own."""

    target: Any
    options: EndpointOptions


def endpoint(target: Any, **options: Any) -> TargetWithOptions:
    """Give one of several targets options of its own.

    Args:
        target: A model or a function.
        options: Those that ``serve`` takes for a single target: example, answer, probabilities,
            class_names, max_batch, media_type, threads, title, description.

    Raises:
        TypeError: There is no such option.
    """
    return TargetWithOptions(target=target, options=EndpointOptions(**options))


def batched(max_size: int = ROWS_AT_ONCE) -> Callable[[Function], Function]:
    """Let a function take the items of several requests at once.

    It has one parameter, the items: a numpy array of rows, a DataFrame, or ``list[T]``, of which
    each request brings one ``T``. It returns one result for each, in their order.

    Args:
        max_size: The most items of one call.

    Raises:
        TypeError: That is no whole number, or the parentheses are missing.
        ValueError: That is less than 1.
    """
    if callable(max_size):
        raise TypeError("write @batched(), with its parentheses")
    _check_count("max_size", max_size)

    def mark(function: Function) -> Function:
        setattr(function, BATCHED, max_size)
        return function

    return mark


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int:
        raise TypeError(f"{name}={value!r:.40}: must be a whole number")
    if value < 1:
        raise ValueError(f"{name}={value}: must be 1 or more")


def is_target(target: Any) -> bool:
    """Tell whether something is to be served by endpoints of ours, and is no app itself."""
    return (
        isinstance(target, Mapping | TargetWithOptions) or is_model(target) or is_function(target)
    )


def is_model(target: Any) -> bool:
    """Tell what predicts."""
    return not isinstance(target, type) and callable(getattr(target, "predict", None))


def is_function(target: Any) -> bool:
    """Tell a function from an app, whose parameters are called as those of HTTP's interfaces.

    A function that lacks hints is one too: what it lacks is told when it is served.
    """
    if isinstance(target, type) or not callable(target):
        return False
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
    if _is_app(tuple(parameters)):
        return False
    return _is_routine(target) or has_hints(target)


def has_hints(target: Any) -> bool:
    """Tell whether something that is called says by type hints what it takes."""
    parameters = inspect.signature(target).parameters
    hinted = all(each.annotation is not each.empty for each in parameters.values())
    return bool(parameters) and (hinted or hasattr(target, BATCHED))


def _is_routine(target: Any) -> bool:
    return inspect.isroutine(getattr(target, "func", target))


def _is_app(names: tuple[str, ...]) -> bool:
    """Tell an app by the name of its first or its last parameter: authors abbreviate."""
    return (len(names) == 2 and (names[0] in _ENVIRON or names[1] == "start_response")) or (
        len(names) == 3 and (names[0] == "scope" or names[2] == "send")
    )
