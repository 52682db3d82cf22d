"""What is asked for is read as pip reads it."""

from __future__ import annotations

from pathlib import Path

from runner.doctor.requirements_file import read_requirements


def test_requirements_are_read(tmp_path: Path) -> None:
    """Names with extras, markers and hashes; comments and options are passed over."""
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# a\n-r more.txt\n--no-binary :all:\nuvicorn[standard]==0.54.0 ; python_version>'3' # b\n"
        "numpy == 2.4.6 \\\n    --hash=sha256:00\nclick>=8\nbad line\n"
    )
    lines = read_requirements(path).lines
    assert [(line.number, line.wanted and line.wanted.name) for line in lines] == [
        (4, "uvicorn"),
        (5, "numpy"),
        (7, "click"),
        (8, None),
    ]
