"""Attack a served model by bodies that are wrong in every way, and by its own OpenAPI description.

100,000 spoilt bodies must give no 5xx, no answer that is no JSON, and no growth; schemathesis,
which gets an environment of its own, must find no fault with ``/openapi.json``.

    python benchmarks/bench/fuzz.py [--count 100000] [--seed 0] [--examples 200] [--venvs FOLDER]
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzzing import Account, fuzz
from processes import leave_nothing
from recipes import BODIES, FLOWERS, OURS, read
from server import Server
from venvs import Environment, cache, made

PARTS = 10
MOST_GROWTH = 5.0  # MB, after the first tenth
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]
# Whether all that the schema allows is accepted, and nothing else: a promise of the endpoint
# itself. A schema cannot say of a tensor that its shape fits its data.
STRICT = [*CHECKS, "negative_data_rejection", "positive_data_acceptance"]


def main() -> None:
    """Attack, and say what was found; exit by 1 if anything was."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--examples", type=int, default=200, help="of each operation")
    options.add_argument("--venvs", type=Path, default=cache())
    given = options.parse_args()
    tool = made(given.venvs, "schemathesis", "schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.joblib"
        script = Path(__file__).with_name("train.py")
        subprocess.run([sys.executable, script, model], check=True)
        ours = read()[OURS]
        alone = dataclasses.replace(ours, command=f"{ours.command} --no-standby")
        server = Server(alone, Environment(python=Path(sys.executable)), 1, model)
        try:
            is_sound = attack(server, given.count, given.seed)
            is_sound &= examine(server, tool, given.examples, given.seed)
            server.verify()
        finally:
            server.end()
    sys.exit(not is_sound)


def attack(server: Server, count: int, seed: int) -> bool:
    """Send spoilt bodies in parts, and weigh the server after each."""
    example = BODIES["fields"](next(iter(FLOWERS)))
    total, weights = Account(), []
    for part in range(PARTS):
        found = fuzz(server.port, "/", example, count // PARTS, seed * PARTS + part)
        total.statuses += found.statuses
        total.faults |= found.faults
        total.closed += found.closed
        weights.append(server.family.rss())
        print(f"{sum(total.statuses.values())} answered: {total.by_status()}, ", end="")
        print(f"{weights[-1]:.1f} MB", flush=True)
    for kind in sorted({kind for kind, _ in total.statuses}):
        statuses = {s: n for (k, s), n in sorted(total.statuses.items()) if k == kind}
        print(f"  {kind:12} {statuses}")
    growth = weights[-1] - weights[0]
    print(f"growth after the first tenth: {growth:.1f} MB; closed unannounced: {total.closed}")
    for fault, words in total.faults.items():
        print(f"FAULT {fault}: {words}")
    return not total.faults and growth < MOST_GROWTH


def examine(server: Server, tool: Environment, examples: int, seed: int) -> bool:
    """Let schemathesis try what the OpenAPI description promises."""
    if tool.fault:
        print(f"schemathesis {tool.fault}")
        return False
    options = ["--max-examples", str(examples), "--seed", str(seed)]
    is_sound = _examined(
        server, tool, ["--include-path", "/", "--checks", ",".join(STRICT), *options]
    )
    others = ["--exclude-path", "/", "--checks", ",".join(CHECKS), *options]
    return _examined(server, tool, others) and is_sound


def _examined(server: Server, tool: Environment, options: list[str]) -> bool:
    program = tool.python.with_name("schemathesis")
    url = f"http://127.0.0.1:{server.port}/openapi.json"
    words = [
        str(program),
        "run",
        url,
        "--no-color",
        "--phases",
        "examples,coverage,fuzzing",
        *options,
    ]
    return subprocess.run(words, cwd=server.folder, check=False).returncode == 0


if __name__ == "__main__":
    main()
