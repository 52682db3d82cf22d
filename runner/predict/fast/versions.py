"""Know with which scikit-learn the inner calls were tested."""

from __future__ import annotations

import re
import sys

# Each was tested with this folder's tests; see benchmarks/fast_predict.py.
TESTED = ("1.5", "1.6", "1.7", "1.8", "1.9")


def untested() -> str:
    """Give the version of scikit-learn that is loaded, if it was not tested; else nothing."""
    version = str(getattr(sys.modules.get("sklearn"), "__version__", "unknown"))
    # A release candidate or a development version may be anything.
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?(\.post\d+)?", version)
    return "" if found and found[1] in TESTED else version
