"""A dockerfile's stages and instructions are read as the builder reads them."""

from __future__ import annotations

from pathlib import Path

from support import ROOT

from runner.doctor.dockerfile import Dockerfile, read_dockerfile


def read(tmp_path: Path, text: str) -> Dockerfile:
    path = tmp_path / "dockerfile"
    path.write_text(text)
    return read_dockerfile(path)


def test_continued_lines_are_one_instruction(tmp_path: Path) -> None:
    """With comments between, and the number of the first line."""
    (stage,) = read(tmp_path, "FROM a\n\nRUN b \\\n# why\n  c\n").stages
    (run,) = stage.instructions
    assert (run.line, run.word, run.value.split()) == (3, "RUN", ["b", "c"])


def test_arguments_have_their_defaults(tmp_path: Path) -> None:
    """Those before the first FROM, in both ways to write them."""
    file = read(tmp_path, 'ARG A=x/y\nARG B="z"\nFROM $A AS one\nFROM ${B}:1\nFROM ${C:-w}\n')
    assert [stage.image for stage in file.stages] == ["x/y", "z:1", "w"]


def test_a_stage_goes_on_where_its_parent_ended(tmp_path: Path) -> None:
    """What holds in the end may stand in the stage that it begins with."""
    file = read(tmp_path, "FROM a AS One\nUSER 7\nCMD x\nFROM one\nCMD y\n")
    last = file.stages[1]
    assert last.base() == "a"
    assert [found.value for word in ("USER", "CMD") if (found := last.last(word))] == ["7", "y"]


def test_only_what_is_run_counts_as_an_end(tmp_path: Path) -> None:
    """A stage that others begin with or copy from is not run itself."""
    text = "FROM a AS one\nRUN x\nFROM one AS two\nRUN y\nFROM b AS three\nRUN z\n"
    file = read(tmp_path, text + "FROM c\nCOPY --from=three z z\n")
    assert [stage.line for stage in file.ends()] == [3, 7]


def test_words_are_json_or_shell(tmp_path: Path) -> None:
    """Options come before them, and are none of them."""
    (stage,) = read(
        tmp_path, 'FROM a\nCMD ["x", "y z"]\nCOPY --chown=1 --link p "q r"\nCMD a \'b'
    ).stages
    assert [found.words() for found in stage.instructions] == [
        ["x", "y z"],
        ["p", "q r"],
        ["a", "'b"],
    ]


def test_heredocs_are_no_instructions(tmp_path: Path) -> None:
    """Nor is anything before the first FROM, or in a file that is no dockerfile at all."""
    (stage,) = read(tmp_path, "CMD x\nFROM a\nRUN <<EOF\nCMD y\nEOF\nCMD z\n").stages
    assert [found.word for found in stage.instructions] == ["RUN", "CMD"]
    assert read(tmp_path, "\x00\xff{").stages == ()


def test_our_own_is_understood() -> None:
    """What is built last of it are ends, and their bases are known."""
    ends = read_dockerfile(ROOT / "dockerfile").ends()
    assert [stage.name for stage in ends] == ["lab", "cockpit", "slim"]
    assert ends[0].base().startswith("quay.io/jupyter/datascience-notebook:")
