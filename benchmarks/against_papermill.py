"""Execute papermill's own notebooks, and nbclient's, by papermill and by us, and compare.

They come out of the two packages' source distributions, of the releases that are installed here.
Each is executed twice, in folders of their own, with the parameters of the table below:
`papermill a.ipynb out.ipynb --engine nbclient` and `runner run a.ipynb out.ipynb`. What has to be
the same: every cell with its text, tags, outputs (streams, errors, every MIME type with its data)
and number, the parameters as recorded, the kernel, the language, the widgets, and whether the
exit code is 0. The cells by which either says that a run has failed are left out, and the frames of
libraries, which we fold. What differs and is not in the table of differences ends with exit code 1.

    python benchmarks/against_papermill.py [--only sysexit …] [--folder NOTEBOOKS …]
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leftovers import leave_nothing

from runner.record.tracebacks import folded

NOTEBOOKS = {"papermill": "papermill/tests/notebooks", "nbclient": "tests/files"}
# As papermill's own tests give them.
PARAMETERS: dict[str, dict[str, Any]] = {
    "simple_execute": {"msg": "Hello"},
    "s3-simple_notebook": {"msg": "Hello"},
    "complex_parameters": {"msg": "Hello", "a": 1.5},
    "nb_version_4.4": {"var": "It works"},
    "report_mode_test": {"a": 0},
    "result_no_exec": {"foo": 2, "bar": "a"},
    "no_parameters": {"msg": "Hello"},
    "blank-vscode": {"var": "It works"},
}
# Of the cells by which either says that the run has failed.
ERROR_TAGS = {"papermill-error-cell-tag", "injected-failure"}
# What differs, and why that is right. The words are those of `differences`.
UNCHECKED = {"exit code", "written"}
MARKED = {"exit code", "number of cells"} | {
    f"cell {number} {name}"
    for number in (1, 2)
    for name in ("cell_type", "execution_count", "outputs", "source", "tags")
}
ALLOWED: dict[str, tuple[set[str], str]] = {
    "Autokill": ({"cell 1 outputs", "language_info"}, "the cell shows that the kernel died"),
    "Skip Exceptions with Cell Tags": (MARKED, "a tag allows the error"),
    "Output": ({"kernelspec"}, "it was not valid, and a record is"),
    "blank-vscode": (UNCHECKED, "the parameter is unknown"),
    "complex_parameters": ({"written"}, "the cell tagged parameters is no Python"),
    "nb_version_4.4": (UNCHECKED, "a text where the default is a number"),
    "no_parameters": (UNCHECKED, "no cell is tagged parameters"),
    "notimplemented_translator": ({"written"}, "its kernel, R, is not installed"),
}
# What differs at times: whether the kernel said that the cell begins, before it was killed.
LUCK = {"Autokill": ["cell 1 execution_count"]}
# The one is to be stopped by a signal; the others by the test that runs both at once.
LEFT_OUT = {"Interrupt": "never ends", "keyboard_interrupt": "takes a minute"}
SECONDS = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """Say how one of the two executed a notebook.

    Attributes:
        code: The exit code.
        said: What it printed.
        notebook: The executed notebook; None if none was written.
    """

    code: int
    said: str
    notebook: dict[str, Any] | None


def main() -> None:
    """Compare, print a line for each notebook, and exit by 1 if any differs without a reason."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--folder", nargs="*", type=Path, default=[])
    options.add_argument("--engine", action="store_true", help="run by papermill, with our engine")
    options.add_argument("--show", action="store_true", help="what both said, where they differ")
    given = options.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        folders = given.folder or [fetched(name, Path(scratch)) for name in NOTEBOOKS]
        found = [path for folder in folders if folder for path in folder.glob("**/*.ipynb")]
        for path in sorted(found):
            if path.stem in LEFT_OUT or (given.only and path.stem not in given.only):
                continue
            wrong += not is_same(path, as_engine=given.engine, shows=given.show)
    raise SystemExit(1 if wrong else 0)


