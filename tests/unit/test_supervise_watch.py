"""Which saves matter, and which notebooks are kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import write_notebook

from runner.spawn.working_folder import WorkingFolder
from runner.supervise import watch as watching
from runner.supervise.kept_notebooks import KeptNotebooks, digest
from runner.supervise.states import KEPT
from runner.supervise.watch import Watcher


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "a.ipynb", "1", "2")


def cause(eye: Watcher) -> str:
    """What two looks make of what was saved before them."""
    return eye.look() or eye.look()


def test_outputs_are_no_change(notebook: Path) -> None:
    """Jupyter saves them with every save."""
    eye = Watcher(notebook)
    document = json.loads(notebook.read_text())
    document["cells"][0]["execution_count"] = 3
    document["metadata"]["widgets"] = {}
    notebook.write_text(json.dumps(document))
    assert cause(eye) == ""


def test_code_and_tags_are_a_change_once(notebook: Path) -> None:
    """The next look at the same content sees nothing new."""
    eye = Watcher(notebook)
    write_notebook(notebook, "1", "3")
    assert cause(eye) == f"{notebook} was saved"
    assert cause(eye) == ""
    write_notebook(notebook, "1", "3", tags="serve")
    assert cause(eye)


async def until(is_true: Callable[[], object]) -> None:
    """Wait while the loop turns."""
    while not is_true():  # noqa: ASYNC110 - it makes no event
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fails", [False, True])
def test_a_disk_that_does_not_answer_stops_nobody(
    notebook: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    """The loop turns, the log says so, and when it answers a save is seen; so is an error."""
    eye, answers, told = Watcher(notebook), threading.Event(), list[str]()
    stamps = eye.stamps
    monkeypatch.setattr(watching, "_PATIENCE", 0.05)

    def hang() -> object:
        answers.wait(30)
        if fails:
            raise ValueError("no disk")
        return stamps()

    monkeypatch.setattr(eye, "stamps", hang)

    async def turns() -> None:
        task = asyncio.ensure_future(watching.watch(eye, WorkingFolder(), told.append))
        await until(lambda: "no save is seen until the disk" in caplog.text)
        write_notebook(notebook, "1", "3")
        answers.set()
        await until(lambda: told or task.done())
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    if fails:
        with pytest.raises(ValueError, match="no disk"):
            asyncio.run(asyncio.wait_for(turns(), 30))
    else:
        asyncio.run(asyncio.wait_for(turns(), 30))
        assert told == [f"{notebook} was saved"]


def test_a_disk_that_never_answers_holds_up_no_end(notebook: Path) -> None:
    """Nobody waits for the thread that looks."""
    eye, hangs, answers = Watcher(notebook), threading.Event(), threading.Event()

    def hang() -> dict[Path, tuple[tuple[int, ...], ...]]:
        hangs.set()
        answers.wait(30)
        return {}

    eye.stamps = hang  # type: ignore[method-assign]

    async def ends() -> None:
        task = asyncio.ensure_future(watching.watch(eye, WorkingFolder(), print))
        await until(hangs.is_set)
        task.cancel()

    asyncio.run(asyncio.wait_for(ends(), 30))
    assert not answers.is_set()
    answers.set()


@pytest.mark.parametrize("text", ["", '{"cells": [', '{"cells": [{}]}', '{"cells": [1]}'])
def test_a_broken_file_waits_until_it_is_whole(notebook: Path, text: str) -> None:
    """A save may be under way, or a merge."""
    eye, whole = Watcher(notebook), notebook.read_text()
    notebook.write_text(text)
    assert cause(eye) == ""
    notebook.write_text(whole)
    assert cause(eye) == ""


def test_a_save_that_stays_broken_is_told_until_it_is_whole(notebook: Path) -> None:
    """Not one that is read a second later; nor does it matter what is in the whole one."""
    told: list[str] = []
    eye, whole = Watcher(notebook, on_read=told.append), notebook.read_text()
    for text in ("{", whole):
        notebook.write_text(text)
        assert cause(eye) == ""
    assert not told
    notebook.write_text("{")
    for _ in range(30):
        eye.look()
    [fault] = told
    assert str(notebook) in fault
    notebook.write_text(whole)
    assert cause(eye) == ""
    assert told == [fault, ""]


CONFLICT = "<<<<<<< local\nx = 1\n=======\nx = 2\n>>>>>>> remote\n"


@pytest.mark.parametrize("text", [CONFLICT, f"%matplotlib inline\n{CONFLICT}"])
def test_a_merge_that_is_not_resolved_is_not_taken(
    notebook: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is a whole notebook, as nbdime writes it; the log says where the marks are."""
    eye = Watcher(notebook)
    write_notebook(notebook, "1", text)
    assert cause(eye) == ""
    assert "cell 2 has the marks of a merge in git" in caplog.text
    write_notebook(notebook, "1", f'about = """{CONFLICT}"""')
    assert cause(eye) == f"{notebook} was saved"


