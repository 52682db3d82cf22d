"""What the documentation says is true: it builds without a warning, and names what there is."""

from __future__ import annotations

import ast
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from support import ROOT, RUNNER, Service, is_ready, until
from support.pages import asked, blocks, first_notebook

from runner import errors
from runner.cli import main
from runner.record import record
from runner.record.run_status import RunStatus

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
# Options of other programs that the pages name.
FOREIGN = {
    "--array",
    "--artifact-uri",
    "--build",
    "--build-arg",
    "--cap-drop",
    "--config",
    "--container-command",
    "--container-image-uri",
    "--cpus-per-task",
    "--cwd",
    "--dependency",
    "--display-name",
    "--engine",
    "--env",
    "--env-file",
    "--execution-timeout",
    "--job-name",
    "--liveness-probe",
    "--memory",
    "--no-cpu-throttling",
    "--parsable",
    "--pids-limit",
    "--prepare-only",
    "--profile",
    "--publish",
    "--read-only",
    "--report-mode",
    "--rm",
    "--security-opt",
    "--server-side",
    "--set-env-vars",
    "--signal",
    "--sshlogin",
    "--startup-probe",
    "--tag",
    "--target",
    "--tmpfs",
    "--vulnerability-service",
    "--workdir",
    "--wrap",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the built pages."""
    folder = tmp_path_factory.mktemp("docs")
    words = ["-W", "--keep-going", "--nitpicky", "--quiet", "-d", str(folder / "trees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def text_of(page: Path) -> str:
    """What a reader sees of a built page, in one line."""
    marked = re.sub(r"(?s)<(script|style).*?</\\1>", "", page.read_text())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", marked)).split())


def options() -> list[click.Option]:
    found = [option for command in main.commands.commands.values() for option in command.params]
    return [each for each in found if isinstance(each, click.Option) and not each.hidden]


def test_the_reference_has_every_option(built: Path) -> None:
    """The command line's page has each option, the settings' page each variable."""
    listed = text_of(built / "reference/command-line.html")
    settings = text_of(built / "reference/settings.html")
    for option in options():
        name = max(option.opts, key=len)
        assert f"{name} " in listed or f"{name} <" in listed, name
        if option.envvar:
            assert f"{name} {option.envvar} " in settings, name


def test_the_reference_has_every_exit_code_and_rule(built: Path) -> None:
    """Their pages are written from the code, so that nothing is missing."""
    codes = text_of(built / "reference/exit-codes.html")
    for error in (errors.RunnerError, *errors.EXIT_CODES):
        assert f"{error.exit_code} {error.meaning}".replace("`", "") in codes
    page = text_of(built / "reference/doctor-rules.html")
    rules = json.loads(said_by([*RUNNER, "doctor", "--rules", "--format", "json"], ROOT))
    assert rules
    assert [each for each in rules if f"{each['rule']} {each['severity']}" not in page] == []


def test_the_reference_has_the_public_names(built: Path) -> None:
    """What a notebook imports from `runner` is described."""
    page = text_of(built / "reference/python.html")
    import runner

    for name in runner.PUBLIC:
        assert f"runner. {name}" in page, name


def test_the_reference_has_every_metric(built: Path) -> None:
    """Its table is read from what a scrape gives."""
    page = text_of(built / "reference/metrics.html")
    assert "runner_requests_total counter endpoint , status Requests answered." in page


def test_no_page_names_an_option_that_is_not_there() -> None:
    """Whoever removes an option finds the pages that speak of it."""
    known = {name for option in options() for name in (*option.opts, *option.secondary_opts)}
    for page in PAGES:
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+(?![\w.])", page.read_text()))
        if page.name not in {"development.md", "benchmarks.md", "CHANGELOG.md"}:
            assert named <= known | FOREIGN, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_python_is_python(page: Path) -> None:
    """Also those that no test executes, since they need what only a reader has."""
    for language, text in blocks(page.read_text()):
        if language in {"py", "python"}:
            ast.parse(text)


def test_every_make_target_exists() -> None:
    """A command of make that a page names is in the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        text = page.read_text()
        named = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
        assert set(named) <= set(targets), page


def test_every_link_of_the_readme_leads_somewhere() -> None:
    """Sphinx looks after the others."""
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if ":" not in link and not (ROOT / link).exists()] == []


