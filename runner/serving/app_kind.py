"""Tell what kind of an app something is: ASGI or WSGI."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any


def kind_of(app: Any) -> str:
    """Tell an ASGI app, which takes three arguments, from a WSGI app, which takes two.

    Raises:
        TypeError: It is neither.
    """
    if not callable(app):
        raise TypeError(f"{app!r} is neither an app, since it cannot be called, nor a model")
    call = app if inspect.isfunction(app) or inspect.ismethod(app) else type(app).__call__
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(app):
        return "asgi"
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return "wsgi"
    for kind, count in (("wsgi", 2), ("asgi", 3)):
        with contextlib.suppress(TypeError):
            signature.bind(*[None] * count)
            return kind
    raise TypeError(
        f"{app!r:.80} is no app: it takes neither (environ, start_response) nor (scope, receive,"
        " send); if it is a function, give each of its parameters a type hint"
    )
