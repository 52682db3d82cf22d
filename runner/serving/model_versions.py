"""Notice models that another scikit-learn has pickled, by scikit-learn's own warning.

Whoever unpickles an estimator of another version, by pickle, joblib, cloudpickle or anything
else, makes scikit-learn warn, once for each estimator of a pipeline, where nobody looks. Under
the supervisor the warnings are also collected, and told to it: it logs and shows them.

``warnings.showwarning`` is the public place where warnings that are shown can be heard. What a
notebook silences, catches or turns into errors is none of ours.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

_CATEGORY = "InconsistentVersionWarning"  # by its name: importing scikit-learn takes a second
_MOST_NAMES = 5

_seen: dict[tuple[str, str], list[str]] = {}


def listen_to_warnings() -> None:
    """Hear the warnings that are shown from now on; they are shown as before."""
    warnings.showwarning = _hearing(warnings.showwarning)


def notices() -> list[str]:
    """Say of each other version what was noticed so far."""
    return [
        f"{_enumerated(names)} made with scikit-learn {made_with}, and read by {here}:"
        " answers may differ or fail; train it again"
        for (made_with, here), names in _seen.items()
    ]


def _hearing(show: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(show)
    def heard(message: Any, category: Any, *words: Any, **settings: Any) -> None:
        if getattr(category, "__name__", "") == _CATEGORY:
            _note(message)
        show(message, category, *words, **settings)

    return heard


def _note(warning: Any) -> None:
    versions = str(warning.original_sklearn_version), str(warning.current_sklearn_version)
    names = _seen.setdefault(versions, [])
    if str(warning.estimator_name) not in names:
        names.append(str(warning.estimator_name))


def _enumerated(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown}{more} {'was' if len(names) == 1 else 'were'}"
