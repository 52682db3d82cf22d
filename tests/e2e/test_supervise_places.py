"""A service of an arbitrary user id below a read-only root, as in OpenShift."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import RUNNER, Service, is_ready, send, until, write_notebook

USER = 54321  # whom no list has
APP = """
import getpass, pathlib, tempfile
pathlib.Path.home().joinpath("written").touch()
tempfile.TemporaryFile().close()
said = f"{getpass.getuser()} {get_ipython().ipython_dir}".encode()

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})
"""
# The capability only lets it read this Python wherever it is; what Docker gives it may read.
CONFINED = f"""
mount --make-rprivate / && mount -t tmpfs -o mode=1777 tmpfs "$0" && mount --bind / / &&
mount -o remount,bind,ro / && cd "$PWD" && exec setpriv --reuid {USER} --regid 0 --clear-groups \
--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search env HOME=/ TMPDIR="$0" "$@"
"""


def can_confine() -> bool:
    if not (sys.platform == "linux" and shutil.which("unshare") and shutil.which("setpriv")):
        return False
    tried = ["unshare", "--mount", "mount", "--make-rprivate", "/"]
    return os.geteuid() == 0 and subprocess.run(tried, check=False).returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that others may read, and nobody but root write."""
    write_notebook(tmp_path / "project/a.ipynb", APP)
    for folder in (tmp_path, tmp_path / "project"):
        folder.chmod(0o755)
    return tmp_path / "project"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where temporary files go; by a short path, since there are sockets in it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(not can_confine(), reason="only root can confine a process so")
def test_a_service_that_may_write_nowhere_serves_and_says_so_once(
    start: type[Service], project: Path, temporary: Path
) -> None:
    """Its home and all that it writes is below the temporary files; it swaps and stops as ever."""
    program = ["unshare", "--mount", "sh", "-c", CONFINED, str(temporary), *RUNNER]
    words = ("serve", "a.ipynb", "--port", "0", "--reload", "--no-standby")
    service = start(*words, program=program)
    port = service.bound_port()
    until(lambda: is_ready(port, service), 150)
    said = send(port, method="GET", path="/")[2].decode()
    assert said.startswith(f"user-{USER} {temporary}/")
    write_notebook(project / "a.ipynb", APP, "said = b'two'")
    until(lambda: send(port, method="GET", path="/")[2] == b"two", 150)
    assert service.said().count("nothing is recorded") == 1
    assert [path.name for path in project.iterdir() if path != service.log] == ["a.ipynb"]
    assert service.stop() == 0
