"""What a push would do, before it does it."""

from __future__ import annotations

import copy
import functools
import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from analytex_pandas import connection, settings
from analytex_pandas.connection import checked_client, connected, default_client, state_directory
from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.files import folder, new_id, private, usable
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import acquired, drop, plan_lock
from analytex_pandas.delivery.memory import compared_lines, recall
from analytex_pandas.delivery.opening import begin, pushed_already, sweep
from analytex_pandas.delivery.same_records import given_back, under_way
from analytex_pandas.delivery.spool import Spool, spool_of
from analytex_pandas.errors import AnalytexError, ValidationError, code, harmless, translated
from analytex_pandas.frame.document import PlanDocument, changes_table
from analytex_pandas.frame.layout import said
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import lines_of, records
from analytex_pandas.frame.options import Options, checked, checked_options
from analytex_pandas.frame.places import place_of
from analytex_pandas.planning import planned
from analytex_pandas.push import PUSHES, Push, presented, tell_the_way_back
from analytex_pandas.service.client import Client
from analytex_pandas.settings import Kind
from analytex_pandas.show import display
from analytex_pandas.show.plan_page import plan_html, plan_text


class Plan:
    """What a push of this data would do. Nothing has been sent.

    Made by :func:`plan_users` and :func:`plan_companies`. The records are encoded already and wait on this machine, in
    private files that go when the plan is pushed or dropped; changing the data later changes nothing.

    Examples
    --------
    >>> import pandas as pd, analytex_pandas as apd
    >>> df = pd.DataFrame({"user_id": ["ann", "bob", None], "seats": [3.0, None, 1.0]})
    >>> plan = df.analytex.plan_users()
    >>> plan.rows, plan.invalid["code"].tolist()
    (2, ['missing_id'])
    >>> plan.records(2)
    [{'user_id': 'ann', 'metadata': {'seats': 3}}, {'user_id': 'bob'}]
    """

    def __init__(
        self,
        document: PlanDocument,
        spool: Spool,
        client: Client | None = None,
        *,
        memory: Memory | None = None,
        parent: str | None = None,
    ) -> None:
        self.document = document
        self.spool = spool
        self._client = client
        self._memory = memory
        self._parent = parent
        self.let_go: Callable[[], object] | None = None
        self.taken: list[str] = []  # the push that took the records over; shared with who deletes them
        self._first: list[dict[str, Any]] = []  # records, as they went

    @property
    def id(self) -> str:
        """The plan's id; its push has the same."""
        return self.document.id

    @property
    def kind(self) -> Kind:
        """What a record is: ``"users"`` or ``"companies"``."""
        return self.document.kind

    @property
    def options(self) -> Options:
        """What was asked for."""
        return self.document.options

    @property
    def rows(self) -> int:
        """Rows that a push would send."""
        return self.document.counts["to_send"]

    @property
    def bytes(self) -> int:
        """Bytes of NDJSON that a push would send."""
        return sum(size.bytes for size in self.document.chunks)

    @property
    def duration(self) -> pd.Timedelta:
        """How long the service takes, at the pace of jobs that the client has seen, else of 1,200 rows a minute."""
        return pd.Timedelta(seconds=round(self.rows / connection.rows_per_minute(self._client) * 60))

    @property
    def columns(self) -> pd.DataFrame:
        """What becomes of each column: column, property, dtype, json_type, nulls (rows), example, note."""
        return self.document.columns.copy()

    @property
    def counts(self) -> pd.Series[int]:
        """Rows: input, invalid, duplicate, unchanged, to_send; the first is the sum of the others."""
        return pd.Series(dict(self.document.counts), dtype="int64", name="rows")

    @property
    def invalid(self) -> pd.DataFrame:
        """Rows that cannot be sent and why: position, index, id, property, code, message; one row a problem."""
        return self.document.invalid.copy()

    @property
    def changes(self) -> pd.DataFrame:
        """What differs from what the account last acknowledged from this machine.

        property, new_profiles (values of profiles that are not known yet), changed_values, unchanged_values. Values
        of invalid and duplicate rows are not counted; ``company_id`` is the company that a user belongs to. A plan
        made with ``only_changed=True`` has it from the start; any other compares its records when it is asked, with
        the account of its `client` or of the connected one, as long as it is not pushed; else it is empty.
        """
        client = None if self.options.only_changed or self.taken else self._client or connected()
        if client is None:
            return self.document.changes.copy()
        journal = Journal(client.state_directory)
        known = recall(journal, client.account_digest(journal.salt()), self.kind)
        chunks = (self.spool.read_chunk(size.number) for size in self.document.chunks)
        return changes_table(compared_lines(chunks, known, self.kind), self.document.columns["property"])

    @property
    def chunks(self) -> pd.DataFrame:
        """The requests it takes: chunk, rows, bytes."""
        return pd.DataFrame(self.document.chunks, columns=["chunk", "rows", "bytes"], dtype="int64")

    def records(self, n: int = 5) -> list[dict[str, Any]]:
        """Return the first `n` records as they would be sent.

        Once they are pushed, the first 5 as they went; the others are deleted as the service answers for them.
        """
        if self.taken:
            if len(self._first) < min(n, self.rows):
                what = f"only the first {len(self._first):,}" if self._first else "none"
                raise AnalytexError(
                    f"Push {self.id!r} has taken this plan's records over, and deletes them as the service answers for "
                    f"them; {what} of the {self.rows:,} can be shown. Plan again to see all."
                )
            return copy.deepcopy(self._first[:n])
        found: list[dict[str, Any]] = []
        for size in self.document.chunks:
            if len(found) >= n:
                break
            lines = lines_of(self.spool.read_chunk(size.number))
            found += records(lines.slice(0, n - len(found)))
        return found

    def to_ndjson(self, directory: str | Path) -> list[Path | Any]:
        """Write the chunks as NDJSON files, one record a line, and return their paths; below a URL their URLs, as text.

        Each file is one request's worth: ``apd.Client.submit_file`` takes it as it is.

        Parameters
        ----------
        directory : str or pathlib.Path
            Where to, a path or a URL (``s3://bucket/x``, by fsspec); made if it does not exist. A file that is there
            already is not overwritten.

        Raises
        ------
        ValidationError
            If rows are invalid and ``invalid="skip"`` was not asked for.
        """
        self.check()
        self.check_spooled()
        paths = free_paths(self, directory)
        for path, size in zip(paths, self.document.chunks, strict=True):
            content = self.spool.read_chunk(size.number)
            if isinstance(path, str):
                place_of(path).write(content)
                continue
            with (
                translated(f"{code(str(path))} cannot be written"),
                open(path, "xb", opener=private) as file,  # needs an opener
            ):
                file.write(content)
        return paths

    def push(self, wait: bool | None = None, progress: bool | None = None) -> Push:
        """Send it.

        Parameters
        ----------
        wait : bool, optional
            Whether to return only when the push has ended. By default not in a notebook, and elsewhere yes.
        progress : bool, optional
            Whether to show progress. By default a panel in a notebook, and a bar on stderr where that is a terminal.

        Returns
        -------
        Push
            The push, under way or ended. Where the same records are under way to the same account already, or were so
            when their process ended, that push, with a warning: a cell that is run twice sends nothing twice.

        Raises
        ------
        ValidationError
            If rows are invalid and ``invalid="skip"`` was not asked for, or more than `max_errors` allows. Nothing is
            sent then.
        AnalytexError
            If this plan was pushed already, or another process is sending the same records; the message names the push.
        """
        self.check()
        wait, progress = checked("wait", wait), checked("progress", progress)
        client = None if self.taken else self._client or default_client()
        if (live := under_way(self.document, client)) is not None:
            return presented(held(given_back(live)), wait, progress)
        if client is None:
            raise AnalytexError(pushed_already(self.id))
        if self._memory is not None and self.options.only_changed:
            journal, account = Journal(client.state_directory), self._memory.account
            now = recall(journal, account, self.kind, types_only=True).revision
            if now != self._memory.revision:
                raise AnalytexError(
                    f"Other {self.kind} were sent to the account since this plan was compared with it, so what the "
                    "plan leaves out as unchanged may be so no more. Plan again; nothing was sent."
                )
        self._first = self.records()
        try:
            return presented(self._begun(client), wait, progress)
        except KeyboardInterrupt as interrupt:
            if (live := under_way(self.document, client)) is not None:
                tell_the_way_back(interrupt, live)
            raise

    def _begun(self, client: Client) -> Push:
        """Return the push, begun; or the one that sends the same records already."""
        # Taken first: else an interrupt in between would have the push's files deleted along with the plan.
        self.taken.append(self.id)
        try:
            drive = begin(self.document, self.spool, client, parent=self._parent)
        except BaseException:
            if not Journal(client.state_directory).has(self.id):
                self.taken.clear()
            raise
        if drive.id != self.id:
            self.taken.clear()
            return held(drive)
        if self.let_go is not None:
            self.let_go()  # the journal has the push now
        return Push(drive, self)

    def successor(self, write: Callable[[Spool], PlanDocument], client: Client, parent: str) -> Plan:
        """Return a plan of rows of this one that were pushed, made by `write`; what ``Push.retry`` pushes."""
        return spooled(write, client, parent=parent)

    def check(self) -> None:
        """Raise ValidationError where rows stand in the way of a push."""
        document, in_the_way = self.document, self.document.in_the_way
        if not len(in_the_way):
            return
        rows = in_the_way["position"].nunique()
        lines = [f"- {said(row)}" for row in in_the_way.head(5).to_dict("records")]
        more = len(in_the_way) - len(lines)
        if more > 0:
            lines.append(f"- and {more:,} more, all in plan.invalid and in this error's .report")
        ways, bound = [], ""
        if document.options.invalid == "skip" and document.leaves_too_many:
            bound = f", which is more than max_errors={document.options.max_errors!r} lets be left out"
            ways.append("mend them, or allow more with max_errors")
        elif (in_the_way["code"] != "duplicate").any():
            ways.append('invalid="skip" sends the other rows and reports these')
        if document.blocked:
            ways.append('duplicates="first" or "last" chooses among rows of one id')
        raise ValidationError(
            f"{rows:,} of {document.counts['input']:,} rows cannot be sent{bound}, so nothing was:\n"
            + "\n".join(lines)
            + f"\n{'; '.join(ways)}.",
            in_the_way.reset_index(drop=True),
        )

    def check_spooled(self) -> None:
        """Raise AnalytexError where the plan's records have been taken over by its push."""
        if self.taken:
            raise AnalytexError(pushed_already(self.id))

    def __repr__(self) -> str:
        pace = connection.rows_per_minute(self._client)
        return harmless(plan_text(self.document, pace, pushed=bool(self.taken)))

    def _repr_html_(self) -> str:
        return plan_html(self.document, connection.rows_per_minute(self._client), pushed=bool(self.taken))


