"""`make digest` pins the base images as they are now, and invents nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support import ROOT

PULLED = """#!/bin/sh
case "$1 $2" in
"pull --quiet") ;;
"image inspect") for image; do :; done; echo "${image%%:*}@sha256:$(printf %064d 7)" ;;
esac
"""


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """What compose reads, with a line of the user's and a pin of yesterday."""
    path = tmp_path / ".env"
    path.write_text("PORT=8123\nBASE_DIGEST=@sha256:old\n")
    return path


def digests(tmp_path: Path, engine: str) -> subprocess.CompletedProcess[str]:
    """Run it with an engine of ours."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(engine)
    docker.chmod(0o755)
    words = [ROOT / ".ci/digests", ROOT / "dockerfile", tmp_path / ".env"]
    path = {"PATH": f"{docker.parent}:{os.environ['PATH']}"}
    return subprocess.run(
        words, env=os.environ | path, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_digests_are_those_of_what_was_pulled(tmp_path: Path, env: Path) -> None:
    """They stand in .env, once each; the other lines stay."""
    assert digests(tmp_path, PULLED).returncode == 0
    pin = f"@sha256:{7:064d}"
    assert env.read_text() == f"PORT=8123\nBASE_DIGEST={pin}\nSLIM_DIGEST={pin}\n"


def test_without_a_registry_nothing_is_pinned(tmp_path: Path, env: Path) -> None:
    """It fails, and says which image could not be had."""
    before = env.read_text()
    done = digests(tmp_path, "#!/bin/sh\nexit 1\n")
    assert done.returncode == 1
    assert "no registry has it, or none can be" in done.stderr
    assert env.read_text() == before
