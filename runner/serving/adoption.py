"""Have whatever a notebook serves by serve on the supervisor's sockets.

Only under a supervisor: before the notebook's first cell the run calls ``adopt``, and when all
cells have ended it puts in a last one, which anyone can see in out.ipynb, that calls
``serve_what_is_left``. A call that was taken over says so in its cell. In plain Jupyter and
plain papermill nothing is patched.

The rules of this file:

1. A call that blocks a cell of the main thread serves at once, as the call would have. One in a
   process that the notebook has forked waits until all cells that will run have run.
2. A call in another thread, or in a task of the kernel's own loop, must not block there: its
   app is left for the last cell. If the cells come to stay in one that does not end, it is served
   beside them, from a thread: a notebook may look after its server in a loop of its own. See
   ``runner.serving.completion``.
3. The last cell serves what was left, or waits for what is served already; else it serves an
   app that the notebook has named ``app`` or ``application``, or the value of its last
   expression; else its annotated cells; else what listens by itself, which the supervisor passes
   requests on to: see ``runner.serving.passed_on_server``. If there is nothing, it fails, and says
   what could be.
4. What was drained is over: a notebook that calls its server again is interrupted.
5. A notebook that listens by Python's sockets serves as it is: see
   ``runner.serving.socket_takeover``.
6. One thing serves: see ``runner.serving.claim``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from runner.serving import claim as claims
from runner.serving import ipython_internals, model_versions
from runner.serving.adopted_app import AdoptedApp
from runner.serving.app_takeover import Adoption, BackgroundService
from runner.serving.nested_loops import let_asyncio_run_nest, stand_in_for_nest_asyncio
from runner.serving.servers import adopt_when_imported

_current: list[Adoption] = []


def adopt() -> None:
    """Let the server calls and the sockets of this process serve under the supervisor."""
    if "RUNNER_CONTROL" not in os.environ:
        return
    adoption = Adoption(
        _serve, is_called_by_cell, _serve_in_background, claims.claim, _serve_on_loop
    )
    _current[:] = [adoption]
    _end_with_an_interrupted_cell(adoption)
    adopt_when_imported(adoption.take_app)
    adoption.own_sockets.patch()
    adoption.self_requests.patch()
    adoption.watch_cells()
    let_asyncio_run_nest()
    stand_in_for_nest_asyncio()
    model_versions.listen_to_warnings()


async def serve_what_is_left(names: Mapping[str, Any]) -> None:
    """Be the last cell."""
    if _current:
        await _current[0].serve_what_is_left(names)


def leave_sockets_alone() -> None:
    """Give the notebook's sockets back to Python: something else is its service."""
    if _current:
        _current[0].own_sockets.unpatch()
        _current[0].self_requests.end()


def is_called_by_cell() -> bool:
    """Tell whether a cell waits, in the main thread, for the call that runs now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return ipython_internals.is_within_a_cell()


def _serve(taken: AdoptedApp) -> None:
    from runner.serving import serve as serving

    serving.serve_adopted(taken)


async def _serve_on_loop(taken: AdoptedApp, has_tasks: bool) -> None:
    from runner.serving import serve as serving

    await serving.serve_adopted_on_loop(taken, has_tasks=has_tasks)


def _serve_in_background(taken: AdoptedApp) -> BackgroundService:
    from runner.serving import serve as serving

    return serving.serve_adopted_in_background(taken)


def _end_with_an_interrupted_cell(adoption: Adoption) -> None:
    """Drain what is served beside a cell when that is interrupted: so a run is stopped."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    if shell is None:
        return

    def look(result: Any) -> None:
        error = getattr(result, "error_in_exec", None)
        if result is None or isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            adoption.end_background()

    shell.events.register("post_run_cell", look)