def make_plan(
    data: Any, kind: Kind, given: Mapping[str, Any], *, progress: bool | None = None, of_files: bool = False
) -> Plan:
    """Return the plan of a push; see :func:`analytex_pandas.plan_users`."""
    client, memory, write = prepared(data, kind, given, progress, of_files=of_files)
    return spooled(write, client, memory=memory)


def push_at_once(data: Any, kind: Kind, given: Mapping[str, Any], *, of_files: bool = False) -> Push:
    """Plan and push, data or files of records; see :func:`analytex_pandas.push_users` and ``push_files``."""
    options = dict(given)
    wait, progress = (checked(name, options.pop(name, None)) for name in ("wait", "progress"))
    if options.get("client") is None:
        options["client"] = default_client()  # a missing key is said before a long plan, not after
    made = make_plan(data, kind, options, progress=progress, of_files=of_files)
    return made.push(wait=wait, progress=progress)


def to_ndjson(data: Any, directory: str | Path, kind: Kind, given: Mapping[str, Any]) -> list[Path | Any]:
    """Write records as NDJSON files; spooled beside where they go and moved, so that each byte is written once."""
    kind, target = checked("kind", kind), checked("directory", directory)
    if isinstance(target, str):
        place_of(target)  # what cannot be written to is said before a long plan, not after
        return make_plan(data, kind, given).to_ndjson(target)
    *_, write = prepared(data, kind, given)
    spool = Spool(target / f".{new_id()}")
    try:
        found = Plan(write(spool), spool)
        found.check()
        paths = free_paths(found, target)
        for path, size in zip(paths, found.document.chunks, strict=True):
            spool.chunk_path(size.number).rename(path)
    finally:
        spool.delete()
    return paths


