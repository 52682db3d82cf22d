"""Imports go downward only, and the help stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from support import HEAVY, ROOT, RUNNER, loaded_by

# From the top to the bottom; modules of one line do not know each other.
LAYERS = [
    {"__main__", "__init__"},
    {"cli"},
    {"remote", "sweep.command"},
    {"options"},
    {"doctor.consultation"},
    {"doctor.examine", "doctor.dry_run", "doctor.report"},
    {"doctor.mends", "doctor.rules_dockerfile", "doctor.rules_predict"},
    {"doctor.rules_cells", "doctor.rules_environment", "doctor.rules_requirements"},
    {"doctor.rows", "doctor.rules_run", "doctor.rules_serving"},
    {"doctor.serving_calls"},
    {"doctor.dockerfile", "doctor.environment", "doctor.names", "doctor.output_secrets"},
    {"doctor.page"},
    {"doctor", "doctor.findings"},
    {"nursery", "sweep.sweeping"},
    {"sweep.report", "sweep.summary"},
    {"sweep.child", "sweep.display", "sweep.launch", "sweep.pool", "sweep.results"},
    {"sweep.outcomes"},
    {"sweep.points"},
    {"sweep", "sweep.grid"},
    {"supervisor", "child", "ahead"},
    {"desk", "roster", "run", "watch"},
    {"plan", "ledger", "nursery_client"},
    {"lifecycle"},
    {"states"},
    {"messages", "restarts"},
    {"engine"},
    {"execution"},
    {"client", "prelude"},
    {"kernel_app"},
    {"arrivals", "facts", "kernel", "outputs", "progress", "record"},
    {"bounds", "masking", "packages"},
    {"cells.annotated"},
    {"adoption", "cells.app"},
    {"serving"},
    {"prediction.app", "workers"},
    {"prediction.calls"},
    {"asgi", "forking", "prediction.hotroute", "worker", "wsgi"},
    {"cells.answering", "cells.turns", "protocol"},
    {"cells.code", "cells.reply"},
    {"cells", "cells.capture", "cells.incoming", "cells.routes"},
    {"exchange"},
    {"connection", "example", "gateway", "listeners", "pool"},
    {"binding", "servers"},
    {"requesthandlers"},
    {"http1"},
    {"accesslog", "control_client", "injection", "limits", "prints", "readiness", "stepping"},
    {"signs"},
    {"prediction.plain", "prediction.targets"},
    {"prediction.batching", "prediction.surface"},
    {"prediction.pages", "prediction.waiters"},
    {"prediction.openapi"},
    {"prediction.metrics", "prediction.protocols"},
    {"prediction.scoring"},
    {"prediction.inference"},
    {"prediction.asking", "prediction.tensors"},
    {"prediction.bulk", "prediction.functions", "prediction.models"},
    {"prediction.fast.preparation"},
    {"prediction.fast.neighbourhood", "prediction.fast.predictor", "prediction.fast.table"},
    {
        "prediction.fast.histograms",
        "prediction.fast.linear",
        "prediction.fast.proof",
        "prediction.fast.scaling",
        "prediction.fast.straight",
        "prediction.fast.trees",
        "prediction.fast.vectors",
    },
    {"prediction.fast", "prediction.fast.inner", "prediction.fast.versions"},
    {"prediction.arguments", "prediction.columns", "prediction.rows"},
    {"prediction.media"},
    {"prediction.hints"},
    {"prediction.schema", "prediction.uploads"},
    {"prediction.answers", "prediction.endpoints", "prediction.faults", "prediction.kinds"},
    {"prediction.heads"},
    {"prediction.aside", "prediction.counters"},
    {
        "prediction",
        "prediction.options",
        "prediction.problems",
        "prediction.requests",
        "prediction.words",
    },
    {"identity", "metrics", "sources", "sockets"},
    {"address", "artefacts", "config", "history", "notebook"},
    {
        "channel",
        "control",
        "failures",
        "files",
        "forms",
        "head",
        "log",
        "memory",
        "offspring",
        "ownapp",
        "pickles",
        "problems",
        "processes",
        "signals",
        "status",
        "values",
        "warm",
    },
    {"errors"},
]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}


def module_of(path: Path) -> str:
    """The name of a module within ``runner``; a package has its folder's."""
    parts = path.relative_to(ROOT / "runner").with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports_of(module: str) -> set[str]:
    path = ROOT / "runner" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[2] for name in node.names if "runner" in name.name}
        elif isinstance(node, ast.ImportFrom) and node.module == "runner":
            found |= {name.name for name in node.names if name.name in LEVEL}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner."):
            module = str(node.module).partition(".")[2]
            within = {f"{module}.{name.name}" for name in node.names} & set(LEVEL)
            found |= within or {module}
    return found


def test_every_module_has_a_layer() -> None:
    """A new module must be placed before it can be used."""
    assert set(map(module_of, (ROOT / "runner").rglob("*.py"))) == set(LEVEL)


def test_imports_go_downward() -> None:
    """A module imports only from layers below its own."""
    upward = [
        f"{module} imports {other}"
        for module in LEVEL
        for other in imports_of(module)
        if LEVEL[other] <= LEVEL[module]
    ]
    assert upward == []


def test_the_check_sees_imports() -> None:
    """The check above would be empty if it found no imports."""
    assert {"engine", "kernel", "record"} <= imports_of("run")


def test_help_loads_nothing_heavy() -> None:
    """The help comes at once: papermill and Jupyter are imported only to run a notebook."""
    assert loaded_by("import runner.cli.main") & HEAVY == set()


def test_python_m_runner_is_the_command() -> None:
    """``python -m runner`` and ``runner`` are one program."""
    words = [*RUNNER, "--version"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.startswith("runner, version ")


def test_papermill_can_be_imported_in_any_order() -> None:
    """Papermill loads our engine whenever it is imported, even half-way through itself."""
    for first in ("papermill", "runner.run.engine", "runner.run.run"):
        code = (
            f"import {first}\nfrom papermill.engines import papermill_engines\n"
            "print(papermill_engines.get_engine('runner').__name__)"
        )
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
        )
        assert shown.stdout.strip() == "RunnerEngine"
