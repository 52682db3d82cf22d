"""Write tables of the reference from the code itself, so that they cannot lie.

Each directive gives Markdown, which is parsed where it stands.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import runner
from runner import errors
from runner.access.gate import Gate
from runner.access.keys import Keys
from runner.cli import main
from runner.config import EngineConfig, Limits
from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.predict.prometheus import PrometheusCollector
from runner.traffic.counters import Counters

PACKAGE = Path(runner.__file__).parent


def settings(fields: Callable[[str], bool]) -> str:
    """Show the options that a variable can set, one row each, and which commands have them."""
    rows: dict[str, list[str]] = {}
    commands: dict[str, list[str]] = {}
    for command, option in sorted(options(), key=lambda found: found[0] != "serve"):
        name = max(option.opts, key=len)
        if option.envvar and fields(name.lstrip("-").replace("-", "_")):
            meaning = (option.help or "").rstrip(".")
            rows[name] = [code(name), code(option.envvar), default_of(option), meaning]
            commands.setdefault(name, []).append(code(command))
    head = ["option", "variable", "default", "meaning", "commands"]
    return table(head, [[*row, ", ".join(commands[name])] for name, row in rows.items()])


def options() -> Iterable[tuple[str, click.Option]]:
    """Give every option that is shown, with its command's name."""
    for name, command in main.commands.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                yield name, parameter


def default_of(option: click.Option) -> str:
    """Show a default as a person would write it."""
    if isinstance(option.default, bool):
        return "on" if option.default else "off"
    if isinstance(option.show_default, str):  # in words
        return option.show_default
    return code(str(option.default).removesuffix(".0"))


LIMITS = {field.name for field in dataclasses.fields(Limits)}
ENGINE = {field.name for field in dataclasses.fields(EngineConfig)}


def rules() -> str:
    """Show what ``runner doctor --rules`` says."""
    asked = CliRunner().invoke(main.commands, ["doctor", "--rules", "--format", "json"])
    if asked.exit_code:
        raise RuntimeError(f"runner doctor --rules failed: {asked.output} {asked.exception}")
    return table(
        ["rule", "severity", "what goes wrong", "the mend", "`--fix`"],
        [
            [
                code(rule["rule"]),
                rule["severity"],
                rule["why"],
                rule["mend"],
                "yes" if rule["fixable"] else "",
            ]
            for rule in json.loads(asked.stdout)
        ],
    )


def metrics() -> str:
    """Show every family that ``/metrics`` has after a request."""
    counters = Counters(["name"], slots=1)
    counter = counters["name"]
    counter.request_started()
    counter.request_answered(200, 0.1)
    rows = []
    gate = Gate(Keys())
    gate.counts.admit("name")
    gate.counts.refuse(401)
    identity, readiness = Identity(), Readiness.READY
    shown = PrometheusCollector(lambda: counters, identity, lambda: gate, lambda: readiness)
    for family in shown.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        names = ", ".join(code(label) for label in sorted(labels))
        rows.append([code(family.name + suffix), family.type, names, family.documentation])
    return table(["metric", "type", "labels", "meaning"], rows)


def exit_codes() -> str:
    """Show the error tree's exit codes."""
    rows = [["0", "done, or stopped as asked"]]
    rows += [
        [str(error.exit_code), error.meaning] for error in (errors.RunnerError, *errors.EXIT_CODES)
    ]
    rows.append(["128 + N", errors.InterruptedRunError.meaning])
    return table(["exit code", "means"], rows)


def rooms() -> str:
    """Show what each room's docstring says, from the highest layer down."""
    layers = [name.strip() for line in contract_layers() for name in line.split("|")]
    found = [name for name in layers if (PACKAGE / name / "__init__.py").exists()]
    return "\n".join(f"`{name}/`\n: {said_by(PACKAGE / name / '__init__.py')}\n" for name in found)


def ground() -> str:
    """Show what each file says that stands directly in the package."""
    files = sorted(file for file in PACKAGE.glob("*.py") if not file.name.startswith("__"))
    return table(
        ["file", "what it does"], [[code(file.name), first(said_by(file))] for file in files]
    )


def contract_layers() -> list[str]:
    """Give the layers of import-linter's first contract."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    layers: list[str] = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return layers


def said_by(file: Path) -> str:
    """Give a module's docstring as one paragraph."""
    said = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(said.replace("``", "`").split())


def first(text: str) -> str:
    """Give the first sentence of a text."""
    return text.split(". ", maxsplit=1)[0].rstrip(".")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Keep a text within its cell."""
    return " ".join(text.split()).replace("|", r"\|")


def code(text: str) -> str:
    """Set a text as code."""
    return f"`{text}`" if text else ""


WRITTEN: dict[str, Callable[[], str]] = {
    "limits": lambda: settings(lambda name: name in LIMITS),
    "engine": lambda: settings(lambda name: name in ENGINE),
    "options": lambda: settings(lambda name: name not in LIMITS | ENGINE),
    "rules": rules,
    "metrics": metrics,
    "exit-codes": exit_codes,
    "rooms": rooms,
    "ground": ground,
}


class Generated(SphinxDirective):
    """Be ``{generated} NAME``: one of the tables above."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the table where the directive stands."""
        text = WRITTEN[self.arguments[0]]()
        parsed: list[nodes.Node] = self.parse_text_to_nodes(text)
        return parsed


def setup(app: Sphinx) -> dict[str, Any]:
    """Be an extension of Sphinx."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
