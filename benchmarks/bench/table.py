"""Write the results as a page of tables."""

from __future__ import annotations

from recipes import ALONE, LIMIT, OURS, Recipe, read
from results import Results
from rounds import LOADS, Series
from targets import compare
from traffic import DISTINCT, Traffic

HEAD = (
    "server",
    "c=1 req/s",
    "p50 ms",
    "c=32 req/s",
    "of the limit",
    "same bytes req/s",
    "of the limit",
    "p50 ms",
    "p99 ms",
    "c=256 req/s",
    "p99 ms",
    "CPU µs/req",
    "boot s",
    "PSS MB",
    "idle CPU %",
    "failed",
)
ABSOLUTE = """Absolute figures of a machine whose cores the load generator shares are
not stable. The ratios are: each is taken within one group of a round, a minute at most."""
WHAT = f"""Every server predicts the class of one flower by the same `SVC`, from a body of JSON, on
kept-alive connections, access logs off. All figures but those of "same bytes" are of varied
requests: {DISTINCT} in turn, each with a row, a trace id, a request id and a client's address of
its own, in the heads that nginx and Envoy pass on. "same bytes" is one request for ever, with the
least head, by 32 clients. "of the limit" is the throughput with 32 clients by that of an ASGI app
under uvicorn that does nothing: the limit of whoever answers by ASGI. CPU is what all its processes
computed for a request with 32 clients; boot is the time to its first right answer; PSS weighs all
its processes after the load; failed are connections lost and answers of a wrong status."""


def page(found: Results) -> str:
    """Write all of it."""
    parts = [
        "# One row a request: what serves a scikit-learn model, and how fast",
        *_preface(found),
    ]
    for workers, series in sorted(found.series.items()):
        parts += [f"## {workers} worker{'s' if workers > 1 else ''}", _table(series, found.seconds)]
    parts += _overload(found)
    parts += ["## What was aimed at", targets(found), "## Versions", _versions(found)]
    return "\n\n".join(parts) + "\n"


def _preface(found: Results) -> list[str]:
    return [
        f"Measured on {found.machine}; medians of {found.rounds} alternated rounds, half as "
        f"many with two workers, of windows of {found.seconds} s. runner is of commit "
        f"{found.commit}. wrk used at most {found.generator:.2f} of a core. " + ABSOLUTE,
        WHAT,
        "Repeat it by `make bench`; `benchmarks/bench/servers/` has the recipes.",
    ]


def targets(found: Results) -> str:
    """Write what was aimed at, and whether it was reached."""
    lines = ["| runner, one worker | aim | found | reached |", "|---|---|---|---|"]
    return "\n".join([*lines, *(target.line() for target in compare(found))])


def fastest_first(series: Series) -> list[str]:
    """Order the servers that ran."""
    loaded = {sample.server for sample in series.samples}
    return sorted(loaded, key=lambda name: -_rate(series, name))


def _rate(series: Series, name: str) -> float:
    return series.median(name, 32, lambda window: window.rate)


def share(series: Series, name: str, traffic: Traffic) -> str:
    """Write a server's throughput, by that of the limit."""
    if LIMIT not in series.weights:
        return ""
    found = series.ratio(name, LIMIT, 32, traffic=traffic)
    return f"{found:.2g}" if found < 1 else f"{found:.2f}"


def _table(series: Series, seconds: int) -> str:
    recipes = read()
    lines = [_row(HEAD), "|---" + "|---:" * (len(HEAD) - 1) + "|"]
    for name in fastest_first(series):
        title = f"**{recipes[name].title}**" if name == OURS else recipes[name].title
        lines.append(_row((title, *_figures(series, name, seconds))))
    if ALONE in series.weights:
        weight = series.weights[ALONE]
        figures = [f"{weight.boot:.1f}", f"{weight.pss:.0f}", f"{weight.idle:.1f}", ""]
        lines.append(_row((recipes[ALONE].title, *[""] * (len(HEAD) - 5), *figures)))
    for name, fault in series.faults.items():
        lines.append(_row((recipes[name].title, f"*{_plain(fault)}*", *[""] * (len(HEAD) - 2))))
    return "\n".join(lines)


def _figures(series: Series, name: str, seconds: int) -> list[str]:
    weight = series.weights[name]
    rates = [series.median(name, clients, lambda w: w.rate) for clients in (1, 32, 256)]
    p50s = [series.median(name, clients, lambda w: w.p50) for clients in (1, 32)]
    p99s = [series.median(name, clients, lambda w: w.p99) for clients in (32, 256)]
    windows = [w for load in LOADS for w in series.windows(name, *load)]
    return [
        f"{rates[0]:.0f}",
        f"{p50s[0]:.2f}",
        f"{rates[1]:.0f}",
        share(series, name, Traffic.VARIED),
        f"{series.median(name, 32, lambda w: w.rate, Traffic.SAME):.0f}",
        share(series, name, Traffic.SAME),
        f"{p50s[1]:.2f}",
        _latency(p99s[0], seconds),
        f"{rates[2]:.0f}",
        _latency(p99s[1], seconds),
        f"{series.median(name, 32, lambda w: w.cost):.0f}",
        f"{weight.boot:.1f}",
        f"{weight.pss:.0f}",
        f"{weight.idle:.1f}",
        str(sum(window.refused + window.lost for window in windows)),
    ]


def _latency(milliseconds: float, seconds: int) -> str:
    """Write a latency; one near the window's length says only that it was longer."""
    most = 900 * seconds
    return f"{milliseconds:.1f}" if milliseconds < most else f"> {most}"


def _overload(found: Results) -> list[str]:
    series = found.overload
    if not series or not series.samples:
        return []
    lines = ["| clients | answered /s | p50 ms | p99 ms | 503 | lost |", "|---:" * 6 + "|"]
    for clients in sorted({sample.clients for sample in series.samples}):
        windows = series.windows(OURS, clients)
        medians = [
            series.median(OURS, clients, what)
            for what in (lambda w: w.rate, lambda w: w.p50, lambda w: w.p99)
        ]
        failed = [sum(w.refused for w in windows), sum(w.lost for w in windows)]
        lines.append(
            f"| {clients} | {medians[0]:.0f} | {medians[1]:.1f} | {medians[2]:.1f} "
            f"| {failed[0]} | {failed[1]} |"
        )
    heading = "## runner, one worker, a model of 10 ms a call, and more clients than it lets in"
    return [heading, "\n".join(lines)]


def _versions(found: Results) -> str:
    recipes: dict[str, Recipe] = read()
    lines = [f"- {recipes[name].title}: {what}" for name, what in found.versions.items() if what]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:160]
