"""A real S3 server on this machine, which can be killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service import free_port

KEY, SECRET = "test-key-id", "test-secret-0123456789"
BUCKET = "bucket"
_STARTS_WITHIN = 90.0  # seconds


class S3Server:
    """Own one SeaweedFS, whose data lie in a folder: they outlive its process.

    Args:
        folder: Where it keeps all.
        port: Gives ports that are free, and stay so.
    """

    def __init__(self, folder: Path, port: Callable[[], int] = free_port) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ports = {name: (port(), port()) for name in ("master", "volume", "filer", "s3")}
        identity = {
            "name": "test",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self._ports['s3'][0]}"

    @property
    def environ(self) -> dict[str, str]:
        """Variables by which programs find it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it, and wait until its bucket can be written."""
        (self._folder / "data").mkdir(exist_ok=True)
        words = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder / 'data'}"]
        words += ["-s3", f"-s3.config={self._folder / 's3.json'}", "-master.volumeSizeLimitMB=64"]
        words += ["-master.electionTimeout=1s", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        words += [
            "-volume.max=20",
            "-master.telemetry=false",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
        ]
        for name, (plain, grpc) in self._ports.items():
            words += [f"-{name}.port={plain}", f"-{name}.port.grpc={grpc}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("weed")), "server", *words],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no S3 server within {_STARTS_WITHIN:g} s")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it at once, as a power cut does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        for port in (port for pair in self._ports.values() for port in pair):
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError((self._folder / "log").read_text()[-3000:])
        with contextlib.suppress(Exception):
            if not self.system().exists(BUCKET):
                self.system().mkdir(BUCKET)
            self.put("ready", b"ready")
            return self.get("ready") == b"ready"
        return False

    # What it holds, by S3's protocol.

    def system(self) -> Any:
        """What fsspec makes of it."""
        import s3fs

        return s3fs.S3FileSystem(
            key=KEY,
            secret=SECRET,
            endpoint_url=self.url,
            use_listings_cache=False,
            config_kwargs={"connect_timeout": 2, "read_timeout": 5, "retries": {"max_attempts": 0}},
        )

    def put(self, name: str, data: bytes) -> None:
        """Write an object of the bucket."""
        self.system().pipe_file(f"{BUCKET}/{name}", data)

    def get(self, name: str) -> bytes:
        """Read an object of the bucket."""
        found: bytes = self.system().cat_file(f"{BUCKET}/{name}")
        return found

    def names(self) -> set[str]:
        """All objects of the bucket."""
        return {name.removeprefix(f"{BUCKET}/") for name in self.system().find(BUCKET)}

    def has(self, name: str) -> bool:
        """Tell whether there is such an object."""
        return bool(self.system().exists(f"{BUCKET}/{name}"))


@contextlib.contextmanager
def s3_server(folder: Path, port: Callable[[], int] = free_port) -> Iterator[S3Server]:
    """Have one for a while."""
    server = S3Server(folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()
