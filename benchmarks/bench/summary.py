"""Put the results in short into the documentation, between two marks."""

from __future__ import annotations

from recipes import LIMIT, OURS, read
from results import Results
from table import fastest_first
from traffic import Traffic

BEGIN, END = "<!-- written by make bench -->\n", "<!-- until here -->\n"
HEAD = (
    "| one worker | throughput: varied | the same bytes | runner's, by it | p50, one client "
    "| CPU per request | first answer | memory |\n|---|---:|---:|---:|---:|---:|---:|---:|"
)


def insert(page: str, found: Results) -> str:
    """Replace what stands between the marks of a page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{summary(found)}\n{END}{after}"


def summary(found: Results) -> str:
    """Write the table of one worker, the fastest first."""
    series, recipes = found.series[1], read()
    lines = [HEAD]
    for name in fastest_first(series):
        title = f"**{recipes[name].title}**" if name == OURS else recipes[name].title
        shares = [series.ratio(name, LIMIT, 32, traffic=traffic) for traffic in Traffic]
        times = series.ratio(OURS, name, 32)
        weight = series.weights[name]
        lines.append(
            f"| {title} | {shares[0]:.3g} | {shares[1]:.3g} "
            f"| {'' if name == OURS else f'{times:.3g} x'} "
            f"| {series.median(name, 1, lambda w: w.p50):.2f} ms "
            f"| {series.median(name, 32, lambda w: w.cost):.0f} µs "
            f"| {weight.boot:.1f} s | {weight.pss:.0f} MB |"
        )
    for name, fault in series.faults.items():
        lines.append(f"| {recipes[name].title} | {fault[:80].replace('|', '/')} | | | | | | |")
    lines += ["", f"Measured on {found.machine}; commit {found.commit}."]
    return "\n".join(lines)