def test_every_state_is_listed() -> None:
    """Whoever reads out.ipynb can look each word up."""
    page = (DOCS / "how-to/record.md").read_text()
    for status in record.CellStatus:
        assert f"| `{status}` |" in page
    for run_status in RunStatus:
        assert f"`{run_status}`" in page


def test_every_service_is_listed() -> None:
    """The compose file's services stand in the table."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    page = (DOCS / "how-to/docker.md").read_text()
    for service in compose["services"]:
        assert f"| `{service}` |" in page


def test_the_drawing_has_every_room() -> None:
    """A room or a file of the ground that is new is drawn."""
    drawing = (DOCS / "images/rooms.svg").read_text()
    package = ROOT / "runner"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    ground = {path.stem for path in package.glob("*.py") if path.stem[0] != "_"}
    assert {*re.findall(r'class="name"[^>]*>([a-z]+)<', drawing)} == rooms
    (line,) = re.findall(r">the ground: (.*?)<", drawing)
    assert {*line.split(" · ")} == ground


def test_few_files_stand_outside_the_rooms() -> None:
    """A new part of the ground gets a room: who opens the package sees all of it at once."""
    files = sorted(path.name for path in (ROOT / "runner").glob("*.py"))
    assert len(files) <= 10, files


def test_every_module_named_is_there() -> None:
    """Whoever moves a module of the package finds the pages that speak of it."""
    rooms = "|".join(path.parent.name for path in (ROOT / "runner").glob("*/__init__.py"))
    for page in PAGES[2:]:
        named = re.findall(rf"`(?:runner/)?((?:{rooms})/[\w/]*\.py)`", page.read_text())
        assert [name for name in named if not (ROOT / "runner" / name).exists()] == [], page


def test_pictures_are_small() -> None:
    """Who clones the project gets them all."""
    assert [each for each in DOCS.rglob("*.png") if each.stat().st_size > 150_000] == []


def test_the_tutorial(tmp_path: Path, port: int) -> None:
    """Its cells make a notebook, its commands serve it, its curl gets the answer shown."""
    page = (DOCS / "tutorial.md").read_text()
    notebook = tmp_path / "notebooks/petals.ipynb"
    first_notebook(page, notebook)
    commands = [text for language, text in blocks(page) if language == "sh"]
    (answer,) = (text for language, text in blocks(page) if language == "json")
    serve = next(each for each in commands if each.startswith("runner serve")).split()
    right, wrong = (each for each in commands if each.startswith("curl"))
    service = Service(*serve[1:], "--port", str(port), cwd=tmp_path)
    try:
        until(lambda: is_ready(port, service), 60)
        assert json.loads(asked(right, port)) == json.loads(answer)
        faults = json.loads(asked(wrong, port))["errors"]
        assert {each["field"] for each in faults} == {"/length", "/width"}
        notebook.write_text(notebook.read_text().replace("load_iris", "load_irs", 1))
        status = [*RUNNER, *next(each for each in commands if "status" in each).split()[1:]]
        until(lambda: "load_irs" in said_by(status, tmp_path), 60)
        assert json.loads(asked(right, port)) == json.loads(answer)
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []


def test_the_doctor_says_what_its_page_shows(tmp_path: Path) -> None:
    """Of the cells that stand there."""
    page = (DOCS / "how-to/doctor.md").read_text()
    first_notebook(page, tmp_path / "price.ipynb")
    (shown,) = (text for language, text in blocks(page) if language == "text")
    command = re.findall(r"`(runner doctor --dry-run .*?)`", page)[0]
    said = said_by([*RUNNER, *command.split()[1:]], tmp_path)
    said = re.sub(r"\[cell 1 \(\w+\)", "[cell 1 (load)", said)
    assert " ".join(shown.split()) in " ".join(said.split())


def said_by(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=90
    )
    return done.stdout
