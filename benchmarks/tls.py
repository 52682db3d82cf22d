"""Speak TLS under load: swap and renew again and again, try old versions, and weigh what it costs.

Clients that keep their connections and clients that open one for each request ask all the time.
Meanwhile the notebook is saved, and the certificate is renewed, 20 times each, and both at once:
every answer has to be 200, and after each renewal every worker has to show the new certificate.
Then old versions and weak ciphers are tried. Then the throughput by TLS is taken as a ratio of that
without, alternating, on kept connections and on one for each request.

    python benchmarks/tls.py [--rounds 20] [--workers 2] [--clients 4] [--seconds 3] [--ratios 5]
"""

from __future__ import annotations

import argparse
import socket
import ssl
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import trustme
from leftovers import leave_nothing
from service import APP, SERVE, Account, Service, connection_to, load, serving, until, wrk

MODEL = "def double(x: float) -> float:\n    return 2 * x"
SERVE_MODEL = "from runner import serve\nserve(double, example={'x': 1})"
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "9")])
    return [b'{"val":0}']
"""
POST = """
wrk.method, wrk.body = "POST", '{"x": 3}'
wrk.headers["Content-Type"] = "application/json"
"""
KINDS = {
    "predictions": (MODEL, SERVE_MODEL),
    "an ASGI app": (APP, SERVE),
    "a WSGI app": (WSGI, SERVE),
}
# A ClientHello of SSL 3.0 that offers AES and 3DES. Source: RFC 6101, 5.6.1.2.
_HELLO = b"\x03\x00" + bytes(32) + b"\0" + b"\0\x06\0\x2f\0\x0a\0\x05" + b"\x01\0"
SSL_3 = b"\x16\x03\x00\0\x31\x01\0\0\x2d" + _HELLO
_CLOSES = ("-H", "Connection: close")


def main() -> None:
    """Run it all and print the account."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--ratios", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs = Pairs(Path(folder))
        words = (*pairs.words, "--workers", str(given.workers), "--reload", "--no-access-log")
        with serving(*words, cells=cells(0), tls=pairs.client) as service:
            for part in (swap, renew, swap_and_renew):
                account_of(part, service, pairs, given.rounds, given.clients)
            refuse(service.port)
        weigh(pairs, given.seconds, given.ratios)


class Pairs:
    """Issue certificates, one after the other, where a link leads to the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ca, self._count = folder, trustme.CA(), 0
        self.issue()
        live = folder / "live"
        self.words = ("--tls-cert", str(live / "cert"), "--tls-key", str(live / "key"))
        self.client = ssl.create_default_context()
        self._ca.configure_trust(self.client)

    def issue(self, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
        """Issue one: by a link that is swapped, and every other time by writing its files."""
        issued = self._ca.issue_cert("127.0.0.1", key_type=kind)
        self._count += 1
        place = self._folder / str(self._count)
        if not self._count % 2:
            place = self._folder / "live"
        place.mkdir(exist_ok=True)
        for name, blobs in (("cert", issued.cert_chain_pems), ("key", [issued.private_key_pem])):
            (place / name).touch(0o600)
            (place / name).write_bytes(b"".join(blob.bytes() for blob in blobs))
            time.sleep(0.05)  # between them the pair does not match
        if self._count % 2:
            (self._folder / "next").symlink_to(place.name)
            (self._folder / "next").replace(self._folder / "live")


Part = Callable[[Service, Pairs, int], None]


def cells(version: int) -> tuple[str, ...]:
    """Give the notebook of a version."""
    return (APP.replace('"val": 0', f'"val": {version}'), SERVE)


def swap(service: Service, _: Pairs, number: int) -> None:
    """Save a version, and wait until it alone answers."""
    service.save(*cells(number))
    until(lambda: (service.ask() or {}).get("val") == number, 60)


def renew(service: Service, pairs: Pairs, _: int) -> None:
    """Renew the certificate, and wait until each worker shows another than before."""
    before = {shown(service)[1] for _ in range(20)}
    pairs.issue()
    workers: dict[int, str] = {}

    def is_by_all() -> bool:
        pid, serial = shown(service)
        workers[pid] = serial
        return len(workers) > 1 and before.isdisjoint(workers.values())

    until(is_by_all, 30)


def swap_and_renew(service: Service, pairs: Pairs, number: int) -> None:
    """Do both at once."""
    pairs.issue()
    swap(service, pairs, 1000 + number)


def shown(service: Service) -> tuple[int, str]:
    """Give which worker answers a new connection, and its certificate's number."""
    connection = connection_to(service.port, 20, service.tls)
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert() or {}
        connection.request("GET", "/")
        pid = service_pid(connection.getresponse().read())
        return pid, str(certificate["serialNumber"])
    finally:
        connection.close()


