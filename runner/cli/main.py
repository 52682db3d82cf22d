"""Parse the command line, and turn every error into one line, a hint and an exit code."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import traceback
from pathlib import Path

import click

from runner import __version__, log
from runner.cli import clouds, remote, terminal
from runner.cli.access import key
from runner.cli.cockpit import cockpit
from runner.cli.doctor import doctor
from runner.cli.help import SETTINGS, Commands
from runner.cli.image import image
from runner.cli.init import init
from runner.cli.manifest import manifest
from runner.cli.measure import measure
from runner.cli.options import EPILOG
from runner.cli.rehearse import rehearse
from runner.cli.requests import requests
from runner.cli.run import run
from runner.cli.serve import serve
from runner.cli.sweep import sweep
from runner.errors import ConfigurationError, InterruptedRunError, RunnerError
from runner.spawn.working_folder import has_working_folder
from runner.telemetry.log_lines import folded


@click.group(
    cls=Commands,
    commands=(
        run,
        serve,
        *remote.COMMANDS,
        cockpit,
        doctor,
        image,
        init,
        sweep,
        key,
        rehearse,
        requests,
        manifest,
        measure,
    ),
    context_settings=SETTINGS,
    epilog=EPILOG,
)
@click.version_option(__version__, "-V", "--version", prog_name="runner")
def commands() -> None:
    """Turn a Jupyter notebook, unchanged, into a production HTTP service.

    \b
    runner run notebooks/train.ipynb           train a model
    runner serve notebooks/serve.ipynb         serve it on port 8000
    runner sweep notebooks/train.ipynb --grid C=0.1,1,10    find its best parameters
    """  # noqa: D301 - click wants the character, not the words for it


def main() -> None:
    """Be the command ``runner``: run it, report its errors, end the process."""
    clouds.adopt()
    try:
        code = commands.main(prog_name="runner", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = InterruptedRunError(2).exit_code
    except RunnerError as error:
        code = _report(error, error.hint)
    except OSError as error:
        refused = _refused_by_the_system(error)
        code = _report(refused, refused.hint)
    except Exception as error:  # noqa: BLE001 - the one boundary where nothing may escape
        traceback.print_exception(error)
        hint = "this is a fault of the runner's own: please report it, with the lines above"
        code = _report(RunnerError(f"{type(error).__name__}: {error}"), hint)
    sys.exit(code)


_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_WRONG_PATH = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


def _refused_by_the_system(error: OSError) -> RunnerError:
    """Say what a file or the system does not let us do: that is no fault of ours to report."""
    if error.errno == errno.ENOENT and not has_working_folder():
        return ConfigurationError("the working folder is gone", "start in one that is there")
    reason = error.strerror or str(error)
    if not isinstance(error.filename, str | bytes):
        return RunnerError(reason)
    path = Path(os.fsdecode(error.filename)).absolute()
    if error.errno in _NOT_WRITABLE:
        hint = f"start where user {os.geteuid()} may write, or name another OUT"
        return ConfigurationError(f"{path}: {reason}", hint)
    kind = ConfigurationError if error.errno in _WRONG_PATH else RunnerError
    return kind(f"{path}: {reason}")


def _report(error: RunnerError, hint: str) -> int:
    logging.getLogger("runner").debug("the error in full", exc_info=error)
    if log.is_json():
        facts = {"exit_code": error.exit_code, "hint": hint}
        logging.getLogger("runner").error("%s", error, extra={"facts": facts})
        log.flush()
        return error.exit_code
    log.flush()
    with contextlib.suppress(OSError):  # the terminal is closed
        said = folded(" ".join(str(error).split()))
        click.echo(f"{terminal.styled('runner:', 'red')} {said}", err=True)
        if hint:
            click.echo(f"{terminal.styled('hint:', 'cyan')} {folded(hint)}", err=True)
    return error.exit_code
