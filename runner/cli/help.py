"""Show help in sections: the options of a command by what they are for, and the commands likewise.

The sections are those of `OPTIONS` and `COMMANDS`, in their order; what is in none stands last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

# Of each section the options, by the names of their parameters.
OPTIONS: Mapping[str, str] = {
    "Points": "grid search trials metric goal",
    "How it is run": "jobs on more shard shards out retry_failed dry_run report_only",
    "Parameters": "plain raw yaml_texts files secret model_folder",
    "Service": "name host port workers standby lame_duck health_path ready_path predict_path",
    "New versions": "reload reload_jitter reload_every rehearse rehearse_changes rehearse_timeout"
    " rehearse_all requests",
    "Access": "api_keys opened cors allowed_host trusted_proxies tls_cert tls_key tls_client_ca"
    " keys_secret allowed_from",
    "Kernel": "kernel language",
    "Time": "start_timeout ready_timeout run_timeout cell_timeout predict_timeout hang_timeout"
    " read_timeout write_timeout keep_alive ws_ping_interval ws_ping_timeout linger drain_timeout"
    " grace upload_timeout",
    "Size": "max_header max_body max_rows max_buffered max_connections max_concurrency max_waiting"
    " threads ws_max_size max_requests max_memory",
    "Records": "runs save_every record_requests record_bytes record_days record_mask",
    "Log": "log_output log_level log_format access_log access_log_all format",
    "Objects": "namespace image notebook_from others workdir model_claim variables variables_from"
    " user service_account monitor prometheus",
    "Scaling": "replicas max_replicas autoscale in_flight",
    "Resources": "measured cpu memory cpu_limit memory_limit",
    "Knative and KServe": "knative kserve kserve_mode storage_uri serving_runtime canary_uri"
    " canary_percent",
}
COMMANDS: Mapping[str, str] = {
    "Notebooks": "run serve sweep doctor",
    "Running services": "status versions reload rollback stop requests debug cockpit probe",
    "Before it serves": "rehearse measure",
    "Set-up": "init image manifest key",
}
_OTHER_OPTIONS, _OTHER_COMMANDS = "Other options", "Other commands"
_WIDTH = 100  # columns
_ALL = 1_000  # characters: a first sentence is not cut

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": _WIDTH}
"""Of the context of all commands."""

Row = tuple[str, str]


class Sectioned(click.Command):
    """Be a command with so many options that its help needs sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help."""
        rows = {
            parameter.name or "": row
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option) and (row := parameter.get_help_record(ctx))
        }
        _write(formatter, in_sections(rows, OPTIONS, _OTHER_OPTIONS))


class Commands(click.Group):
    """Be the program, whose commands have sections, and say in a whole sentence what they do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help."""
        rows = {
            name: (name, command.get_short_help_str(_ALL))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) and not command.hidden
        }
        _write(formatter, in_sections(rows, COMMANDS, _OTHER_COMMANDS))


def in_sections(
    rows: Mapping[str, Row], sections: Mapping[str, str], other: str
) -> Iterable[tuple[str, Sequence[Row]]]:
    """Give rows by the titles of their sections.

    Args:
        rows: By name.
        sections: Of each title the names, with spaces between.
        other: The title of those that are in none.
    """
    left = dict(rows)
    for title, names in sections.items():
        if found := [left.pop(name) for name in names.split() if name in left]:
            yield title, found
    if left:
        yield other, [*left.values()]


def _write(formatter: click.HelpFormatter, sections: Iterable[tuple[str, Sequence[Row]]]) -> None:
    for title, rows in sections:
        with formatter.section(title):
            formatter.write_dl(rows)
