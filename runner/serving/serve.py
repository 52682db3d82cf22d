"""Serve a model, a function or an app from a notebook: ``from runner import serve``.

Under ``runner serve`` the sockets come from the supervisor, which outlives this kernel;
in plain Jupyter or papermill ``serve`` binds its own. This module imports nothing of the
host's side: it is loaded into the user's kernel.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import inspect
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import net
from runner.config import setting
from runner.errors import ConfigurationError
from runner.http.example_request import Example
from runner.predict.targets import EndpointOptions, is_target
from runner.serving import (
    nested_loops,
    print_forwarding,
    tls_asked,
    worker_log,
)
from runner.serving.adopted_app import AdoptedApp
from runner.serving.app_kind import kind_of
from runner.serving.claim import claim
from runner.serving.greeting import greeted, offers_of
from runner.serving.service_pool import adopted_pool, pool_of
from runner.serving.supervisor_link import SupervisorLink
from runner.serving.workers import WorkerPool

if TYPE_CHECKING:
    from runner.predict.endpoints import Endpoint

log = logging.getLogger(__name__)


class Handle:
    """Hold a service that runs beside the notebook's further cells.

    Attributes:
        url: Where it answers.
    """

    def __init__(self, pool: WorkerPool, url: str) -> None:
        self.url = url
        self._pool = pool
        self._failed: list[Exception] = []
        self._over = threading.Event()
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=[self._run], name="runner-serve", daemon=True
        ).start()

    def __repr__(self) -> str:
        return f"<{'serving' if self.is_serving else 'stopped'} {self.url}>"

    @property
    def is_serving(self) -> bool:
        """Tell whether it has not ended."""
        return not self._over.is_set()

    def stop(self, within: float = 10.0) -> None:
        """Drain the service and give up its port; nothing happens the second time.

        Args:
            within: Seconds to wait for the end.

        Raises:
            RuntimeError: The service had failed.
        """
        self._pool.stop()
        self._over.wait(within)
        if self._failed:
            raise self._failed.pop()

    def _run(self) -> None:
        try:
            self._pool.run()
        except RuntimeError as error:
            self._failed.append(error)
        finally:
            self._over.set()


def serve(  # noqa: PLR0913 - all but the target have defaults
    target: Any,
    *,
    example: Any = None,
    answer: str | Callable[[Any], Any] | None = None,
    probabilities: bool = False,
    class_names: Sequence[str] | Mapping[Any, str] | None = None,
    max_batch: int | None = None,
    media_type: str | None = None,
    threads: int = 1,
    name: str = "",
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    example_path: str = "/",
    page: str | Path | None = None,
    block: bool = True,
) -> Handle | None:
    """Serve a model, a function or an app until the cell is interrupted.

    Under ``runner serve`` the supervisor decides on address and workers, and ``host``,
    ``port``, ``workers`` and ``block`` of the call are ignored.

    Args:
        target: Anything with ``predict``; or a function with type hints; or several of these by
            name; or any ASGI or WSGI callable, which is served as it is.
        example: A JSON value that is POSTed before the service is called ready; else one is made
            of the type hints or the model's card. For a model it also names the features in their
            order.
        answer: The key of the prediction in the answer, or a function that makes the answer of
            the prediction.
        probabilities: Also answer the probability of each class.
        class_names: Also answer the class by its name: names in the model's order, or by class.
        max_batch: The most rows that a model gets in one call; 1: no batching.
        media_type: What the bytes and strings are that a function returns, such as ``text/csv``;
            else they become JSON.
        threads: How many calls of a plain function may run at once: more than one, if they wait
            for something else, such as a database.
        name: What a single model or function is called in metrics and the documentation.
        host: Address to bind; all of the machine's with ``0.0.0.0``.
        port: TCP port to bind; 0 for any.
        workers: How many serve; more than one are forked from this kernel.
        example_path: Where an app's example is POSTed to.
        page: What browsers get at ``/`` instead of our own page: HTML, or the file that holds it,
            which is looked for from the working folder upwards. It may load nothing of another
            host.
        block: Serve in this cell until interrupted; else return at once with a handle.

    Returns:
        A handle with ``url`` and ``stop()`` if ``block`` is false, else None.

    Raises:
        ConfigurationError: This system cannot serve, or not by several workers; or a file by which
            it is to speak TLS cannot be used.
        OSError: The address cannot be bound, or ``page`` cannot be read.
        RuntimeError: The app does not start, or does not answer its example, or its
            workers keep dying.
        TypeError: ``target`` cannot be served; the message says why, and the mend.
        ValueError: An option has a value that makes no sense.
    """
    _check_system(workers)
    options = EndpointOptions(
        example=example,
        answer=answer,
        probabilities=probabilities,
        class_names=class_names,
        max_batch=max_batch,
        media_type=media_type,
        threads=threads,
    )
    app, examples = _app_of(target, name, options, example_path, page)
    kind = kind_of(app)
    debugging = sys.modules.get("runner.serving.debugging")
    if debugging is not None and debugging.takes(app):
        return None
    tls, control = tls_asked.chosen(), _own_link()
    if control is None:
        listeners = bind(host, port, workers)
    else:
        listeners = greeted(control, kind, tls, offers=offers_of(app))
    pool = pool_of(kind, app, listeners, control, examples, tls)
    if not block and control is None:
        return Handle(pool, url_of(listeners[0], is_tls=pool.is_tls))
    _run(pool, kind)
    return None


def _check_system(workers: int) -> None:
    if sys.platform == "win32":
        raise ConfigurationError("serve() needs Linux or macOS; on Windows, WSL 2 or a container")
    if workers > 1 and sys.platform != "linux":
        raise ConfigurationError(
            f"workers={workers}: only on Linux can workers be forked from a kernel without harm"
        )


def _app_of(
    target: Any, name: str, options: EndpointOptions, path: str, page: str | Path | None
) -> tuple[Any, list[Example]]:
    """Give the app of a target, and the examples that it must answer."""
    if is_target(target):
        from runner.predict.app import PredictApp
        from runner.predict.endpoint_factory import endpoints_of
        from runner.predict.pages import own_page

        own = None if page is None else own_page(page)
        endpoints = endpoints_of(target, setting("model-name", "") or name, options)
        return PredictApp(endpoints, page=own), [*_examples_of(endpoints)]
    if isinstance(target, type) and not _is_class_of_apps(target):
        raise TypeError(
            f"{target.__name__} is a class: serve one, as in serve({target.__name__}())"
        )
    if dataclasses.replace(options, example=None) != EndpointOptions() or page is not None:
        raise TypeError(f"{target!r:.80} is served as it is: only example= is for an app")
    if options.example is None:
        return target, []
    return target, [Example(body=json.dumps(options.example).encode(), path=path)]


def _is_class_of_apps(target: type) -> bool:
    """Tell a class that is called as an app, as PEP 3333 allows."""
    try:
        inspect.signature(target)
        return not hasattr(target, "predict") and bool(kind_of(target))
    except (TypeError, ValueError):
        return False


def _examples_of(endpoints: Sequence[Endpoint]) -> Iterator[Example]:
    """Give what each endpoint must answer before it is ready: the author's example, or one made."""
    from runner.predict.made_examples import example_for

    for endpoint in endpoints:
        is_made = endpoint.example is None
        body = example_for(endpoint) if is_made else endpoint.example
        if is_made and body is None:
            log.warning("%s: no example could be made, so none is tried", endpoint.name)
            continue
        yield Example(
            body=json.dumps(body).encode(), path=endpoint.path, name=endpoint.name, is_made=is_made
        )