def service_pid(body: bytes) -> int:
    """Give the process that answered."""
    return int(body.rpartition(b": ")[2].rstrip(b"}"))


def account_of(part: Part, service: Service, pairs: Pairs, rounds: int, clients: int) -> None:
    """Do a part again and again under load; one lost request ends the benchmark."""
    with load(service.port, clients, tls=pairs.client) as account:
        took = []
        for number in range(1, rounds + 1):
            began = time.monotonic()
            part(service, pairs, number)
            took.append(time.monotonic() - began)
            time.sleep(0.2)
        time.sleep(1.5)
    report(part.__name__, took, account)


def report(name: str, took: list[float], account: Account) -> None:
    """Print the account of a part."""
    print(f"{name}, {len(took)} times: {account.describe()}")
    print(f"  median {statistics.median(took):.2f} s, slowest {max(took):.2f} s", flush=True)
    if account.lost or not account.requests:
        raise SystemExit(1)


def refuse(port: int) -> None:
    """Try what must not be spoken, and print what is."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(SSL_3)
        answer = client.recv(100)
    tried = {"SSLv3": "refused" if answer[:1] in {b"", b"\x15"} else "spoken"}
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        tried[version.name] = spoken(port, version)
    weak = "NULL:RC4:3DES:EXPORT:aNULL:MD5:@SECLEVEL=0"
    tried["weak ciphers"] = spoken(port, ssl.TLSVersion.TLSv1_2, weak)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tried[version.name] = spoken(port, version)
    print("; ".join(f"{name}: {said}" for name, said in tried.items()), flush=True)
    if any(not tried[name].startswith("refused") for name in [*tried][:4]):
        raise SystemExit(1)


def spoken(port: int, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> str:
    """Tell whether a version is spoken, by which cipher; or why it is not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            with context.wrap_socket(client) as secured:
                return f"spoken by {(secured.cipher() or ('?',))[0]}"
        except OSError as error:
            return f"refused ({getattr(error, 'reason', error)})"


def weigh(pairs: Pairs, seconds: float, ratios: int) -> None:
    """Print the throughput by TLS as a ratio of that without."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        for kind in (trustme.KeyType.ECDSA, trustme.KeyType.RSA):
            pairs.issue(kind)
            for name, notebook in KINDS.items():
                how = ("-s", script.name) if notebook is KINDS["predictions"] else ()
                found = ratios_of(pairs, notebook, how, seconds, ratios)
                said = ", ".join(f"{each} {ratio:.2f}" for each, ratio in found.items())
                print(f"by TLS, {kind.name}, of the throughput without, {name}: {said}", flush=True)


def ratios_of(
    pairs: Pairs, notebook: tuple[str, str], how: tuple[str, ...], seconds: float, ratios: int
) -> dict[str, float]:
    """Take the ratio on kept and on new connections, the median of some."""
    found: dict[str, list[float]] = {"on kept connections": [], "on new ones": []}
    with (
        serving("--no-access-log", cells=notebook) as plain,
        serving(*pairs.words, "--no-access-log", cells=notebook, tls=pairs.client) as secured,
    ):
        for _ in range(ratios):
            for (_, each), words in zip(found.items(), ((), _CLOSES), strict=True):
                rates = [
                    wrk(service.port, "/", 32, seconds, *how, *words, scheme=scheme)
                    for service, scheme in ((plain, "http"), (secured, "https"))
                ]
                each.append(rates[1] / rates[0])
    return {name: statistics.median(each) for name, each in found.items()}


if __name__ == "__main__":
    main()
