"""Describe the machine on which something was measured."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from pathlib import Path


def describe(load_before: float) -> str:
    """Say when and on what, and what else was running."""
    found = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    words = [
        str(dt.datetime.now(dt.UTC).date()),
        f"{os.cpu_count()} cores ({found[0] if found else platform.machine()})",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        f"load average {load_before:.1f} before",
    ]
    return ", ".join(words)


def load_average() -> float:
    """Give the load of the last minute."""
    return os.getloadavg()[0]
