"""Let a notebook do again in each forked worker what a fork does not bring along: `on_fork`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[[], Any])

_functions: dict[Any, Callable[[], Any]] = {}


def on_fork(function: Function) -> Function:
    """Have a function called in each worker that is forked, before it serves.

    For what workers must not share, such as a connection to a database: open it there anew, and
    give it the name by which the app finds it (``global``). With one worker nothing is forked, and
    nothing is called: what the cells opened is used.

    Args:
        function: Called without arguments, in the order in which functions were named here. One
            that is named again, as by a cell that is run again, takes its own place. If it
            raises, the worker does not start.

    Returns:
        The function itself, so that this is a decorator.

    Raises:
        TypeError: It is a coroutine function: what is bound to a loop is opened in the app's
            start-up; or it cannot be called.
    """
    if not callable(function):
        raise TypeError(f"@on_fork is for a function, and not for {function!r:.80}")
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"@on_fork calls {function.__name__} where no loop runs yet: open what belongs to a"
            " loop in the app's start-up"
        )
    name = getattr(function, "__qualname__", "<lambda>")
    _functions[function if "<lambda>" in name else name] = function
    return function


def are_named() -> bool:
    """Tell whether there is any."""
    return bool(_functions)


def call_all() -> None:
    """Call them; in a forked worker.

    Raises:
        RuntimeError: One raised.
    """
    for function in list(_functions.values()):
        try:
            function()
        except Exception as error:
            name = getattr(function, "__name__", repr(function))
            said = f"@on_fork {name} raised {type(error).__name__}: {error}"
            raise RuntimeError(said) from error
