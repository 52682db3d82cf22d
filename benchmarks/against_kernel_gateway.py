"""Ask Kernel Gateway's own example notebooks, and a pet store, of it and of us: answer by answer.

Both serve the same notebook, and get the same requests in the same order. Compared are the status,
the media type, the headers that a cell sets, and the body. Kernel Gateway is installed into an
environment of its own, as `annotated_cells.py` does; three of its notebooks come out of its source
distribution, and those of `etc/api_examples` out of a checkout that `--folder` names. What differs
and is not in the table of differences ends with exit code 1.

    python benchmarks/against_kernel_gateway.py [--only petstore …] [--folder NOTEBOOKS …]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import http.client
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from annotated_cells import gateway, installed, ours
from leftovers import leave_nothing
from service import notebook_of

PACKAGE = "jupyter_kernel_gateway"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": "multipart/form-data; boundary=b"}
OWN_HEADERS = ("etag", "location", "x-rate-limit")  # what the notebooks' cells set


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """Say one request, and what may differ in its answer.

    Attributes:
        line: Verb and path; `{name}` in it is what an answer before said by that name.
        headers: The request's.
        body: The request's.
        differs: Why the answers may differ; empty if they may not.
    """

    line: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str | None = None
    differs: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """Hold what is compared of an answer."""

    status: int
    kind: str
    headers: dict[str, str]
    body: str


PETSTORE = r"""
import json, os
pets, orders = {1: {"id": 1, "name": "doggie", "status": "available"}}, {}
rate = 5000
---
REQUEST = json.dumps({"body": {}, "args": {}, "path": {}, "headers": {}})
---
# POST /pet
pet = json.loads(REQUEST)["body"]
pet.setdefault("id", max(pets) + 1)
pets[pet["id"]] = pet
print(json.dumps(pet))
---
# ResponseInfo POST /pet
print(json.dumps({"status": 201, "headers": {
    "Content-Type": "application/json", "Location": "/pet/%d" % pet["id"]}}))
---
# PUT /pet
pet = json.loads(REQUEST)["body"]
found = pets.get(pet["id"])
if found:
    found.update(pet)
    print(json.dumps(found))
---
# ResponseInfo PUT /pet
print(json.dumps({"status": 200 if found else 404}))
---
# GET /pet/findByStatus
wanted = json.loads(REQUEST)["args"].get("status", [])
print(json.dumps([pet for pet in pets.values() if pet["status"] in wanted]))
---
# ResponseInfo GET /pet/findByStatus
print(json.dumps({"headers": {"Content-Type": "application/json", "X-Rate-Limit": str(rate)}}))
---
# GET /pet/:petId
found = pets.get(int(json.loads(REQUEST)["path"]["petId"]))
print(json.dumps(found or {"message": "Pet not found"}))
---
# ResponseInfo GET /pet/:petId
print(json.dumps({"status": 200 if found else 404,
                  "headers": {"Content-Type": "application/json"}}))
