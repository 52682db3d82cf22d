"""Say what a pod requests and may take, from what was measured."""

from __future__ import annotations

import math

from runner.manifest.settings import Resources
from runner.measure.measurement import Measurement

# Of the most that was held: what one request, and one pod, may differ by from what was measured.
_REQUESTED, _ALLOWED = 1.2, 1.6
_STEP, _CPU_STEP, _LEAST_CPU = 16, 50, 100  # MiB, thousandths of a core


def resources_of(measured: Measurement, *, reloads: bool) -> Resources:
    """Give what a pod needs.

    Args:
        measured: Of the same notebook, by the same options.
        reloads: A new version stands beside the old one for a while.
    """
    peak = measured.memory.peak
    allowed = _ALLOWED + (1.0 if reloads else 0.0)
    cpu = max(_LEAST_CPU, math.ceil(measured.load.cores * 1000 / _CPU_STEP) * _CPU_STEP)
    return Resources(
        cpu=f"{cpu}m", memory=_mebi(peak * _REQUESTED), memory_limit=_mebi(peak * allowed)
    )


def _mebi(count: float) -> str:
    return f"{math.ceil(count / 2**20 / _STEP) * _STEP}Mi"
