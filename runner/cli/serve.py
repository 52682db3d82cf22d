"""Be the command ``runner serve``."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from runner import log
from runner.cli import clouds, terminal
from runner.cli.access import access_of, access_options, proxies_of
from runner.cli.copies import copies_of
from runner.cli.help import Sectioned
from runner.cli.options import (
    EPILOG,
    OUT,
    config_of,
    option,
    port_option,
    rehearsal_of,
    rehearsal_options,
    run_options,
    seconds,
    settings_of,
    settings_options,
    switch,
    tls_options,
    values_of,
)
from runner.cli.systems import require_linux
from runner.config import NAME, RUNS, Limits, RequestLogSettings, variable
from runner.errors import ConfigurationError

_BY_VARIABLE = ParameterSource.ENVIRONMENT


def _name(_: click.Context, __: click.Parameter, name: str) -> str:
    if name and not re.fullmatch(NAME, name):
        raise click.BadParameter(f"{name!r} cannot be a path: use letters, digits, - _ and .")
    return name


def _runs(_: click.Context, __: click.Parameter, text: str) -> str:
    """Have all who are asked find the records, and the copies of what is named by URL."""
    os.environ[variable("runs")] = text
    return text


@click.command(cls=Sectioned, epilog=EPILOG)
@run_options
@OUT
@option(
    "--host",
    default="127.0.0.1",
    help="Address to bind; 0.0.0.0 for all, as is the default where PORT says the port.",
)
@port_option(
    "TCP port to bind; 0 for any that is free: the log says which. PORT, as platforms set it,"
    " says another default.",
    lowest=0,
)
@option(
    "--name",
    envvar=variable("model-name"),  # a job of GitHub Actions is told its machine's by RUNNER_NAME
    default="",
    show_default=False,
    metavar="NAME",
    callback=_name,
    help="Of the model or function, if there is just one: in paths and metrics.",
)
@option(
    "--model-folder",
    default="",
    show_default=False,
    metavar="FOLDER",
    help="Where the parameter model_path, unless given, is looked for: a platform's model.",
)
@option("--workers", type=click.IntRange(1, 64), default=1, help="Serving processes.")
@switch(
    "reload",
    default=False,
    help="Swap to the new version whenever the notebook or its model is saved.",
)
@option(
    "--reload-jitter",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Take a save up after up to this long, by chance, so that replicas do not swap at once.",
)
@option(
    "--runs",
    default=str(RUNS),
    metavar="FOLDER|URL",
    is_eager=True,
    callback=_runs,
    help="Below which folder records go; {host} in it is this replica's name. Of a URL: to which"
    " they are copied from runs/.",
)
@seconds(
    "--reload-every",
    default=5.0,
    help="Ask a storage this often whether what is named by URL has changed.",
)
@switch("standby", default=True, help="Keep the next run's process warm.")
@seconds("--ready-timeout", default=120.0, help="Time that a run has until it serves.")
@option(
    "--lame-duck",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Asked to stop, answer all for this long and say that it is not ready; then drain.",
)
@switch("access-log", default=True, help="Log a line for each request.")
@switch(
    "access-log-all",
    default=False,
    help="Log one also for health checks and for the static files of pages.",
)
@access_options
@tls_options
@rehearsal_options(
    None,
    "Before a new version takes over, play N recorded requests to it, and the cases of"
    " rehearsal.jsonl beside NOTEBOOK; 0 for these alone.",
)
@settings_options(Limits)
@settings_options(RequestLogSettings)
@click.option("--trial", is_flag=True, hidden=True)  # serve once, for `runner doctor --dry-run`
def serve(host: str, port: int, **given: Any) -> None:
    """Execute NOTEBOOK, and serve what it serves, until SIGTERM or SIGINT.

    That is what its cells call: `serve` of this package, or a server of their own, such as
    uvicorn's; or an ASGI or WSGI app that they leave behind as `app`; or annotated cells. It is
    restarted if it dies, swapped without a lost request by --reload, `runner reload` or SIGHUP,
    and served by WORKERS. Started on a terminal, it ends by SIGHUP, which a closed one sends.

    HOST and PORT go into the notebook's parameters `host` and `port`, if it declares them. OUT is
    runs/<path of the notebook>/out.ipynb unless given; it can be opened at any
    moment and shows what the server printed. NOTEBOOK may be a folder with a serve.ipynb in it, and
    is RUNNER_NOTEBOOK unless given.

    NOTEBOOK may be s3://, gs://, az:// or http(s)://, OUT the first three. They lie below
    runs/storage/; with --reload, a new version over there is swapped to.
    """
    require_linux("serve")
    clouds.refuse_grpc()
    source_of = click.get_current_context().get_parameter_source
    if source_of("host") is ParameterSource.DEFAULT and source_of("port") is _BY_VARIABLE:
        host = clouds.host_for(port)
    given["notebook"], given["model_folder"] = clouds.found(
        given["notebook"], given["model_folder"]
    )
    from runner.record import folders
    from runner.run.home import writable_home
    from runner.spawn.shadowed_name import refuse_shadow
    from runner.supervise import service

    out = given["out"]
    if out and str(out).isdecimal():
        raise ConfigurationError(
            f"{out}: OUT is the file of the record", hint=f"--port {out} is the port"
        )
    log.configure(given["log_level"], given["log_format"])
    with copies_of(given, has_ended_well=True) as copies, writable_home():
        copies.fetch(given["notebook"])
        refuse_shadow(Path.cwd(), given["notebook"], serves=True)
        if given["out"]:
            copies.mirror(given["out"])
        if not given["trial"]:
            copies.mirror_records(folders.folder_of(given["notebook"]))
        copies.follow(given["notebook"], given["reload_every"])
        plan = _plan(given, host, port)

        def follow(url: str, path: Path) -> Path:
            return copies.follow_model(url, path, given["reload_every"])

        service.supervise(dataclasses.replace(plan, follow=follow))


def ready_seconds(given: dict[str, Any]) -> float:
    """Give the time that a run has until it serves, a rehearsal included."""
    rehearsal = rehearsal_of(given)
    return float(given["ready_timeout"] + (rehearsal.seconds if rehearsal else 0.0))


def drain_seconds(given: dict[str, Any]) -> float:
    """Give the time that a run has to drain and end; then it is killed."""
    return float(max(given["grace"], given["linger"] + given["drain_timeout"]) + 5.0)


def _greeting(given: dict[str, Any]) -> Any:
    """Give what says on a terminal where the service is; None if the log is for programs."""
    from runner.record import folders

    if given["trial"] or log.is_json() or not terminal.is_terminal(sys.stderr):
        return None
    from runner.cli.banner import Banner

    banner = Banner(
        notebook=given["notebook"],
        out=given["out"] or folders.default_out(given["notebook"]),
        reloads=given["reload"],
        asks_for_keys=access_of(given).asks_for_keys,
    )
    return banner.show


def _plan(given: dict[str, Any], host: str, port: int) -> Any:
    from runner.record import folders
    from runner.supervise.lifecycle import Rules
    from runner.supervise.plan import Plan
    from runner.tls.certificate import TlsFiles

    tls = TlsFiles.of(given["tls_cert"], given["tls_key"], given["tls_client_ca"])
    handed_down = ("log_level", "log_format")
    return Plan(
        path=given["notebook"],
        out=given["out"] or folders.default_out(given["notebook"]),
        values=values_of(given),
        secrets=frozenset(given["secret"]),
        config=config_of(given),
        log_output=given["log_output"],
        host=host,
        port=port,
        workers=given["workers"],
        rules=Rules(
            waits_for_edits=given["reload"],
            keeps_standby=given["standby"] and not given["trial"],
            retries=not given["trial"],
            ready_timeout=ready_seconds(given),
            drain_timeout=drain_seconds(given),
            lame_duck=given["lame_duck"],
        ),
        environ={variable(name): str(given[name]) for name in handed_down}
        | settings_of(Limits, given)
        | settings_of(RequestLogSettings, given)
        | proxies_of(given)
        | {variable("secret"): " ".join(given["secret"]), variable("model-name"): given["name"]}
        | {variable(name): str(int(given[name])) for name in ("access_log", "access_log_all")}
        | (tls.environ() if tls else {}),
        access=access_of(given),
        rehearsal=rehearsal_of(given),
        tls=tls,
        is_trial=given["trial"],
        greet=_greeting(given),
        model_folder=given["model_folder"],
        reload_jitter=given["reload_jitter"],
    )