def fetched(package: str, scratch: Path) -> Path | None:
    """Give the folder of notebooks in a package's source distribution; None without a network."""
    release = f"{package}=={importlib.metadata.version(package)}"
    words = ["--no-deps", "--no-binary", ":all:", "--quiet", "-d"]
    line = [sys.executable, "-m", "pip", "download", *words, str(scratch), release]
    if subprocess.run(line, check=False).returncode:
        print(f"skipped: {release} cannot be fetched; --folder names one that is unpacked")
        return None
    with tarfile.open(next(scratch.glob(f"{package}-*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")
    return next(path for path in scratch.glob(f"{package}-*") if path.is_dir()) / NOTEBOOKS[package]


def is_same(path: Path, *, as_engine: bool, shows: bool) -> bool:
    """Execute a notebook by both, and print what differs."""
    # Without a kernel's name papermill goes no further; its tests give this one.
    kernel = () if _names_kernel(path) else ("--kernel", "python3", "--language", "python")
    ours_by = ("papermill", "--engine", "runner", *kernel) if as_engine else ("runner", "run")
    theirs = executed(path, "papermill", "--engine", "nbclient", *kernel)
    ours = executed(path, *ours_by)
    found = dict(differences(theirs, ours))
    for name in LUCK.get(path.stem, ()):
        found.pop(name, None)
    allowed, why = ALLOWED.get(path.stem, (set(), ""))
    is_right = set(found) == allowed
    codes = f"{theirs.code}, {ours.code}"
    said = "same" if not found else f"differs as it should: {why}" if is_right else "DIFFERS"
    print(f"{path.stem:34} exit codes {codes:8} {said}", flush=True)
    if not is_right:
        for what in sorted(set(found) | allowed):
            print(f"    {what}: {found.get(what, 'should differ, and does not')}")
        if shows:
            print(f"papermill said:\n{theirs.said}\nrunner said:\n{ours.said}")
    return is_right


def executed(path: Path, *words: str, values: dict[str, dict[str, Any]] = PARAMETERS) -> Outcome:
    """Execute a copy of a notebook in a folder of its own, with all that lies beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(path.parent, folder / "a")
        line = [sys.executable, "-m", *words, path.name, str(folder / "out.ipynb"), "-y"]
        environ = os.environ | {"NBEXECUTE_TEST_PARALLEL_TMPDIR": scratch}
        code, said = _ended([*line, json.dumps(values.get(path.stem, {}))], folder / "a", environ)
        out = folder / "out.ipynb"
        notebook = _plain(out.read_text()) if out.exists() else None
    return Outcome(code=code, said=said, notebook=notebook)


def _ended(line: list[str], folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end; once more if it hangs, as nbclient does now and then by widgets."""
    for _ in range(3):
        process = subprocess.Popen(
            line,
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=SECONDS)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            print(f"hung for {SECONDS:g} s: {' '.join(line)}", flush=True)
    raise SystemExit("it hung three times")


def differences(theirs: Outcome, ours: Outcome) -> Iterator[tuple[str, str]]:
    """Give what differs by its name, and both sides of it."""
    yield from _pair("exit code", theirs.code != 0, ours.code != 0)
    if theirs.notebook is None or ours.notebook is None:
        yield from _pair("written", theirs.notebook is not None, ours.notebook is not None)
        return
    for name in ("kernelspec", "language_info", "widgets"):
        sides = (one["metadata"].get(name) for one in (theirs.notebook, ours.notebook))
        yield from _pair(name, *sides)
    recorded = (one["metadata"]["papermill"] for one in (theirs.notebook, ours.notebook))
    yield from _pair("parameters", *(one.get("parameters") for one in recorded))
    cells = [
        [cell for cell in one["cells"] if not ERROR_TAGS & {*_of(cell, "tags")}]
        for one in (theirs.notebook, ours.notebook)
    ]
    yield from _pair("number of cells", *(len(side) for side in cells))
    for number, (first, second) in enumerate(zip(*cells, strict=False), 1):
        for name in ("cell_type", "source", "tags", "execution_count", "outputs"):
            yield from _pair(
                f"cell {number} {name}", *(_of(cell, name) for cell in (first, second))
            )


def _names_kernel(path: Path) -> bool:
    return "name" in json.loads(path.read_text())["metadata"].get("kernelspec", {})


def _pair(name: str, theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    if theirs != ours:
        yield name, f"{json.dumps(theirs)} there, {json.dumps(ours)} here"


def _of(cell: dict[str, Any], name: str) -> Any:
    if name == "tags":
        return cell["metadata"].get("tags") or []
    if name == "outputs":
        return joined([each for each in cell.get("outputs", []) if not _is_ours(each)])
    return "".join(cell[name]) if name == "source" else cell.get(name)


def _is_ours(output: dict[str, Any]) -> bool:
    return "runner" in output.get("metadata", {})


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join streams that follow each other: where they are cut is the machine's luck."""
    found: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "error":
            output["traceback"] = folded(output["traceback"])[0]
        is_stream = output["output_type"] == "stream"
        if is_stream:
            output["text"] = "".join(output["text"])
        if is_stream and found and found[-1].get("name") == output["name"]:
            found[-1]["text"] += output["text"]
        else:
            found.append(output)
    return found


def _plain(text: str) -> Any:
    """Read a notebook without what no two processes have alike: their numbers, ids, times."""
    text = re.sub(r"[0-9a-f]{32}|0x[0-9a-f]{6,}", "ID", text)
    text = re.sub(r"ipykernel_\d+/\d+\.py", "ipykernel_N/N.py", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+", "TIME", text)
    text = re.sub(r"(/[\w.-]+)*/tmp\w+/a\b", "FOLDER", text)
    return json.loads(text, object_pairs_hook=_without_ids)


def _without_ids(pairs: list[tuple[str, Any]]) -> Any:
    """Give what ids name as a list, in an order of its own: a notebook sorts it by the ids."""
    if any(name == "ID" for name, _ in pairs):
        return sorted((value for _, value in pairs), key=json.dumps)
    return dict(pairs)


if __name__ == "__main__":
    main()
