"""Draw the results as an SVG that can be read on light and on dark backgrounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from recipes import LIMIT, OURS, read
from results import Results
from rounds import Series
from table import fastest_first
from traffic import Traffic

INK, OTHERS, MINE, TOP = "#7d8590", "#8b98a9", "#e8590c", "#4c9aff"  # legible on white and black
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "runner",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(found: Results, path: Path) -> None:
    """Draw the throughput and the latency of one worker."""
    mpl.use("svg")
    from matplotlib import pyplot as plt

    series = found.series[min(found.series)]
    names = fastest_first(series)[::-1]
    if LIMIT not in names:
        return
    with mpl.rc_context(STYLE):
        size = (12, 1.2 + 0.34 * len(names))
        figure, (*left, right) = plt.subplots(1, 3, figsize=size, sharey=True)
        for axes, traffic in zip(left, Traffic, strict=True):
            shares = [series.ratio(name, LIMIT, 32, traffic=traffic) for name in names]
            _bars(axes, names, shares, ["{:.2f}" if s >= 0.1 else "{:.3f}" for s in shares])
            axes.axvline(1, color=TOP, linewidth=1, linestyle=":")
            title = f"throughput, 32 clients,\n{traffic} (empty app = 1)"
            axes.set_title(title, fontsize=10, loc="left")
        p50s = [_latency(series, name) for name in names]
        _bars(right, names, p50s, ["{:.2f}"] * len(names))
        right.set_xscale("log")
        right.xaxis.set_major_formatter("{x:g}")
        right.set_title(
            "median latency, one client,\nvaried (ms, logarithmic)", fontsize=10, loc="left"
        )
        figure.text(0.01, 0.005, f"one worker; {found.machine}", fontsize=7, color=INK)
        figure.tight_layout(rect=(0, 0.03, 1, 1))
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)


def _latency(series: Series, name: str) -> float:
    return series.median(name, 1, lambda window: window.p50)


def _bars(axes: Any, names: list[str], values: list[float], forms: list[str]) -> None:
    titles = read()
    colours = [MINE if name == OURS else TOP if name == LIMIT else OTHERS for name in names]
    bars = axes.barh([titles[name].title for name in names], values, color=colours, height=0.7)
    labels = [form.format(value) for form, value in zip(forms, values, strict=True)]
    axes.bar_label(bars, labels, padding=3, color=INK, fontsize=9)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(left=False)