---
# POST /pet/:petId
request = json.loads(REQUEST)
pet = pets[int(request["path"]["petId"])]
pet.update({name: values[0] for name, values in request["body"].items()})
---
# POST /pet/:petId
pet
---
# DELETE /pet/:petId
key = json.loads(REQUEST)["headers"].get("Api_key")
gone = pets.pop(int(json.loads(REQUEST)["path"]["petId"]), None) if key == "special-key" else None
---
# ResponseInfo DELETE /pet/:petId
print(json.dumps({"status": 204 if gone else 404}))
---
# GET /store/inventory
from collections import Counter
dict(Counter(pet["status"] for pet in pets.values()))
---
# POST /store/order
order = json.loads(REQUEST)["body"]
orders[order["id"]] = order
---
# ResponseInfo POST /store/order
print(json.dumps({"status": 202}))
---
# GET /user/login
args = json.loads(REQUEST)["args"]
print("logged in user session:", args["username"][0], args["password"][0])
---
# GET /user/:username/:field
path = json.loads(REQUEST)["path"]
print(path["username"], path["field"], sep="|", end="")
---
# GET /gateway
print(os.environ["KERNEL_GATEWAY"])
---
# GET /nothing
pass
---
# GET /fails
print("before")
{}["missing"]
---
# GET /plot
from IPython.display import HTML
HTML("<b>a</b>")
""".strip().split("\n---\n")

IDS = "an error has an id and no traceback: that is in the log under the id"
FORMS = "an object of the result's forms is JSON, and its type says so"
WORDS = "what no cell answers is said in our own words"
RICH = "what is rich is the body, with its own type"

ASKS: dict[str, list[Ask]] = {
    "simple_api": [
        Ask(line="GET /name"),
        Ask(line="POST /name", headers=TEXT, body="Nutcracker"),
        Ask(line="GET /name"),
        Ask(line="POST /name", body="no type"),
        Ask(line="DELETE /name", differs=WORDS),
        Ask(line="GET /absent", differs=WORDS),
        Ask(line="GET /name?unread=1"),
    ],
    "responses": [
        Ask(line="GET /json"),
        Ask(line="GET /nocontent"),
        Ask(line="GET /etag"),
        Ask(line="PUT /etag", headers=JSON, body="{}", differs=WORDS),
    ],
    "kernel_api": [
        Ask(line="GET /hello"),
        Ask(line="GET /hello/person?person=governor"),
        Ask(line="GET /hello/persons?person=governor&person=rick"),
        Ask(line="GET /hello/people"),
        Ask(line="GET /hello/some%20one"),
        Ask(line="GET /hello/%C3%BC%2Fb"),
        Ask(line="GET /message"),
        Ask(line="PUT /message", headers=TEXT, body="hola {}"),
        Ask(line="GET /hello"),
        Ask(line="GET /people"),
        Ask(line="POST /people", headers=JSON, body='["Rick", "Maggie", "Glenn"]'),
        Ask(line="PUT /people", headers=JSON, body='"Michonne"'),
        Ask(line="DELETE /people/2"),
        Ask(line="DELETE /people/20", differs=IDS),
        Ask(line="GET /people"),
        Ask(line="GET /error", differs=IDS),
        Ask(line="GET /stderr"),
        Ask(line="GET /sleep/0"),
        Ask(line="GET /execute_result", differs=FORMS),
        Ask(line="GET /content-type", headers=JSON),
        Ask(line="GET /multi"),
        Ask(line="GET /env_kernel_gateway"),
        Ask(line="PUT /hello", headers=TEXT, body="a", differs=WORDS),
        Ask(line="GET /", differs=WORDS),
    ],
    "endpoint_ordering": [
        Ask(line="GET /test/test/test/test"),
        Ask(line="GET /test/test/test/other"),
        Ask(line="GET /test/test/other"),
        Ask(line="GET /t/t/t"),
        Ask(line="GET /test/1"),
        Ask(line="GET /t/1"),
        Ask(line="GET /1"),
        Ask(line="GET /1/2/3/4", differs=WORDS),
    ],
    "api_intro": [
        Ask(line="POST /contacts", headers=JSON, body='{"name": "Alice", "phone": "919"}'),
        Ask(line="PUT /contacts/{contact_id}", headers=FORM, body="phone=919-444"),
        Ask(line="POST /contacts", headers=JSON, body='{"name": "Bob Billiham"}'),
        Ask(line="GET /contacts?name=billi"),
        Ask(line="GET /contacts"),
        Ask(line="PUT /contacts/absent", headers=JSON, body='{"name": "C"}'),
        Ask(line="DELETE /contacts/{contact_id}"),
        Ask(line="DELETE /contacts/{contact_id}"),
        Ask(line="GET /contacts"),
        Ask(line="POST /contacts", headers=JSON, body="{", differs="wrong JSON is 400, not 500"),
    ],
    "petstore": [
        Ask(line="GET /pet/1"),
        Ask(line="GET /pet/99"),
        Ask(line="GET /pet/no-number", differs=IDS),
        Ask(line="POST /pet", headers=JSON, body='{"name": "kitty", "status": "sold"}'),
        Ask(line="GET /pet/{id}"),
        Ask(line="PUT /pet", headers=JSON, body='{"id": 2, "status": "pending"}'),
        Ask(line="PUT /pet", headers=JSON, body='{"id": 77}'),
        Ask(line="GET /pet/findByStatus?status=pending&status=available"),
        Ask(line="GET /pet/findByStatus"),
        Ask(
            line="POST /pet/2",
            headers=FORM,
            body="name=K%C3%A4tzchen&status=sold&status=x",
            differs=FORMS,
        ),
        Ask(
            line="POST /pet/2",
            headers=PARTS,
            body='--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nTom\r\n--b--\r\n',
            differs=FORMS,
        ),
        Ask(line="GET /store/inventory", differs=FORMS),
        Ask(line="POST /store/order", headers=JSON, body='{"id": 1, "petId": 2}'),
        Ask(line="DELETE /pet/2"),
        Ask(line="DELETE /pet/2", headers={"api_key": "special-key"}),
        Ask(line="DELETE /pet/2", headers={"api_key": "special-key"}),
        Ask(line="GET /user/login?username=a&password=b%26c"),
        Ask(line="GET /user/some.one/e-mail"),
        Ask(line="GET /user/a%2Fb/c%20d"),
        Ask(line="PATCH /pet", differs=WORDS),
        Ask(line="GET /store", differs=WORDS),
        Ask(line="GET /gateway"),
        Ask(line="GET /nothing"),
        Ask(line="GET /fails", differs=IDS),
        Ask(line="GET /plot", differs=RICH),
        Ask(
            line="GET /_api/spec/swagger.json", differs="paths have parameters, as Swagger has them"
        ),
    ],
}


def main() -> None:
    """Compare, print a line for each difference, and exit by 1 if one has no reason."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--folder", nargs="*", type=Path, default=[])
    kept = Path(tempfile.gettempdir()) / "runner-bench-kernel-gateway"
    options.add_argument("--venv", type=Path, default=kept)
    given = options.parse_args()
    python, wrong = installed(given.venv), 0
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "petstore.ipynb").write_text(notebook_of(PETSTORE))
        folders = [Path(scratch), *given.folder, fetched(python, Path(scratch))]
        for name, asks in ASKS.items():
            found = [path for folder in folders for path in folder.glob(f"{name}.ipynb")]
            if not found:
                print(f"skipped: {name}, which lies in no folder that --folder names")
            elif not given.only or name in given.only:
                wrong += compared(python, found[0], asks)
    raise SystemExit(1 if wrong else 0)


