"""HAProxy and nginx in front of replicas, told who they are as Kubernetes tells its proxies.

None of them asks a second time what was once sent. Where a connection cannot be made at all,
another replica may be tried, if that is allowed: an update has to do without.
"""

from __future__ import annotations

import http.client
import signal
import socket
from pathlib import Path

from hosts import Host, Process, until

PORT = 8080
# More than any test has replicas, one after another.
_PLACES = 64
_HAPROXY = """
global
  stats socket {folder}/admin level admin
defaults
  mode {mode}
  timeout connect 1s
  timeout client 60s
  timeout server 20s
  {retries}
listen service
  bind {address}:{port}
  balance roundrobin
  {options}
  server-template replica 1-{places} 127.0.0.1:1 disabled {check}
"""
_RETRIES = {False: "retries 0", True: "retries 3\n  option redispatch 1"}
_CHECKED = "option httpchk GET /readyz\n  http-check expect status 200"
_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream service {{
    {servers}
  }}
  server {{
    listen {address}:{port};
    location / {{
      proxy_pass http://service;
      proxy_connect_timeout 1s;
      proxy_next_upstream {retries};
    }}
  }}
}}
"""


class Haproxy:
    """HAProxy, which is told of replicas on its socket, as an ingress controller does.

    Args:
        host: Its own.
        folder: For its files.
        mode: ``http``, or ``tcp``, which passes connections on as kube-proxy does.
        checks: Whether it asks the replicas itself whether they are ready.
        retries: Whether another one may be tried where no connection could be made.
    """

    keeps = True

    def __init__(
        self, host: Host, folder: Path, *, mode: str = "http", checks: bool, retries: bool
    ) -> None:
        self.address, self._socket = host.address, folder / "admin"
        options = ["option http-server-close"] * (mode == "http") + [_CHECKED] * checks
        check = "check inter 1s fall 2 rise 1" if checks else ""
        settings = _HAPROXY.format(
            folder=folder,
            mode=mode,
            address=host.address,
            port=PORT,
            places=_PLACES,
            retries=_RETRIES[retries],
            options="\n  ".join(options),
            check=check,
        )
        file = folder / "haproxy.cfg"
        file.write_text(settings)
        self._places: dict[str, int] = {}
        self._used = 0
        self._process = host.start("haproxy", "-db", "-f", str(file), log=folder / "log")
        until(lambda: _accepts(self.address), 20, "HAProxy listens")

    def set_endpoints(self, endpoints: set[str]) -> None:
        """Send requests to these addresses (``HOST:PORT``), and to no others any more."""
        for gone in self._places.keys() - endpoints:
            self._tell(f"set server service/replica{self._places.pop(gone)} state maint")
        for new in endpoints - self._places.keys():
            self._used += 1
            self._places[new] = self._used
            address, port = new.split(":")
            place = f"set server service/replica{self._used}"
            self._tell(f"{place} addr {address} port {port}")
            self._tell(f"{place} state ready")

    def _tell(self, order: str) -> None:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self._socket))
            link.sendall(order.encode() + b"\n")
            answer = b""
            while data := link.recv(4096):
                answer += data
        if answer.strip() and b"changed" not in answer:
            raise SystemExit(f"HAProxy refused {order!r}: {answer.decode()}")

    def end(self) -> None:
        """Stop it."""
        self._process.end()


class Nginx:
    """nginx, whose file is written anew and which is told to read it.

    It then ends idle connections of clients, maybe while they ask: these may not be kept.
    """

    keeps = False

    def __init__(self, host: Host, folder: Path, *, retries: bool) -> None:
        self.address, self._folder, self._host = host.address, folder, host
        self._retries = "error timeout" if retries else "off"
        self._endpoints: set[str] = set()
        self._process: Process | None = None

    def set_endpoints(self, endpoints: set[str]) -> None:
        """Send requests to these addresses (``HOST:PORT``), and to no others any more."""
        if endpoints == self._endpoints:
            return
        self._endpoints = set(endpoints)
        servers = [f"server {each} max_fails=0;" for each in sorted(endpoints)]
        file = self._folder / "nginx.conf"
        file.write_text(
            _NGINX.format(
                folder=self._folder,
                address=self.address,
                port=PORT,
                servers="\n    ".join(servers),
                retries=self._retries,
            )
        )
        if self._process is None:
            words = ("nginx", "-p", str(self._folder), "-c", str(file))
            self._process = self._host.start(*words, log=self._folder / "log")
            until(lambda: _accepts(self.address), 20, "nginx listens")
        else:
            self._host.run("kill", "-HUP", (self._folder / "pid").read_text().strip())

    def end(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.end(signal.SIGTERM)


Balancer = Haproxy | Nginx


def _accepts(address: str) -> bool:
    try:
        with socket.create_connection((address, PORT), timeout=1):
            return True
    except OSError:
        return False


def status_of(address: str, port: int, path: str, seconds: float = 1) -> int:
    """Ask once by GET; give the status, or 0 if there was no answer in time."""
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