def test_a_notebook_that_could_not_be_read_is_read_again(notebook: Path) -> None:
    """Without another save: too many files were open, the mount was away."""
    eye = Watcher(notebook)
    write_notebook(notebook, "1", "3")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert cause(eye) == ""
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [eye.look() for _ in range(20)].count(f"{notebook} was saved") == 1


def test_a_file_counts_when_it_is_written_no_more(notebook: Path, tmp_path: Path) -> None:
    """A large model takes a while; half of it would be one that fails."""
    model = tmp_path / "model"
    eye = Watcher(notebook, lambda: [model])
    with model.open("a") as file:
        for _ in range(4):
            file.write("some")
            file.flush()
            assert eye.look() == ""
    assert eye.look() == f"{model} was saved"
    assert eye.look() == ""


def test_other_files_do_not_matter(notebook: Path, tmp_path: Path) -> None:
    """Of the folder only the notebook and the model; and a model that is gone is no new one."""
    model = tmp_path / "model"
    model.touch()
    eye = Watcher(notebook, lambda: [model])
    (tmp_path / "b.ipynb").touch()
    assert cause(eye) == ""
    model.write_text("more")
    assert cause(eye) == f"{model} was saved"
    model.unlink()
    assert cause(eye) == ""


def test_a_model_and_its_card_are_watched_as_a_whole(notebook: Path, tmp_path: Path) -> None:
    """What is written one soon after the other is one change; a card that comes late is another."""
    model, card = tmp_path / "model.joblib", tmp_path / "model.json"
    eye = Watcher(notebook, lambda: [model])
    model.write_text("a")
    assert eye.look() == ""
    card.write_text("a")
    assert eye.look() == ""
    assert eye.look() == f"{model} was saved"
    card.write_text("other")
    assert cause(eye) == f"{card} was saved"


def test_the_models_of_an_edited_notebook_are_watched(notebook: Path, tmp_path: Path) -> None:
    """What it loads now; a save of what it had before matters no more."""
    paths = [tmp_path / "a"]
    eye = Watcher(notebook, lambda: paths)
    paths[0].write_text("was saved before it is read anew")
    paths.append(tmp_path / "b")
    eye.seen()
    assert cause(eye) == f"{paths[0]} was saved"
    del paths[0]
    eye.seen()
    (tmp_path / "a").write_text("more")
    assert cause(eye) == ""
    (tmp_path / "b").touch()
    assert cause(eye) == f"{paths[0]} was saved"


def swap_folder(place: Path, text: str) -> None:
    """Put a new folder where one was, as a deployment by renames does."""
    other = place.with_name("other")
    other.mkdir()
    write_notebook(other / "a.ipynb", text)
    place.rename(place.with_name(f"old-{text}"))
    other.rename(place)


def make_folder_again(place: Path, text: str) -> None:
    """Remove a folder and make it again, as a checkout does."""
    shutil.rmtree(place)
    place.mkdir()
    write_notebook(place / "a.ipynb", text)


def swap_link_within(place: Path, text: str) -> None:
    """Let the link by which the file is reached lead elsewhere, as Kubernetes does."""
    (place / f"..{text}").mkdir()
    write_notebook(place / f"..{text}/a.ipynb", text)
    (place / "..new").symlink_to(f"..{text}")
    (place / "..new").rename(place / "..data")
    (place / "a.ipynb").unlink(missing_ok=True)
    (place / "a.ipynb").symlink_to("..data/a.ipynb")


def swap_worktree(place: Path, text: str) -> None:
    """Let a link above the file lead to another checkout, as git-sync does."""
    trees = place.with_name("trees")
    write_notebook(trees / text / "a.ipynb", text)
    (trees / "new").symlink_to(trees / text)
    if not place.is_symlink():
        place.rename(place.with_name("first"))
    (trees / "new").rename(place)


@pytest.mark.parametrize(
    "replace", [swap_folder, make_folder_again, swap_link_within, swap_worktree]
)
def test_a_file_is_followed_by_its_path(
    tmp_path: Path, replace: Callable[[Path, str], None]
) -> None:
    """Whatever is replaced on the way to it, once and again."""
    place = tmp_path / "place"
    place.mkdir()
    notebook = write_notebook(place / "a.ipynb", "0")
    eye = Watcher(notebook)
    for text in ("1", "2"):
        replace(place, text)
        assert cause(eye) == f"{notebook} was saved"
        assert cause(eye) == ""


def test_a_run_that_starts_keeps_its_copy(notebook: Path, tmp_path: Path) -> None:
    """However many others are pruned meanwhile: it would never serve, and nobody would know."""
    sources = KeptNotebooks(tmp_path / "sources")
    sources.open()
    starting = sources.take(notebook, "starting")
    for number in range(KEPT + 2):
        sources.take(notebook, f"{number:02d}")
        sources.approve(f"{number:02d}")
        sources.prune({f"{number:02d}"})
    assert sources.path("starting") == starting
    assert digest(starting) == digest(notebook)


