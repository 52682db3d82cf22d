"""Declare the options that commands have in common, each with its ``RUNNER_*`` variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from runner import log
from runner.config import (
    EngineConfig,
    EnvironmentSettings,
    KernelChoice,
    TimeLimits,
    variable,
)
from runner.errors import EXIT_CODES, ConfigurationError, RunnerError
from runner.rehearsal.cases import MOST_CASES
from runner.rehearsal.handover import Rules
from runner.storage import urls

EPILOG = "Exit codes: 0 done or stopped as asked; {}; 128 + N interrupted by signal N.".format(
    "; ".join(f"{error.exit_code} {error.meaning}" for error in (RunnerError, *EXIT_CODES))
)
_URLS = "runner.urls"


class _LocalPath(click.Path):
    """Take the path of a file; an address of the network would be taken for an odd one."""

    def convert(self, value: Any, *context: Any) -> Any:
        """Give the path.

        Raises:
            ConfigurationError: It is an address.
        """
        if urls.is_url(value):
            raise ConfigurationError(
                f"{urls.shown(value)}: only a file of this machine is read here",
                hint="bring it here first",
            )
        return super().convert(value, *context)


class _PathOrUrl(click.Path):
    """Take the path of a file, or its URL, for which the path of its local copy stands then.

    Args:
        writes: Whether it is to be written to.
    """

    def __init__(self, *, writes: bool = False) -> None:
        super().__init__(path_type=Path)
        self._writes = writes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the path.

        Raises:
            ConfigurationError: It is a URL that cannot be read, or not be written.
        """
        if urls.is_url(value):
            return note_url(value.rstrip("/") if self._writes else value, writes=self._writes)
        return super().convert(value, param, ctx)


def note_url(url: str, *, writes: bool = False) -> Path:
    """Give the path of the local copy of a URL that was given to the running command.

    Raises:
        ConfigurationError: It cannot be read, or not be written.
    """
    path = urls.local_copy(urls.check(url, writes=writes))
    given_urls()[path] = url
    return path


def given_urls() -> dict[Path, str]:
    """Give the URLs that the running command was given, by the paths of their local copies."""
    noted: dict[Path, str] = click.get_current_context().meta.setdefault(_URLS, {})
    return noted


PATH = _LocalPath(path_type=Path)
NOTEBOOK = _PathOrUrl()
FOLDER = _PathOrUrl(writes=True)

Decorator = Callable[[Any], Any]


def _file(_: click.Context, parameter: click.Parameter, text: str | None) -> Path | None:
    if urls.is_url(text) and text:
        return note_url(text, writes=True)
    if text and text.endswith("/"):  # which a path would not tell any more
        raise click.BadParameter(f"{text} names a folder; name a file in it", param=parameter)
    return Path(text) if text else None


OUT = click.argument("out", required=False, callback=_file)


def option(name: str, *short: str, **settings: Any) -> Decorator:
    """Declare an option that can also be set by its ``RUNNER_*`` variable."""
    seen: dict[str, Any] = {"show_default": True, "show_envvar": True, "envvar": variable(name)}
    return click.option(name, *short, **(seen | settings))


def switch(name: str, **settings: Any) -> Decorator:
    """Declare an option that is on or off, as ``--NAME/--no-NAME``."""
    return option(f"--{name}/--no-{name}", envvar=variable(name), **settings)


def seconds(name: str, **settings: Any) -> Decorator:
    """Declare an option that takes a time."""
    positive = click.FloatRange(min=0, min_open=True)
    return option(name, type=positive, metavar="SECONDS", **settings)


def port_option(said: str, lowest: int = 1) -> Decorator:
    """Declare the option for the TCP port."""
    return option("--port", type=click.IntRange(lowest, 65535), default=8000, help=said)


def output_format(command: Any) -> Any:
    """Add the option for how a command shows what it found."""
    return option(
        "--format", type=click.Choice(log.FORMATS), default="text", help="How to show it."
    )(command)


def run_options(command: Any) -> Any:
    """Add what ``run``, ``serve`` and ``sweep`` have in common."""
    defaults = EngineConfig()
    for decorate in reversed(
        [
            click.argument("notebook", type=NOTEBOOK, envvar=variable("notebook")),
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
                type=PATH,
                metavar="FILE",
                help="Set parameters from a YAML file.",
            ),
            option(
                "--secret",
                multiple=True,
                metavar="NAME",
                show_default=False,
                help="Mask the parameter NAME in the record; repeatable.",
            ),
            seconds(
                "--save-every",
                default=defaults.save_every,
                help="Save OUT this often while a cell runs.",
            ),
            seconds(
                "--grace",
                default=defaults.grace,
                help="Time that a cell has to end after SIGTERM or SIGINT; then it is killed.",
            ),
            seconds(
                "--start-timeout",
                default=defaults.start_timeout,
                help="Time that the kernel has to come up.",
            ),
            seconds(
                "--upload-timeout",
                default=60.0,
                help="Time at the end to copy to a storage what is not there yet, if a URL is"
                " given.",
            ),
            switch("log-output", default=False, help="Also log what the cells print."),
            option(
                "--log-level",
                type=click.Choice(log.LEVELS),
                default="info",
                help="Log events of this level and above; debug adds more tracebacks.",
            ),
            option(
                "--log-format",
                type=click.Choice(log.FORMATS),
                default="text",
                help="Log as text or as lines of JSON.",
            ),
        ]
    ):
        command = decorate(command)
    return command


