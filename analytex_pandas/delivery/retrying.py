"""The refused rows of a push go out again, as a push of their own."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

from analytex_pandas.delivery.ledger import Ledger
from analytex_pandas.delivery.locks import plan_lock
from analytex_pandas.delivery.opening import spool_of, start
from analytex_pandas.delivery.pacing import Clock
from analytex_pandas.errors import AnalytexError, empty_report
from analytex_pandas.frame.document import no_changes
from analytex_pandas.frame.ndjson import ChunkSize

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

    from analytex_pandas.delivery.push import Push
    from analytex_pandas.delivery.spool import Spool
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client


def retry(push: Push, fixed: pd.DataFrame | None, *, unknown: bool, client: Client | None) -> Push:
    """Start a push of the refused rows of another; see ``Push.retry``."""
    if not push.done:
        raise AnalytexError(
            f"Push {push.id!r} is still {push.status}: its refused rows are not all known. push.wait() first."
        )
    client = client or push.client
    if client is None:
        raise AnalytexError(f"Push {push.id!r} has no client to retry with: pass client=…")
    directory, push_id = push.journal.directory, new_id(Clock().now())
    spool = spool_of(push.journal, push_id)
    with plan_lock(directory, push_id) as owner:
        owner.acquire()
        try:
            document = encoded(push, fixed, spool, unknown=unknown)
            return start(
                document, spool, client, state_directory=directory, bindings=push.bindings, parent=push.id
            )
        except BaseException:
            if Ledger(push.journal, push_id).record() is None:
                spool.delete()
            raise


def encoded(push: Push, fixed: pd.DataFrame | None, spool: Spool, *, unknown: bool) -> PlanDocument:
    """Return a plan of the refused rows of a push, its records in a spool."""
    rows, lines = push.kept_rows(unknown=unknown)
    if fixed is None:
        return as_they_were(push.document, rows, lines, spool)
    if push.bindings.replan is None:
        raise AnalytexError("retry(fixed=…) needs the facade; import analytex_pandas.")
    return push.bindings.replan(fixed, push.document, rows, lines, spool)


def as_they_were(
    document: PlanDocument, rows: pa.Table, lines: Sequence[bytes], spool: Spool
) -> PlanDocument:
    """Return a plan of lines sent before, cut into chunks anew, every row with its first position."""
    options = dataclasses.replace(document.options, canary=0, only_changed=False, strict=False)
    chunks = []
    for number, (begin, end) in enumerate(cuts(lines, options.chunk_rows, options.file_bytes), start=1):
        ended = [line + b"\n" for line in lines[begin:end]]
        spool.write_chunk(number, ended, rows.slice(begin, end - begin))
        chunks.append(ChunkSize(number, end - begin, sum(map(len, ended))))
    return dataclasses.replace(
        document,
        id=spool.directory.name,
        options=options,
        counts={"input": len(lines), "invalid": 0, "duplicate": 0, "unchanged": 0, "to_send": len(lines)},
        chunks=tuple(chunks),
        invalid=empty_report(),
        blocked=False,
        changes=no_changes(),
    )


def cuts(lines: Sequence[bytes], chunk_rows: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where chunks begin and end, each of at most so many rows and bytes, line ends included."""
    begin = size = 0
    for place, line in enumerate(lines):
        if place > begin and (place - begin == chunk_rows or size + len(line) + 1 > chunk_bytes):
            yield begin, place
            begin, size = place, 0
        size += len(line) + 1
    if begin < len(lines):
        yield begin, len(lines)


def new_id(now: dt.datetime) -> str:
    """Return the id of a new push: when it was made, and chance against two in one second."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