def held(drive: Drive) -> Push:
    """Return the push that a user holds, or may hold, of what is driven."""
    if (push := PUSHES.get(drive)) is not None:
        return push
    plan = Plan(drive.document, drive.spool, drive.client)
    plan.taken.append(drive.id)
    return Push(drive, plan)


def prepared(
    data: Any, kind: Kind, given: Mapping[str, Any], progress: bool | None = None, *, of_files: bool = False
) -> tuple[Client | None, Memory | None, Callable[[Spool], PlanDocument]]:
    """Return the client of a plan, what its account has acknowledged, and what writes the plan into a spool.

    The account has to be known where only what changed is sent, and for ``strict``; else what is remembered of the
    connected one makes notes.
    """
    client = checked_client(given.get("client"))
    asked = {name: value for name, value in given.items() if name != "client"}
    options = checked_options(kind, asked, of_files=of_files)
    if options.only_changed or options.strict:
        client = client or default_client()
    memory = watched = None
    if (whose := client or connected()) is not None:
        journal = Journal(whose.state_directory)
        if client or journal.exists():
            account = whose.account_digest(journal.salt())
            memory = recall(journal, account, kind, types_only=not options.only_changed)
    if progress or (progress is None and not settings.is_silent()):
        watched = display.watched
    write = functools.partial(planned, memory=memory, watched=watched, of_files=of_files)
    return client, memory, functools.partial(write, data, kind, options)