def test_what_served_is_there_again_when_its_folder_was_removed(
    notebook: Path, tmp_path: Path
) -> None:
    """It is written again; where that cannot be, it is read from what is open."""
    sources = KeptNotebooks(tmp_path / "sources")
    sources.open()
    sources.take(notebook, "one")
    sources.approve("one")
    shutil.rmtree(sources.folder)
    assert sources.path("one") == sources.folder / "one.ipynb"
    assert digest(sources.path("one")) == digest(notebook)
    shutil.rmtree(sources.folder)
    sources.folder.touch()
    assert digest(sources.path("one")) == digest(notebook)


def test_what_cannot_be_kept_is_in_memory(notebook: Path, tmp_path: Path) -> None:
    """The disk is full, or not ours to write to: the version is served all the same."""
    (tmp_path / "sources").touch()
    sources = KeptNotebooks(tmp_path / "sources")
    assert sources.open() == []
    taken = sources.take(notebook, "one")
    sources.approve("one")
    write_notebook(notebook, "other")
    assert digest(taken) == digest(sources.path("one")) != digest(notebook)
    sources.remove(["one"])
    assert not taken.exists()


def test_only_what_served_is_kept(notebook: Path, tmp_path: Path) -> None:
    """Ten at most: what is still needed, and of the others the newest."""
    sources = KeptNotebooks(tmp_path / "sources")
    assert sources.open() == []
    sources.take(notebook, "never")
    for number in range(KEPT + 5):
        sources.take(notebook, f"{number:02d}")
        sources.approve(f"{number:02d}")
    sources.prune({"01"})
    assert sources.open() == ["01", *(f"{number:02d}" for number in range(6, KEPT + 5))]
    assert digest(sources.path("01")) == digest(notebook)


def test_the_notebook_of_a_run_that_starts_is_not_pruned(notebook: Path, tmp_path: Path) -> None:
    """However many have served meanwhile."""
    sources = KeptNotebooks(tmp_path / "sources")
    sources.open()
    sources.take(notebook, "00-starting")
    for number in range(1, KEPT + 5):
        sources.take(notebook, f"{number:02d}")
        sources.approve(f"{number:02d}")
        sources.prune(set())
    sources.approve("00-starting")
    assert sources.path("00-starting").read_text() == notebook.read_text()


def test_what_is_not_ours_among_the_kept_notebooks_harms_nothing(
    notebook: Path, tmp_path: Path
) -> None:
    """JupyterLab makes a folder there, people their copies: neither served, removed nor counted."""
    folder = tmp_path / "sources"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    own = [folder / name for name in ("0-own.ipynb", ".0-own.ipynb", ".DS_Store")]
    for path in own:
        path.write_text(notebook.read_text())
    sources = KeptNotebooks(folder)
    assert sources.open() == []
    for number in range(KEPT + 5):
        sources.take(notebook, f"{number:02d}")
        sources.approve(f"{number:02d}")
        sources.prune(set())
    assert len(sources.open()) == KEPT
    assert all(path.exists() for path in own)
    assert (folder / ".ipynb_checkpoints").is_dir()


def test_a_killed_supervisors_notebooks_that_never_served_are_removed(
    notebook: Path, tmp_path: Path
) -> None:
    """The next one finds those that served."""
    sources = KeptNotebooks(tmp_path / "sources")
    sources.open()
    sources.take(notebook, "1")
    sources.approve("1")
    left = sources.take(notebook, "2")
    assert KeptNotebooks(sources.folder).open() == ["1"]
    assert not left.exists()


def test_what_an_earlier_release_has_kept_is_kept_on(notebook: Path, tmp_path: Path) -> None:
    """It had no ledger; a file that has no name of a run's is somebody's own all the same."""
    folder = tmp_path / "sources"
    folder.mkdir()
    kept = ["20260101T000000-0001", "20260101T000000-0002"]
    left = folder / ".20260101T000001-0003.ipynb"
    own = folder / "20260101T000000-0002-mine.ipynb"
    for path in (*(folder / f"{run}.ipynb" for run in kept), left, own):
        path.write_text(notebook.read_text())
    assert KeptNotebooks(folder).open() == kept
    assert not left.exists()
    assert own.exists()
    late = folder / "20260101T000000-0004.ipynb"
    late.write_text(notebook.read_text())
    assert KeptNotebooks(folder).open() == kept


def test_a_version_that_serves_is_kept_though_we_are_killed_at_once(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is done last about it comes before nothing that the next session needs."""
    sources = KeptNotebooks(tmp_path / "sources")
    sources.open()
    sources.take(notebook, "one")
    rename = Path.rename

    def rename_and_die(path: Path, target: Path) -> None:
        rename(path, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        sources.approve("one")
    assert KeptNotebooks(sources.folder).open() == ["one"]
