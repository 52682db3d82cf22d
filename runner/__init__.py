"""Turn a Jupyter notebook, unchanged, into a production HTTP service."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.artefacts import load_model as load_model
    from runner.artefacts import save_model as save_model
    from runner.metrics import record_metrics as record_metrics
    from runner.prediction.options import batched as batched
    from runner.prediction.options import endpoint as endpoint
    from runner.prediction.problems import ProblemError as ProblemError
    from runner.prediction.uploads import UploadFile as UploadFile
    from runner.serving import serve as serve

__version__ = "0.1.0"

_PUBLIC = {
    "ProblemError": "runner.prediction.problems",
    "UploadFile": "runner.prediction.uploads",
    "batched": "runner.prediction.options",
    "endpoint": "runner.prediction.options",
    "load_model": "runner.artefacts",
    "record_metrics": "runner.metrics",
    "save_model": "runner.artefacts",
    "serve": "runner.serving",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: the command line needs none of them."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
