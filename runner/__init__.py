"""Turn a Jupyter notebook, unchanged, into a production HTTP service."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.model.artefacts import load_model as load_model
    from runner.model.artefacts import save_model as save_model
    from runner.model.metrics import record_metrics as record_metrics
    from runner.predict.problem_error import ProblemError as ProblemError
    from runner.predict.response import Response as Response
    from runner.predict.targets import batched as batched
    from runner.predict.targets import endpoint as endpoint
    from runner.predict.uploads import UploadFile as UploadFile
    from runner.serving.on_fork import on_fork as on_fork
    from runner.serving.serve import serve as serve

__version__ = "0.2.0"

PUBLIC = {
    "ProblemError": "runner.predict.problem_error",
    "Response": "runner.predict.response",
    "UploadFile": "runner.predict.uploads",
    "batched": "runner.predict.targets",
    "endpoint": "runner.predict.targets",
    "load_model": "runner.model.artefacts",
    "on_fork": "runner.serving.on_fork",
    "record_metrics": "runner.model.metrics",
    "save_model": "runner.model.artefacts",
    "serve": "runner.serving.serve",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: the command line needs none of them."""
    if name in PUBLIC:
        return getattr(importlib.import_module(PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
