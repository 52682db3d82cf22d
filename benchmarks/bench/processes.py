"""Find a server's processes by a mark in their environment, and measure them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from leftovers import kill, leave_nothing, marked

__all__ = ["MARK", "Family", "leave_nothing"]

MARK = "RUNNER_BENCH_MARK"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """All living processes that were started with one mark, whoever their parent is now."""

    mark: str

    def pids(self) -> list[int]:
        """List them."""
        return marked(MARK, self.mark)

    def computed(self) -> float:
        """Sum the seconds they and their ended children have computed, to a tick (10 ms)."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/stat").read_text()
                ticks += sum(map(int, text.rpartition(")")[2].split()[11:15]))
        return ticks / TICKS

    def scheduled(self) -> float:
        """Sum the seconds of their living threads, to a nanosecond: what an idle one uses."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def pss(self) -> float:
        """Weigh them in MB (10^6 bytes); what several share counts once."""
        kilobytes = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                kilobytes += int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
        return kilobytes * 1024 / 1e6

    def rss(self) -> float:
        """Sum their resident memory in MB; what several share counts for each."""
        pages = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def kill(self) -> None:
        """Kill what is left."""
        kill(self.pids)