def ending_run_options(command: Any) -> Any:
    """Add what ``run`` and ``sweep`` have in common: their runs end by themselves."""
    for decorate in (
        click.option(
            "--language", metavar="LANGUAGE", default="", help="Of the cells; else NOTEBOOK's."
        ),
        click.option(
            "-k", "--kernel", metavar="NAME", default="", help="Run by this one; else NOTEBOOK's."
        ),
        _time_limit("--run-timeout", "Time that a run may take; then it has failed."),
        _time_limit("--cell-timeout", "Time that a cell may take; then it is interrupted."),
    ):
        command = decorate(command)
    return command


def _time_limit(name: str, said: str) -> Decorator:
    # No variable: a kernel that serves has one of this name for another purpose.
    return click.option(
        name,
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help=f"{said} 0: no limit.",
    )


def time_limits_of(given: dict[str, Any]) -> TimeLimits:
    """Give the limits of a run among the options of a command."""
    return TimeLimits(cell=given["cell_timeout"], run=given["run_timeout"])


def kernel_of(given: dict[str, Any]) -> KernelChoice:
    """Give the kernel among the options of a command.

    Raises:
        ConfigurationError: None of this name is installed.
    """
    if not given["kernel"]:
        return KernelChoice(language=given["language"])
    from runner.run import kernelspecs

    return kernelspecs.chosen(given["kernel"], given["language"])


def tls_options(command: Any) -> Any:
    """Add what says by which files clients speak TLS."""
    meanings = {
        "cert": "Speak TLS by the certificate in it, and those that lead to a known one; PEM."
        " It is read again when it has changed.",
        "key": "Its private key; PEM. Unless given, it is in the same file.",
        "client-ca": "Let in only clients with a certificate of these authorities; PEM.",
    }
    for name, meaning in reversed(meanings.items()):
        settings = {"default": "", "show_default": False, "metavar": "FILE", "help": meaning}
        command = option(f"--tls-{name}", **settings)(command)
    return command


def _beginning(begins: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Refuse a text that begins otherwise, and is not empty."""

    def checked(_: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if value and not str(value).startswith(begins):
            raise click.BadParameter(f"{value} must begin with {begins}", param=parameter)
        return value

    return checked


def settings_options(kind: type[EnvironmentSettings]) -> Decorator:
    """Add an option for each field of a dataclass, as that describes it."""

    def add(command: Any) -> Any:
        meanings = kind.meanings()
        for field in reversed(dataclasses.fields(kind)):  # type: ignore[arg-type] # it is one
            most = field.metadata.get("most")
            kinds: dict[type, Any] = {
                int: click.IntRange(min=0, max=most),
                float: click.FloatRange(min=0, max=most),
            }
            command = option(
                f"--{field.name.replace('_', '-')}",
                type=kinds.get(type(field.default), str),
                default=field.default,
                callback=_beginning(field.metadata.get("begins", "")),
                help=meanings[field.name],
            )(command)
        return command

    return add


def settings_of(kind: type[EnvironmentSettings], given: dict[str, Any]) -> dict[str, str]:
    """Give the variables by which such options of a command arrive in a kernel.

    Only those that were given: a notebook may set the others, by its server's own settings.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type] # it is one
    return {variable(name): str(given[name]) for name in names if _is_given(name)}


def _is_given(name: str) -> bool:
    """Tell whether an option of the running command was given, or its variable."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in (None, ParameterSource.DEFAULT)


# What is asked of a new version before it serves.


class _Percent(click.FloatRange):
    """Take a share, with or without its sign."""

    name = "percent"

    def convert(self, value: Any, *context: Any) -> Any:
        """Give the number."""
        number: Any = str(value).removesuffix("%")
        return super().convert(number, *context)


def rehearsal_options(default: int | None, said: str) -> Decorator:
    """Add what ``serve`` and ``rehearse`` have in common."""
    shows = default is not None

    def decorate(command: Any) -> Any:
        for each in reversed(
            [
                option(
                    "--rehearse",
                    type=click.IntRange(0, MOST_CASES),
                    default=default,
                    metavar="N",
                    show_default=shows,
                    help=said,
                ),
                option(
                    "--rehearse-changes",
                    type=_Percent(0, 100),
                    default=None,
                    metavar="N%",
                    show_default=False,
                    help="Let no version serve that answers more of them otherwise.",
                ),
                seconds(
                    "--rehearse-timeout",
                    default=Rules.seconds,
                    help="Time for all of them; what is not asked by then is counted.",
                ),
                switch(
                    "rehearse-all",
                    default=False,
                    help="Also play what may change something: to apps of your own other methods"
                    " than GET and HEAD.",
                ),
            ]
        ):
            command = each(command)
        return command

    return decorate


def rehearsal_of(given: dict[str, Any]) -> Rules | None:
    """Give how to rehearse among the options of a command; None if that is not asked for."""
    if given["rehearse"] is None:
        return None
    return Rules(
        most=given["rehearse"],
        most_changed=given["rehearse_changes"],
        seconds=given["rehearse_timeout"],
        takes_all=given["rehearse_all"],
    )


def values_of(given: dict[str, Any]) -> dict[str, Any]:
    """Give the parameters among the options of a command.

    Raises:
        ConfigurationError: A file cannot be read, or something is no YAML mapping.
    """
    from runner.notebook import parameter_values

    names = ("files", "yaml_texts", "plain", "raw")
    return parameter_values.merged_parameters(**{name: given[name] for name in names})


def config_of(given: dict[str, Any]) -> EngineConfig:
    """Give the engine's waits and intervals among the options of a command."""
    fields = dataclasses.fields(EngineConfig)
    return EngineConfig(**{field.name: given[field.name] for field in fields})
