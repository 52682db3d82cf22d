"""Parse the command line, and turn every error into one line, a hint and an exit code."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runner import __version__, history, log
from runner.config import EngineConfig, variable
from runner.errors import (
    ConfigurationError,
    CrashLoopError,
    FindingsError,
    InterruptedRunError,
    KernelDiedError,
    NotebookError,
    NotReadyError,
    RunnerError,
)
from runner.limits import Limits

EXIT_CODES = (
    ConfigurationError,
    NotebookError,
    KernelDiedError,
    NotReadyError,
    CrashLoopError,
    FindingsError,
)

_EPILOG = "Exit codes: 0 done or stopped as asked; {}; 128 + N interrupted by signal N.".format(
    "; ".join(f"{error.exit_code} {error.meaning}" for error in (RunnerError, *EXIT_CODES))
)
_PATH = click.Path(path_type=Path)

Decorator = Callable[[Any], Any]


def _option(name: str, *short: str, **settings: Any) -> Decorator:
    """Declare an option that can also be set by its ``RUNNER_*`` variable."""
    seen: dict[str, Any] = {"show_default": True, "show_envvar": True, "envvar": variable(name)}
    return click.option(*short, name, **(seen | settings))


def _run_options(command: Any) -> Any:
    """Add what ``run`` and ``serve`` have in common."""
    defaults = EngineConfig()
    for decorate in reversed(
        [
            click.argument("notebook", type=_PATH),
            click.option(
                "-p",
                "--parameters",
                "plain",
                nargs=2,
                multiple=True,
                metavar="NAME VALUE",
                help="Set a parameter; VALUE is read as True, False, None, a number or text.",
            ),
            click.option(
                "-r",
                "--parameters-raw",
                "raw",
                nargs=2,
                multiple=True,
                metavar="NAME VALUE",
                help="Set a parameter to VALUE as text.",
            ),
            click.option(
                "-y",
                "--parameters-yaml",
                "yaml_texts",
                multiple=True,
                metavar="YAML",
                help="Set parameters from a YAML mapping.",
            ),
            click.option(
                "-f",
                "--parameters-file",
                "files",
                multiple=True,
                type=_PATH,
                metavar="FILE",
                help="Set parameters from a YAML file.",
            ),
            _option(
                "--save-every",
                type=click.FloatRange(min=0, min_open=True),
                metavar="SECONDS",
                default=defaults.save_every,
                help="Save OUT this often while a cell runs.",
            ),
            _option(
                "--grace",
                type=click.FloatRange(min=0, min_open=True),
                metavar="SECONDS",
                default=defaults.grace,
                help="Time that a cell has to end after SIGTERM or SIGINT; then it is killed.",
            ),
            _option(
                "--start-timeout",
                type=click.FloatRange(min=0, min_open=True),
                metavar="SECONDS",
                default=defaults.start_timeout,
                help="Time that the kernel has to come up.",
            ),
            _option(
                "--log-output/--no-log-output",
                envvar=variable("log-output"),
                default=False,
                help="Also log what the cells print.",
            ),
            _option(
                "--log-level",
                type=click.Choice(log.LEVELS),
                default="info",
                help="Log events of this level and above; debug shows tracebacks.",
            ),
            _option(
                "--log-format",
                type=click.Choice(log.FORMATS),
                default="text",
                help="Log as text or as lines of JSON.",
            ),
        ]
    ):
        command = decorate(command)
    return command


def _limit_options(command: Any) -> Any:
    """Add an option for each limit of a worker, as its dataclass describes it."""
    meanings = Limits.meanings()
    for field in reversed(dataclasses.fields(Limits)):
        kinds: dict[type, Any] = {int: click.IntRange(min=0), float: click.FloatRange(min=0)}
        command = _option(
            f"--{field.name.replace('_', '-')}",
            type=kinds.get(type(field.default), str),
            default=field.default,
            help=meanings[field.name],
        )(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, "-V", "--version", prog_name="runner")
def commands() -> None:
    """Turn a Jupyter notebook, unchanged, into a production HTTP service.

    \b
    runner run notebooks/train.ipynb           train a model
    runner serve notebooks/serve.ipynb         serve it on port 8000
    runner sweep notebooks/train.ipynb --grid C=0.1,1,10    find its best parameters
    """  # noqa: D301 - click wants the character, not the words for it


_OUT = click.argument("out", type=_PATH, required=False)


@commands.command(epilog=_EPILOG)
@_run_options
@_OUT
def run(**given: Any) -> None:
    """Execute NOTEBOOK once, to its last cell, and keep the executed notebook in OUT.

    OUT is runs/<name of the notebook>/out.ipynb unless given; it can be opened at
    any moment and shows what every cell did, is doing, or has not done yet.
    """
    from runner import run as runs

    runs.run(_job(given, shows_bar=sys.stderr.isatty()))


@commands.command(epilog=_EPILOG)
@_run_options
@_OUT
@_option("--host", default="127.0.0.1", help="Address to bind; 0.0.0.0 for all.")
@_option("--port", type=click.IntRange(1, 65535), default=8000, help="TCP port to bind.")
@_option("--workers", type=click.IntRange(1, 64), default=1, help="Serving processes.")
@_option(
    "--reload/--no-reload",
    envvar=variable("reload"),
    default=False,
    help="Swap to the new version whenever the notebook or its model is saved.",
)
@_option(
    "--standby/--no-standby",
    envvar=variable("standby"),
    default=True,
    help="Keep the next run's process warm.",
)
@_option(
    "--ready-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=120.0,
    help="Time that a run has until it serves.",
)
@_option(
    "--access-log/--no-access-log",
    envvar=variable("access-log"),
    default=True,
    help="Log a line for each request.",
)
@_limit_options
@click.pass_context
def serve(context: click.Context, /, host: str, port: int, **given: Any) -> None:
    """Execute NOTEBOOK, whose last cell serves, until SIGTERM or SIGINT.

    A notebook that starts a server as notebooks do is supervised: restarted if it dies,
    swapped without a lost request by --reload, SIGHUP or `runner reload`, and served by
    WORKERS.

    HOST and PORT go into the notebook's parameters `host` and `port`. OUT is
    runs/<name of the notebook>/out.ipynb unless given; it can be opened at any
    moment and shows what the server printed.
    """
    from runner import plan

    wants = given["workers"] > 1 or given["reload"]
    if plan.is_supervised(given["notebook"], wants_supervisor=wants):
        from runner import supervisor

        supervisor.supervise(_plan(given, host, port))
        return
    from runner import run as runs

    source = context.get_parameter_source("port")
    is_chosen = source is click.core.ParameterSource.COMMANDLINE
    runs.serve(_job(given, shows_bar=False), host, port, is_chosen)


@commands.command(epilog=_EPILOG)
@_run_options
@click.option(
    "--grid",
    multiple=True,
    required=True,
    metavar="NAME=V1,V2",
    help='Give a parameter several values; repeatable. "a,b" in double quotes is one value.',
)
@_option(
    "--jobs",
    "-j",
    default=0,
    type=click.IntRange(min=0),
    help="Runs at a time; 0: as many as there are cores.",
)
@_option("--goal", type=click.Choice(("max", "min")), default="max", help="The good end of METRIC.")
@click.option("--metric", metavar="METRIC", default="", help="Find the best by this one.")
@click.option("--out", type=_PATH, metavar="FOLDER", help="Where all files of the sweep go.")
@click.option("--retry-failed", is_flag=True, help="Run the points again that failed.")
@click.option("--dry-run", is_flag=True, help="Only list the points, and which would run.")
def sweep(**given: Any) -> None:
    """Execute NOTEBOOK once for each combination of the grid's values, and compare the runs.

    \b
    runner sweep notebooks/train.ipynb --grid gamma=scale,auto --grid C=0.1,1,10 -j 2

    runs six points, two at a time. Each keeps its executed notebook and its model in
    FOLDER/points/gamma=scale,C=0.1/; FOLDER is runs/sweeps/<name of the notebook> unless given.
    It also gets results.csv, the table, results.svg, a picture of it, and report.ipynb, which
    shows both. The model that is being served is not touched; the command that trains the best
    one is printed.

    Metrics are what the notebook records by `from runner import record_metrics;
    record_metrics(accuracy=0.97)`, else the `metrics` of the card that save_model writes beside
    its model. The best is by METRIC, or else by the first that is recorded.

    Interrupted or killed, the same command goes on: only points that have not completed are
    run, those of an edited notebook or of other parameters anew, and failed ones with
    --retry-failed. In a parameter given as text, {point} is the point's name and {folder} its
    folder: -p report_path '{folder}/report.html'.
    """  # noqa: D301 - as above
    from runner.sweep import sweeping
    from runner.sweep.results import Goal

    log.configure(given["log_level"], given["log_format"])
    wish = sweeping.Wish(
        path=given["notebook"],
        out=given["out"],
        fixed=_values(given),
        grid=given["grid"],
        readings=(_resolved, str, _from_yaml),
        jobs=given["jobs"],
        metric=given["metric"],
        goal=Goal(given["goal"]),
        retries_failed=given["retry_failed"],
        is_dry=given["dry_run"],
        config=_config(given),
        log_output=given["log_output"],
        log_level=given["log_level"],
        shows_bar=sys.stderr.isatty(),
    )
    sweeping.sweep(wish, click.echo)


_SUPERVISED = click.argument("notebook", type=_PATH, required=False)


@commands.command(epilog=_EPILOG)
@_SUPERVISED
def reload(notebook: Path | None) -> None:
    """Have the supervisor of NOTEBOOK run it anew, and wait until the new run serves.

    NOTEBOOK can be left out while only one is served from this folder; so for the
    commands below.
    """
    _ask(notebook, "reload")


@commands.command(epilog=_EPILOG)
@_SUPERVISED
def rollback(notebook: Path | None) -> None:
    """Have it go back to the version that served before, and wait until that serves."""
    _ask(notebook, "rollback")


@commands.command(epilog=_EPILOG)
@_SUPERVISED
def stop(notebook: Path | None) -> None:
    """Have it drain and end, and wait until it has."""
    _ask(notebook, "stop")


@commands.command(epilog=_EPILOG)
@_SUPERVISED
@_option("--format", type=click.Choice(log.FORMATS), default="text", help="How to show it.")
def status(notebook: Path | None, **given: Any) -> None:
    """Show what serves, since when, what failed last and why, and what there is to go back to."""
    from runner import status as statuses

    outcome = _ask(notebook, "status")
    del outcome["ok"]
    click.echo(
        json.dumps(outcome, indent=2) if given["format"] == "json" else statuses.shown(outcome)
    )


def _ask(notebook: Path | None, question: str) -> dict[str, Any]:
    from runner import control

    runs = history.default_out(Path("any.ipynb")).parent.parent
    folder = history.default_out(notebook).parent if notebook else control.find(runs)
    outcome = control.ask(folder, question)
    if not outcome["ok"]:
        raise RunnerError(f"{question} failed: {outcome['reason']}")
    return outcome


@commands.command()
@_option("--host", default="127.0.0.1", help="Address that the service binds.")
@_option("--port", type=click.IntRange(1, 65535), default=8000, help="Its TCP port.")
@_option("--timeout", type=float, default=2.0, help="Seconds to wait for an answer.")
@_option("--health-path", default="/healthz", help="Path to ask; / if empty.")
def probe(host: str, port: int, timeout: float, health_path: str) -> None:
    """Ask the service whether it answers: a health check for containers.

    Exits with 0 if anything but a server error comes back, else with 1: a notebook that
    serves by itself may know no health path, but it answers.
    """
    from runner import address

    status = address.http_status(host, port, timeout, health_path or "/")
    if status is None or status >= 500:
        raise RunnerError(f"{host}:{port}: {f'answered {status}' if status else 'no answer'}")


@commands.command(epilog=_EPILOG)
@click.argument("notebooks", type=_PATH, nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--fix", is_flag=True, help="Mend what can be mended by machine, nothing else.")
@click.option("--dry-run", is_flag=True, help="Also execute the cells up to what serves.")
@_option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=120.0,
    help="Time that such a run has.",
)
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out a rule; repeatable.")
@click.option("--strict", is_flag=True, help="Let warnings count as errors do.")
@click.option("--rules", is_flag=True, help="List all rules, why they are, and the mend.")
@_option("--format", type=click.Choice(log.FORMATS), default="text", help="How to show it.")
def doctor(notebooks: tuple[Path, ...], **given: Any) -> None:
    """Say what would break when NOTEBOOK becomes a service, and the mend.

    Without NOTEBOOK: all below notebooks/, the dockerfile and requirements.txt. These two
    can also be given by name. Nothing is executed unless --dry-run asks for it. A comment
    `# doctor: ignore[RULE]` silences a rule in its cell, `ignore-notebook[RULE]` everywhere.
    """
    from runner.doctor import consultation

    as_json = given["format"] == "json"
    if given["rules"]:
        click.echo(consultation.rules(as_json=as_json))
        return
    wish = consultation.Wish(
        files=notebooks,
        ignored=frozenset(given["ignore"]),
        is_strict=given["strict"],
        mends=given["fix"],
        runs=given["dry_run"],
        deadline=given["deadline"],
        as_json=as_json,
    )
    consultation.consult(wish, click.echo, lambda text: click.echo(text, err=True))


def main() -> None:
    """Be the command ``runner``: run it, report its errors, end the process."""
    try:
        code = commands.main(prog_name="runner", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = InterruptedRunError(2).exit_code
    except RunnerError as error:
        code = _report(error, error.hint)
    except Exception as error:  # noqa: BLE001 - the one boundary where nothing may escape
        hint = "--log-level debug shows where; please report it"
        code = _report(RunnerError(f"{type(error).__name__}: {error}"), hint, cause=error)
    sys.exit(code)


def _report(error: RunnerError, hint: str, cause: Exception | None = None) -> int:
    if logging.getLogger("runner").isEnabledFor(logging.DEBUG):
        logging.getLogger("runner").debug("the error in full", exc_info=cause or error)
    click.echo(f"runner: {' '.join(str(error).split())}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return error.exit_code


def _plan(given: dict[str, Any], host: str, port: int) -> Any:
    from runner.lifecycle import Rules
    from runner.plan import Plan

    log.configure(given["log_level"], given["log_format"])
    handed_down = ("log_level", "log_format", *(field.name for field in dataclasses.fields(Limits)))
    ends_within = max(given["grace"], given["linger"] + given["drain_timeout"])
    return Plan(
        path=given["notebook"],
        out=given["out"] or history.default_out(given["notebook"]),
        values=_values(given),
        config=_config(given),
        log_output=given["log_output"],
        host=host,
        port=port,
        workers=given["workers"],
        rules=Rules(
            waits_for_edits=given["reload"],
            keeps_standby=given["standby"],
            ready_timeout=given["ready_timeout"],
            drain_timeout=ends_within + 5.0,
        ),
        environ={variable(name): str(given[name]) for name in handed_down}
        | {variable("access_log"): str(int(given["access_log"]))},
    )


def _config(given: dict[str, Any]) -> EngineConfig:
    fields = dataclasses.fields(EngineConfig)
    return EngineConfig(**{field.name: given[field.name] for field in fields})


def _job(given: dict[str, Any], *, shows_bar: bool) -> Any:
    from runner.run import Job

    log.configure(given["log_level"], given["log_format"])
    # ipykernel's debugger warns about Python's frozen modules on every start.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return Job(
        path=given["notebook"],
        out=given["out"] or history.default_out(given["notebook"]),
        keeps_history=given["out"] is None,
        values=_values(given),
        config=_config(given),
        log_output=given["log_output"],
        shows_bar=shows_bar,
    )


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Merge the parameters in papermill's order: files, YAML, plain, raw."""
    values: dict[str, Any] = {}
    for path in given["files"]:
        values |= _mapping(_text_of(path), str(path))
    for text in given["yaml_texts"]:
        values |= _mapping(text, "-y")
    values |= {name: _resolved(text) for name, text in given["plain"]}
    return values | dict(given["raw"])


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error


def _mapping(text: str, origin: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Read dates as text, as papermill does."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - yaml's own way
            first: [(tag, form) for tag, form in known if not tag.endswith(":timestamp")]
            for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        values = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{origin}: not valid YAML: {error}") from error
    if not isinstance(values, dict | None):
        raise ConfigurationError(f"{origin}: not a mapping of names to values: {text.strip()[:60]}")
    return values or {}


def _from_yaml(text: str) -> Any:
    return _mapping(f"value: {text}", "--grid")["value"]


def _resolved(text: str) -> Any:
    """Read a value as ``papermill -p`` does."""
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
