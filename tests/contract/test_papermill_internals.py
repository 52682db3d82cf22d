"""What we use of papermill that its documentation does not promise."""

from __future__ import annotations

import papermill.engines
import papermill.execute
import papermill.iorw
import papermill.parameterize
import papermill.translators
import papermill.utils
from support.insides import require, require_order, require_parameters


def test_papermill_has_the_functions_that_we_call() -> None:
    """None of them is in its documentation."""
    require(papermill.engines, "papermill_engines")
    require(papermill.engines.papermill_engines, "register", "get_engine")
    require(papermill.execute, "remove_error_markers")
    require(papermill.utils, "nb_language")
    require(papermill.translators, "translate_parameters")
    require_order(
        papermill.translators.translate_parameters,
        "kernel_name", "language", "parameters", "comment",
    )  # fmt: skip


def test_papermill_writes_by_a_handler_that_can_be_replaced() -> None:
    """The last write of a local file is atomic by a handler of ours, which then withdraws."""
    require(papermill.iorw, "LocalHandler", "StreamHandler", "papermill_io", "write_ipynb")
    require(papermill.iorw.papermill_io, "get_handler", "register", "_handlers")
    require(papermill.parameterize, "add_builtin_parameters")
    require(papermill.iorw.LocalHandler, "cwd", "write", "pretty_path")
    require_order(papermill.iorw.LocalHandler.cwd, "self", "new_path")


def test_papermill_asks_an_engine_by_these_methods() -> None:
    """Ours is no subclass of its own, which would have to be imported first."""
    require_parameters(
        papermill.engines.Engine.execute_notebook, "nb", "kernel_name", "output_path"
    )
    require(papermill.engines.Engine, "nb_kernel_name", "nb_language")
    require_parameters(
        papermill.execute.execute_notebook, "engine_name", "progress_bar", "language"
    )
