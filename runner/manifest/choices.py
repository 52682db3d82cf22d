"""Name what can be chosen of how a service is kept; the command line lists it at each start."""

from __future__ import annotations

import enum


class Autoscale(enum.StrEnum):
    """Say by what the number of replicas follows the load."""

    CPU = enum.auto()
    IN_FLIGHT = "in-flight"
    NONE = enum.auto()


class Monitor(enum.StrEnum):
    """Say how Prometheus finds the pods."""

    ANNOTATIONS = enum.auto()
    PODMONITOR = enum.auto()
    NONE = enum.auto()


class KServeMode(enum.StrEnum):
    """Say what KServe keeps the pods by, as its annotation has it."""

    STANDARD = "Standard"
    KNATIVE = "Knative"
