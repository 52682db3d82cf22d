"""What is imported by whom, and when."""

from __future__ import annotations

import subprocess
import sys

from support import HEAVY, ROOT, RUNNER, SPARED, loaded_by

import runner

# After this nothing can be imported that Windows' Python does not have.
AS_ON_WINDOWS = """
import asyncio, ctypes, http.client, logging, multiprocessing, subprocess, sys, tempfile, uuid
import click, httptools, numpy

class Withheld:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "grp", "pwd", "resource", "termios", "tty", "uvloop"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Withheld())
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules.pop(name, None)
sys.platform = "win32"
"""


def test_help_loads_nothing_heavy() -> None:
    """The help and a probe come at once: what reads or runs notebooks is imported for that only."""
    reading = {"msgspec", "runner.notebook.document", "runner.record.folders"}
    assert loaded_by("import runner.cli.main") & (HEAVY | reading) == set()


def test_what_draws_is_imported_only_to_draw() -> None:
    """No command waits for it that is read by a program, nor one that draws nothing."""
    table = "terminal.print_table(('a',), [('b',)])"
    loaded = loaded_by(f"from runner.cli import banner, main, terminal\n{table}")
    assert "rich" not in {name.partition(".")[0] for name in loaded}


def test_python_m_runner_is_the_command() -> None:
    """``python -m runner`` and ``runner`` are one program."""
    words = [*RUNNER, "--version"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.startswith("runner, version ")


def test_papermill_can_be_imported_in_any_order() -> None:
    """Papermill loads our engine whenever it is imported, even half-way through itself."""
    for first in ("papermill", "runner.run.engine", "runner.run.run"):
        code = (
            f"import sys; {SPARED}\nimport {first}\n"
            "from papermill.engines import papermill_engines\n"
            "print(papermill_engines.get_engine('runner').__name__)"
        )
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
        )
        assert shown.stdout.strip() == "RunnerEngine"


def test_who_is_not_scraped_does_not_pay() -> None:
    """Prometheus' client is loaded by the first scrape, not before."""
    code = (
        "import sys\nfrom support.service_surface import Surface, species\n"
        "service = Surface(species())\n"
        "before = 'prometheus_client' in sys.modules\nservice.get('/metrics')\n"
        "print(before, 'prometheus_client' in sys.modules)"
    )
    words = [sys.executable, "-c", code]
    shown = subprocess.run(
        words, cwd=ROOT / "tests", capture_output=True, text=True, check=True, timeout=30
    )
    assert shown.stdout.split() == ["False", "True"]


def test_nothing_that_windows_lacks_is_imported() -> None:
    """The help, and what a notebook imports, need none of Unix's own modules."""
    imports = [f"from runner import {name}" for name in runner.PUBLIC]
    code = [*imports, "import runner.cli.main", "runner.cli.main.main()"]
    words = [sys.executable, "-c", AS_ON_WINDOWS + "\n".join(code), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Usage: runner" in done.stdout
