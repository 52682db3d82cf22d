"""Turn a Jupyter notebook, unchanged, into a production HTTP service."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.serving import serve as serve

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load ``serve`` when it is first asked for: the command line does not need it."""
    if name == "serve":
        from runner.serving import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
