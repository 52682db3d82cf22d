"""Tables as Arrow streams."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa

from runner.predict.media_types import MediaType

ARROW = str(MediaType.ARROW)


def stream(table: Any) -> bytes:
    """Write a table as a stream of small batches."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)
    return sink.getvalue()