def _own_link() -> SupervisorLink | None:
    """Connect to the supervisor, if there is one, as the notebook's one service.

    Raises:
        RuntimeError: Something else of the notebook serves already.
    """
    control = SupervisorLink.connect()
    if control is None:
        return None
    if not claim.take("`runner.serve`"):
        control.close()
        raise RuntimeError(f"{claim.holder} of this notebook serves already, and one thing can")
    if adoption := sys.modules.get("runner.serving.adoption"):  # which may import this module
        adoption.leave_sockets_alone()
    return control


def serve_adopted(taken: AdoptedApp) -> None:
    """Serve the app of a notebook's own server call on the supervisor's sockets.

    Raises:
        ConfigurationError: The call asks for TLS by files that cannot be used.
        OSError: There is no supervisor.
        RuntimeError: The app does not start, or its workers keep dying.
        TypeError: The app is neither ASGI nor WSGI.
    """
    _run(adopted_pool(taken), kind_of(taken.app))


async def serve_adopted_on_loop(taken: AdoptedApp, *, has_tasks: bool = False) -> None:
    """Serve likewise on the loop that runs, which goes on meanwhile.

    Args:
        taken: As above.
        has_tasks: Whether tasks of the notebook run on it, so that no forked worker would do.
    """
    obstacle = "tasks of the notebook run on its loop" if has_tasks else ""
    pool = adopted_pool(taken, obstacle)
    with _serving(pool, kind_of(taken.app)):
        await pool.run_on_loop()


def serve_adopted_in_background(taken: AdoptedApp) -> Handle:
    """Serve likewise, but from a thread, while cells go on."""
    pool = adopted_pool(taken)
    return Handle(pool, url_of(pool.listeners[0], is_tls=pool.is_tls))


def _run(pool: WorkerPool, kind: str) -> None:
    with _serving(pool, kind):
        if (loop := nested_loops.reentrant_loop()) is not None:
            loop.run_until_complete(pool.run_on_loop())
        else:
            pool.run()


@contextlib.contextmanager
def _serving(pool: WorkerPool, kind: str) -> Iterator[None]:
    """Say what is served, and bring what the app prints to the log if that has a reader."""
    url, count = url_of(pool.listeners[0], is_tls=pool.is_tls), len(pool.listeners)
    print(f"serving {kind.upper()} on {url} with {count} worker(s)", flush=True)  # noqa: T201 - the cell's claim
    with contextlib.ExitStack() as printing:
        if pool.control is not None:
            printing.enter_context(worker_log.records_to(pool.log_fd))
            printing.enter_context(contextlib.closing(print_forwarding.forward_prints(pool.log_fd)))
        yield


def bind(host: str, port: int, count: int) -> list[socket.socket]:
    """Open the listeners of a service that no supervisor owns, one for each worker.

    Raises:
        OSError: The address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without REUSEPORT first: it would join a stranger's listener instead of failing.
    try:
        with socket.create_server((host, port), family=family) as probe:
            port = probe.getsockname()[1]
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}{net.held_by(port, error)}") from None
    return [
        socket.create_server((host, port), family=family, backlog=2048, reuse_port=count > 1)
        for _ in range(count)
    ]


def url_of(listener: socket.socket, *, is_tls: bool = False) -> str:
    """Give the address by which this machine reaches a listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    scheme = "https" if is_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
