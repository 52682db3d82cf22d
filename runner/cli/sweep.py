"""Be the command ``runner sweep``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runner import log
from runner.cli import terminal
from runner.cli.copies import copies_of
from runner.cli.help import Sectioned
from runner.cli.options import (
    EPILOG,
    FOLDER,
    PATH,
    config_of,
    ending_run_options,
    kernel_of,
    option,
    run_options,
    time_limits_of,
    values_of,
)
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError


@click.command(cls=Sectioned, epilog=EPILOG)
@run_options
@ending_run_options
@click.option(
    "--grid",
    multiple=True,
    required=True,
    metavar="NAME=V1,V2",
    help='Give a parameter several values; repeatable. "a,b" in double quotes is one value;'
    " 0.1..10:log:5 is a range of five.",
)
@click.option(
    "--search",
    type=click.Choice(("optuna",)),
    help="Let it propose points within the grid, by what METRIC was so far, instead of running"
    " all combinations.",
)
@click.option("--trials", type=click.IntRange(1, 100_000), help="How many points it tries.")
@option(
    "--jobs",
    "-j",
    default=0,
    type=click.IntRange(min=0),
    help="Runs at a time; 0: as many as there are cores.",
)
@option(
    "--on",
    metavar="PLACE",
    default="local",
    help="Where the runs are: local, dask://HOST:8786, tls://HOST:8786, slurm, ssh:HOST,HOST or"
    " kubernetes.",
)
@click.option(
    "--with",
    "more",
    multiple=True,
    type=PATH,
    metavar="PATH",
    help="Send this file or folder to the nodes, too; repeatable.",
)
@option(
    "--goal",
    type=click.Choice(("max", "min")),
    default=None,
    show_default="min for a METRIC named loss, error, rmse, mae, …; else max",
    help="The good end of METRIC.",
)
@click.option("--metric", metavar="METRIC", default="", help="Find the best by this one.")
@click.option(
    "--out", type=FOLDER, metavar="FOLDER", help="Where all files of the sweep go; may be a URL."
)
@click.option("--retry-failed", is_flag=True, help="Run the points again that failed.")
@click.option("--dry-run", is_flag=True, help="Only list the points, and which would run.")
@option(
    "--shard",
    metavar="I/N",
    default="",
    show_default=False,
    help="Run only the I-th of N shares of the points, from 1 on; Slurm's arrays, Cloud Run's and"
    " AWS Batch's tasks say theirs by themselves.",
)
@option(
    "--shards",
    metavar="N",
    default=0,
    show_default=False,
    type=click.IntRange(min=0),
    help="How many there are, for schedulers that say only which this is: Indexed Jobs of"
    " Kubernetes.",
)
@click.option(
    "--report-only",
    is_flag=True,
    help="Run nothing: write the table and the report of what shards or others have run.",
)
def sweep(**given: Any) -> None:
    """Execute NOTEBOOK once for each combination of the grid's values, and compare the runs.

    \b
    runner sweep notebooks/train.ipynb --grid gamma=scale,auto --grid C=0.1,1,10 -j 2

    runs six points, two at a time. Each keeps its executed notebook and its model in
    FOLDER/points/gamma=scale,C=0.1/; FOLDER is runs/sweeps/<path of the notebook> unless given.
    It also gets results.csv, the table, results.svg, a picture of it, and report.ipynb, which
    shows both. The model that is being served is not touched; the command that trains the best
    one is printed.

    Metrics are what the notebook records by `from runner import record_metrics;
    record_metrics(accuracy=0.97)`, else the `metrics` of the card that save_model writes beside
    its model. The best is by METRIC, or else by the first that is recorded.

    Interrupted or killed, the same command goes on: only points that have not completed are
    run, those of an edited notebook or of other parameters anew, and failed ones with
    --retry-failed. The same command may run several times at once, on hosts that share the
    folder: each takes points that nobody holds; with --shard, only those of its share. In a
    parameter given as text, {point} is the point's name and {folder} its folder:
    -p report_path '{folder}/report.html'.

    With --on, points run on other machines, by dask. The notebook travels to them, with the
    modules and the small files beside it and what --with names; what a run writes to {folder}
    comes back.

    NOTEBOOK may be s3://, gs://, az:// or http(s)://, FOLDER the first three: its records are
    brought here first, and what is written here is copied there.
    """  # noqa: D301 - click wants the character, not the words for it
    require_posix("sweep")
    from runner.spawn.shadowed_name import refuse_shadow
    from runner.sweep import sweep

    log.configure(given["log_level"], given["log_format"])
    with copies_of(given) as copies:
        copies.fetch(given["notebook"])
        refuse_shadow(Path.cwd(), given["notebook"], serves=False)
        if given["out"]:
            copies.share(given["out"], writes=not given["dry_run"])
        sweep.sweep(_options(given, copies.locks), click.echo, _show)


def _show(table: Any) -> None:
    log.flush()
    if terminal.is_terminal():
        click.echo()
    terminal.print_table(table.columns, table.rows, right=table.right)
    if table.more:
        click.echo(f"… and {table.more} more")
    click.echo()


def _options(given: dict[str, Any], locks_of: Callable[[Path], Any]) -> Any:
    from runner.record.goals import Goal
    from runner.sweep.nodes.target import read_target
    from runner.sweep.options import SweepOptions
    from runner.sweep.shards import WHOLE, shard_of

    if bool(given["search"]) != bool(given["trials"]):
        raise ConfigurationError(
            "--search and --trials belong together: --search optuna --trials 50"
        )
    on = read_target(given["on"])
    if given["search"] and not (on.is_local or given["jobs"]):
        raise ConfigurationError(
            "--search on nodes: -j says how many points are tried at a time",
            hint="more at a time know less of each other",
        )
    shard = WHOLE
    if not given["report_only"]:
        shard = shard_of(given["shard"], given["shards"], os.environ)
    return SweepOptions(
        path=given["notebook"],
        out=given["out"],
        fixed=values_of(given),
        secrets=frozenset(given["secret"]),
        grid=given["grid"],
        jobs=given["jobs"],
        metric=given["metric"],
        goal=Goal(given["goal"]) if given["goal"] else None,
        retries_failed=given["retry_failed"],
        is_dry=given["dry_run"],
        config=config_of(given),
        time_limits=time_limits_of(given),
        kernel=kernel_of(given),
        on=on,
        more=given["more"],
        log_output=given["log_output"],
        log_level=given["log_level"],
        trials=given["trials"] or 0,
        shard=shard,
        only_reports=given["report_only"],
        locks_of=locks_of,
    )