def fetched(python: Path, scratch: Path) -> Path:
    """Unpack Kernel Gateway's source distribution; an empty folder without a network."""
    line = [str(python), "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--quiet"]
    if subprocess.run([*line, "-d", str(scratch), PACKAGE], check=False).returncode == 0:
        with tarfile.open(next(scratch.glob(f"{PACKAGE}-*.tar.gz"))) as archive:
            archive.extractall(scratch, filter="data")
    return next(scratch.glob(f"{PACKAGE}-*/tests/resources"), scratch)


def compared(python: Path, notebook: Path, asks: list[Ask]) -> int:
    """Ask both; give how many answers differ without a reason."""
    path, wrong = asks[0].line.partition(" ")[2], 0
    first = path if asks[0].line.startswith("GET ") else asks[-2].line.partition(" ")[2]
    with gateway(python, notebook, 1, first) as theirs, ours(notebook, 1, first) as mine:
        said: dict[int, dict[str, str]] = {theirs: {}, mine: {}}
        for ask in asks:
            there, here = (answered(port, ask, said[port]) for port in (theirs, mine))
            if there == here and not ask.differs:
                continue
            wrong += not (ask.differs and there != here)
            why = ask.differs if there != here else "does not differ"
            print(f"{notebook.stem}: {ask.line}: {why or 'DIFFERS'}\n  {there}\n  {here}")
    print(f"{notebook.stem}: {len(asks)} asked, {wrong} differ without a reason", flush=True)
    return wrong


def answered(port: int, ask: Ask, said: dict[str, str]) -> Answer:
    """Ask on a connection of its own."""
    verb, _, path = ask.line.partition(" ")
    for name, value in said.items():
        path = path.replace(f"{{{name}}}", value)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(verb, path, ask.body, ask.headers)
        response = connection.getresponse()
        body = response.read().decode()
    said |= _said(body)
    headers = {name: response.headers[name] for name in OWN_HEADERS if name in response.headers}
    if re.fullmatch(r'"[0-9a-f]{40}"', headers.get("etag", "")):
        del headers["etag"]  # tornado makes one of each body
    kind = response.headers.get_content_type() if response.headers["Content-Type"] else ""
    if kind == "application/json" and body:
        body = json.dumps(json.loads(body), sort_keys=True)
    body = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", body)
    return Answer(status=response.status, kind=kind, headers=headers, body=body)


def _said(body: str) -> dict[str, str]:
    """Give what an answer says by name that a later path may need."""
    with contextlib.suppress(ValueError):
        found = json.loads(body)
        if isinstance(found, dict):
            return {name: str(found[name]) for name in ("contact_id", "id") if name in found}
    return {}


if __name__ == "__main__":
    main()
