"""What stands in the notebook that repeats a request, and what never does."""

from __future__ import annotations

import ast
import json
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.debugged import RUN, leave_service

from runner.errors import ConfigurationError
from runner.record.debug_notebook import write_debug_notebook
from runner.record.repeated_request import find

JSON = {"headers": {"content-type": "application/json"}}
HOSTILE = "x\n!touch hit\n\u2028%run hit\r\x0c'''\"\"\"`</script>{}"


def cells_of(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_bytes())["cells"])


def code_of(path: Path) -> list[str]:
    return [cell["source"] for cell in cells_of(path) if cell["cell_type"] == "code"]


def test_it_has_the_cells_up_to_the_server_the_request_and_the_call(tmp_path: Path) -> None:
    """What stood behind the server never ran."""
    service = leave_service(tmp_path, "a = 1", "serve(a)", "b = 2", served=1, body="[1]", **JSON)
    begin, first, server, request, call = code_of(write_debug_notebook(service, "5e1f"))
    assert repr(str(tmp_path)) in begin
    assert (first, server) == ("a = 1", "serve(a)")
    assert "body='[1]'" in request
    assert call.endswith("await debugging.ask(recorded_request, globals())")


def test_it_is_for_its_owner_and_named_by_the_request(tmp_path: Path) -> None:
    """Like all that is left of a service."""
    service = leave_service(tmp_path, "serve(a)", served=0)
    path = write_debug_notebook(service, "5e1f")
    assert path == service / "debug-5e1f.ipynb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_somebody_has_changed_stays(tmp_path: Path) -> None:
    """But what has only been run is written anew."""
    service = leave_service(tmp_path, "serve(a)", served=0)
    path = write_debug_notebook(service, "5e1f")
    whole = path.read_bytes()
    written = json.loads(whole)
    written["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    path.write_text(json.dumps(written))
    write_debug_notebook(service, "5e1f")
    assert path.read_bytes() == whole
    written["cells"][1]["source"] += "\nmine = 1"
    path.write_text(json.dumps(written))
    write_debug_notebook(service, "5e1f")
    assert "mine = 1" in path.read_text()
    path.write_text("what I have written")
    write_debug_notebook(service, "5e1f")
    assert path.read_text() == "what I have written"


def test_a_request_is_found_by_its_trace_and_by_what_its_answer_named(tmp_path: Path) -> None:
    """Of several of one trace the one that failed."""
    trace, number = "ab" * 16, "0123456789ab"
    answer = json.dumps({"detail": f"failure {number}"})
    service = leave_service(tmp_path, "serve(a)", served=0, trace_id=trace, answer=answer)
    assert [find(service, name).id for name in (trace, number, "5e1f")] == ["5e1f"] * 3
    with pytest.raises(ConfigurationError, match="no request 'other' is recorded"):
        find(service, "other")


@pytest.mark.parametrize("path", ["/a", "/\n\u2028x"])
def test_what_a_request_says_becomes_no_code(tmp_path: Path, path: str) -> None:
    """It stands in literals; and no line of it begins a line of the notebook."""
    fields = {"path": path, "query": HOSTILE, "body": HOSTILE, "answer": HOSTILE}
    headers = {"content-type": "a\u00e9".encode("ascii", "ignore").decode()}
    service = leave_service(tmp_path, "serve(a)", served=0, headers=headers, **fields)
    written = write_debug_notebook(service, "5e1f")
    request = code_of(written)[-2]
    (assigned,) = ast.parse(request).body
    assert isinstance(assigned, ast.Assign)
    call = assigned.value
    assert isinstance(call, ast.Call)
    given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert (given["query"], given["body"]) == (HOSTILE, HOSTILE)
    starts = tuple(line.strip()[:1] for line in request.splitlines())
    assert not {"!", "%", "x"} & set(starts)
    text = cells_of(written)[0]["source"]
    assert "hit" in text
    assert not [line for line in text.splitlines() if "hit" in line and line[:4] != "    "]


def test_it_is_said_what_is_masked_or_missing(tmp_path: Path) -> None:
    """By the names of the fields; of parameters the notebook's defaults stand."""
    body = json.dumps({"user": {"password": "***"}, "n": 1, "evil\nname": "***"})
    service = leave_service(
        tmp_path, "serve(a)", served=0, given="token = '***'\nlevel = 2", body=body, is_masked=True
    )
    _, _, given, _, request, _ = code_of(write_debug_notebook(service, "5e1f"))
    assert given == "# masked in the record: token = '***'\nlevel = 2"
    said = r"# Masked, so not what was sent: 'password', 'evil\nname'."
    assert said in request.splitlines()


def test_a_body_that_is_not_recorded_is_said_to_be_missing(tmp_path: Path) -> None:
    """In the text above all; a cell asks for it, for without it nothing fails as it did."""
    service = leave_service(tmp_path, "serve(a)", served=0, body=None, is_cut=True)
    path = write_debug_notebook(service, "5e1f")
    assert "- Its body is not recorded: it has more than 64 KiB" in cells_of(path)[0]["source"]
    *_, asked_for, request, _ = code_of(path)
    assert asked_for.startswith("recorded_body = None")
    assert "body=recorded_body," in request


@pytest.mark.parametrize("answer", [None, "the beginning of a stream"])
def test_of_a_long_answer_no_body_is_missing(tmp_path: Path, answer: str | None) -> None:
    """What was sent is all there: an error page of a framework is long, and a GET has no body."""
    service = leave_service(tmp_path, "serve(a)", served=0, body="", answer=answer, is_cut=True)
    path = write_debug_notebook(service, "5e1f")
    assert "body" not in cells_of(path)[0]["source"].replace("the body's type", "")
    assert "body=''," in code_of(path)[-2]


def test_a_version_that_is_gone_is_taken_from_its_record(tmp_path: Path) -> None:
    """Without what papermill and we have put in; without either there is nothing to write."""
    service = leave_service(tmp_path, "a = 1", "serve(a)", served=1, given="level = 2")
    (service / f"sources/{RUN}.ipynb").unlink()
    path = write_debug_notebook(service, "5e1f")
    assert code_of(path)[1:5] == ["level = 1", "level = 2", "a = 1", "serve(a)"]
    assert "not kept any more" in cells_of(path)[0]["source"]
    (service / f"{RUN}.ipynb").unlink()
    path.unlink()
    with pytest.raises(ConfigurationError, match="is not kept any more"):
        write_debug_notebook(service, "5e1f")


@pytest.mark.parametrize("name", ["../../hit", "a" * 200, "é/"])
def test_an_id_is_no_path(tmp_path: Path, name: str) -> None:
    """Whatever a client calls its request."""
    service = leave_service(tmp_path, "serve(a)", served=0, id=name)
    assert write_debug_notebook(service, name).parent == service


def test_other_kernels_cannot_be_called_so(tmp_path: Path) -> None:
    """A sentence instead of a notebook that cannot run."""
    service = leave_service(tmp_path, "serve(a)", served=0)
    kept = service / f"sources/{RUN}.ipynb"
    document = json.loads(kept.read_bytes())
    document["metadata"]["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    kept.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="its cells are R"):
        write_debug_notebook(service, "5e1f")


def test_a_websocket_is_refused(tmp_path: Path) -> None:
    """What it was told is not recorded."""
    service = leave_service(tmp_path, "serve(a)", served=0, status=101)
    with pytest.raises(ConfigurationError, match="WebSocket"):
        write_debug_notebook(service, "5e1f")


def test_the_version_of_a_run_that_was_started_again_is_found_by_its_hash(tmp_path: Path) -> None:
    """What restarts execute is kept under the name of the run that served it first."""
    service = leave_service(tmp_path, "serve(a)", "never = 1", served=0)
    kept, record = service / f"sources/{RUN}.ipynb", service / f"{RUN}.ipynb"
    executed = json.loads(record.read_bytes())
    executed["metadata"]["runner"]["notebook_sha256"] = sha256(kept.read_bytes()).hexdigest()
    record.write_text(json.dumps(executed))
    kept.rename(service / "sources/20261130T000000-host-0001.ipynb")
    (service / "sources/20261130T020000-host-0002.ipynb").write_text("{}")
    path = write_debug_notebook(service, "5e1f")
    assert "serve(a)" in code_of(path)
    assert "not kept any more" not in cells_of(path)[0]["source"]
