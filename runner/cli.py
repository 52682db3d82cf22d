"""Parse the command line, and turn every error into one line, a hint and an exit code."""

from __future__ import annotations

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
    InterruptedRunError,
    KernelDiedError,
    NotebookError,
    NotReadyError,
    RunnerError,
)

EXIT_CODES = (ConfigurationError, NotebookError, KernelDiedError, NotReadyError, CrashLoopError)

_EPILOG = "Exit codes: 0 done or stopped as asked; {}; 128 + N interrupted by signal N.".format(
    "; ".join(f"{error.exit_code} {error.meaning}" for error in (RunnerError, *EXIT_CODES))
)
_PATH = click.Path(path_type=Path)

Decorator = Callable[[Any], Any]


def _option(name: str, **settings: Any) -> Decorator:
    """Declare an option that can also be set by its ``RUNNER_*`` variable."""
    seen: dict[str, Any] = {"show_default": True, "show_envvar": True, "envvar": variable(name)}
    return click.option(name, **(seen | settings))


def _run_options(command: Any) -> Any:
    """Add what ``run`` and ``serve`` have in common."""
    defaults = EngineConfig()
    for decorate in reversed(
        [
            click.argument("notebook", type=_PATH),
            click.argument("out", type=_PATH, required=False),
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
        ]
    ):
        command = decorate(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, "-V", "--version", prog_name="runner")
def commands() -> None:
    r"""Turn a Jupyter notebook, unchanged, into a production HTTP service.

    \b
    runner run notebooks/train.ipynb           train a model
    runner serve notebooks/serve_asgi.ipynb    serve it on port 8000
    """


@commands.command(epilog=_EPILOG)
@_run_options
def run(**given: Any) -> None:
    """Execute NOTEBOOK once, to its last cell, and keep the executed notebook in OUT.

    OUT is runs/<name of the notebook>/out.ipynb unless given; it can be opened at
    any moment and shows what every cell did, is doing, or has not done yet.
    """
    from runner import run as runs

    runs.run(_job(given, shows_bar=sys.stderr.isatty()))


@commands.command(epilog=_EPILOG)
@_run_options
@_option("--host", default="127.0.0.1", help="Address to bind; 0.0.0.0 for all.")
@_option("--port", type=click.IntRange(1, 65535), default=8000, help="TCP port to bind.")
@click.pass_context
def serve(context: click.Context, /, host: str, port: int, **given: Any) -> None:
    """Execute NOTEBOOK, whose last cell serves, until SIGTERM or SIGINT.

    HOST and PORT go into the notebook's parameters `host` and `port`. OUT is
    runs/<name of the notebook>/out.ipynb unless given; it can be opened at any
    moment and shows what the server printed.
    """
    from runner import run as runs

    source = context.get_parameter_source("port")
    is_chosen = source is click.core.ParameterSource.COMMANDLINE
    runs.serve(_job(given, shows_bar=False), host, port, is_chosen)


@commands.command()
@_option("--host", default="127.0.0.1", help="Address that the service binds.")
@_option("--port", type=click.IntRange(1, 65535), default=8000, help="Its TCP port.")
@_option("--timeout", type=float, default=2.0, help="Seconds to wait for an answer.")
def probe(host: str, port: int, timeout: float) -> None:
    """Ask the service whether it answers: a health check for containers.

    Exits with 0 if anything but a server error comes back from GET /, else with 1.
    """
    from runner import address

    status = address.http_status(host, port, timeout)
    if status is None or status >= 500:
        raise RunnerError(f"{host}:{port}: {f'answered {status}' if status else 'no answer'}")


def main() -> None:
    """Be the command ``runner``: run it, report its errors, end the process."""
    try:
        code = commands.main(standalone_mode=False) or 0
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


def _job(given: dict[str, Any], *, shows_bar: bool) -> Any:
    from runner.run import Job

    log.configure(given["log_level"])
    # ipykernel's debugger warns about Python's frozen modules on every start.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return Job(
        path=given["notebook"],
        out=given["out"] or history.default_out(given["notebook"]),
        keeps_history=given["out"] is None,
        values=_values(given),
        config=EngineConfig(
            save_every=given["save_every"],
            grace=given["grace"],
            start_timeout=given["start_timeout"],
        ),
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
    from papermill.iorw import NoDatesSafeLoader

    try:
        values = yaml.load(text, Loader=NoDatesSafeLoader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{origin}: not valid YAML: {error}") from error
    if not isinstance(values, dict | None):
        raise ConfigurationError(f"{origin}: not a mapping of names to values: {text.strip()[:60]}")
    return values or {}


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
