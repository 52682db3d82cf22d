"""Write matplotlib's figures and Pillow's images as the client accepts them."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Mapping
from typing import Any

PNG = "image/png"

# In the order in which they are offered: what comes first is sent unless the client asks otherwise.
_OF_FIGURES = {PNG: "png", "image/svg+xml": "svg", "application/pdf": "pdf"}
_OF_IMAGES = {PNG: "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}

Writers = Mapping[str, Callable[[], bytes]]


def writers_of(value: Any) -> Writers | None:
    """Give what writes a picture, by media type; None of what is no picture."""
    if (figure := _class("matplotlib.figure", "Figure")) and isinstance(value, figure):
        return _writers(_figure_bytes, value, _OF_FIGURES)
    if (image := _class("PIL.Image", "Image")) and isinstance(value, image):
        return _writers(_image_bytes, value, _OF_IMAGES)
    return None


def media_types_of(hint: Any) -> tuple[str, ...]:
    """Say what a function can answer whose hint says that it returns a picture; else nothing."""
    if not isinstance(hint, type):
        return ()
    if (figure := _class("matplotlib.figure", "Figure")) and issubclass(hint, figure):
        return tuple(_OF_FIGURES)
    if (image := _class("PIL.Image", "Image")) and issubclass(hint, image):
        return tuple(_OF_IMAGES)
    return ()


def _writers(write: Callable[[Any, str], bytes], value: Any, formats: Mapping[str, str]) -> Writers:
    return {media: functools.partial(write, value, name) for media, name in formats.items()}


def _class(module: str, name: str) -> Any:
    """Give a class of a library that was imported already: else nothing is of that class."""
    return getattr(sys.modules.get(module), name, None)


def _figure_bytes(figure: Any, name: str) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format=name)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)  # else pyplot keeps each request's figure for ever
    return written.getvalue()


def _image_bytes(image: Any, name: str) -> bytes:
    try:
        return _saved(image, name)
    except (OSError, ValueError):  # this format has not its colours, such as JPEG an alpha channel
        return _saved(image.convert("RGB"), name)


def _saved(image: Any, name: str) -> bytes:
    written = io.BytesIO()
    image.save(written, format=name)
    return written.getvalue()
