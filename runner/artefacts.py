"""Read a model only if it is the one that its card describes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import warnings
from pathlib import Path
from typing import Any


class CardError(ValueError):
    """Refuse a model that is not what its card says."""


def load_model(path: str | Path) -> tuple[Any, dict[str, Any]]:
    """Read a model whose hash is the one on its card, and warn if another scikit-learn made it.

    A pickle can run any code when it is read, so it is read only if it is the very file that its
    card describes: the JSON file beside it, whose ``sha256`` is the model's.

    Args:
        path: The model's file. One that is relative is looked for from the working folder
            upwards: Jupyter starts in ``notebooks/``, papermill above it.

    Returns:
        The model and its card.

    Raises:
        FileNotFoundError: There is no such model, or no card beside it.
        CardError: The model is not the one of its card.
    """
    file = _found(Path(path))
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    pickled = file.read_bytes()
    if hashlib.sha256(pickled).hexdigest() != card.get("sha256"):
        raise CardError(f"{path} is not the model of its card: refused; train it again")
    _compare_versions(str(path), card)
    import joblib

    return joblib.load(io.BytesIO(pickled)), card


def _found(path: Path) -> Path:
    folders = [Path.cwd(), *Path.cwd().parents]
    file = next((folder / path for folder in folders if (folder / path).is_file()), None)
    if file is None:
        raise FileNotFoundError(f"there is no {path} here or above: train the model first")
    if not file.with_suffix(".json").is_file():
        raise FileNotFoundError(f"{path} has no card {file.with_suffix('.json').name} beside it")
    return file


def _compare_versions(path: str, card: dict[str, Any]) -> None:
    made_with, here = card.get("scikit-learn"), importlib.metadata.version("scikit-learn")
    if made_with is not None and made_with != here:
        warnings.warn(
            f"{path} was trained with scikit-learn {made_with} and is read by {here}: its answers"
            " may differ; train it again",
            stacklevel=3,
        )
