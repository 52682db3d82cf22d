"""Make spans by OpenTelemetry's SDK in this process and export them, if its variables ask for it.

The rules of this file:

1. What the ``OTEL_*`` variables say of sampling, limits, batches, the service and the collector is
   the SDK's business.
2. Nothing is imported before a process is to make spans, and where none are wanted nothing is done.
3. A process makes its own, after it was forked. A collector that does not answer holds nobody up:
   spans are exported by a thread, and at the end for a moment.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SWITCH = "RUNNER_SPANS"
"""Is 0 where it was said already that no spans can be made."""

_ASKING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
_EXPORTERS = ("otlp", "otlp_proto_http")
_FLUSH_WITHIN = 2.0

_tracer: Any = None
_provider: Any = None
_pid = 0


def are_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the variables ask for spans."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get(SWITCH) == "0":
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
    if not any(each.strip() in _EXPORTERS for each in exporters):
        return False
    return any(environ.get(name) for name in _ASKING)


def can_be_made() -> bool:
    """Tell whether spans are wanted and the libraries are there; say so if they are not."""
    if not are_wanted():
        return False
    try:
        if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") and (
            importlib.util.find_spec("opentelemetry.sdk")
        ):
            return True
    except ImportError:  # of the package that they stand in
        pass
    _do_without("and there are none without: pip install 'notebook-runner[otel]'")
    return False


def _do_without(why: str) -> None:
    os.environ[SWITCH] = "0"  # whoever we start needs not say it again
    log.warning("the OTEL_* variables ask for spans, %s", why)


def begin(run: str = "", notebook: Path | None = None) -> None:
    """Make spans in this process from now on, if they are wanted; once is enough.

    Args:
        run: The name of the run that it serves, if there is one.
        notebook: After which the service is named, in the processes that this one starts too,
            unless the variables name it.
    """
    global _tracer, _provider, _pid  # noqa: PLW0603 - there is one for a process
    if _pid == os.getpid() or not can_be_made():
        return
    is_named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if notebook is not None and not is_named:
        os.environ.setdefault("OTEL_SERVICE_NAME", notebook.stem)
    from opentelemetry import trace

    from runner import __version__

    try:
        provider = _new_provider({"runner.run": run} if run else {})
    except ValueError as error:
        _do_without(f"but none are made: {error}")
        return
    _provider, _pid = provider, os.getpid()
    _tracer = provider.get_tracer("runner", __version__)
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)  # for the spans of the notebook, which has none


def _new_provider(facts: dict[str, str]) -> Any:
    """Make what makes and exports spans.

    Raises:
        ValueError: A variable says what the SDK does not know.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    importlib.import_module("opentelemetry.propagate")  # now, for a request would fail by it
    resource = Resource.create({"process.pid": os.getpid(), **facts})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def import_ahead() -> None:
    """Import what spans need, if they are wanted: processes that are forked share it."""
    if can_be_made():
        with contextlib.suppress(ValueError):  # of a variable: who begins says so
            importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            importlib.import_module("opentelemetry.sdk.trace.export")


def is_on() -> bool:
    """Tell whether this process makes spans."""
    return _tracer is not None and _pid == os.getpid()


def tracer() -> Any:
    """Give the library's tracer, by which they are made; None if they are not."""
    return _tracer


def flush(within: float = _FLUSH_WITHIN) -> None:
    """Export what has ended, for some seconds at most."""
    if not is_on():
        return
    work = threading.Thread(
        target=_provider.force_flush, args=[int(within * 1000)], name="spans", daemon=True
    )
    work.start()
    work.join(within)