def spooled(
    write: Callable[[Spool], PlanDocument],
    client: Client | None,
    *,
    memory: Memory | None = None,
    parent: str | None = None,
) -> Plan:
    """Return a plan whose records `write` puts into a spool, in the client's state directory until it is dropped."""
    state = state_directory(client)
    folder(state, "spool")
    with usable():
        sweep(state)
    plan_id = new_id()
    spool, owner = spool_of(state, plan_id), plan_lock(state, plan_id)
    acquired(owner)
    try:
        made = Plan(write(spool), spool, client, memory=memory, parent=parent)
    except BaseException:
        spool.delete()
        drop(owner)
        raise
    made.let_go = weakref.finalize(made, drop_unpushed, spool, owner, made.taken, os.getpid())
    return made


def drop_unpushed(spool: Spool, owner: FileLock, taken: list[str], maker: int) -> None:
    """Delete what a plan that nobody pushed has left on disk."""
    if os.getpid() != maker:
        return  # a forked child ends; the plan is its parent's
    if not taken:
        spool.delete()
    drop(owner)


def free_paths(found: Plan, directory: str | Path) -> list[Path | Any]:
    """Return where the chunks of a plan go, if nothing stands there yet."""
    target = place_of(checked("directory", directory))
    places = [target / f"{found.kind}-{size.number:05d}.ndjson" for size in found.document.chunks]
    there = [place.shown for place in places if place.exists()]
    if there:
        raise AnalytexError(f"{there[0]!r} exists already; name an empty directory, or delete what is there.")
    return [place.path if target.is_local else place.shown for place in places]
