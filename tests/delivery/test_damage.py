"""Files that were damaged: nothing but what was planned is sent, and no error stands at a wrong row."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from driving import client_of, refusing, resume, start
from hasty import HastyClock
from other_service import serving
from plans import make_plan

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "n": range(50)})


def damage(path: Path, chance: random.Random) -> str:
    """Change a file at random, and return how."""
    content = bytearray(path.read_bytes())
    how = chance.choice(["flip", "cut", "longer", "gone", "zeros", "swap"])
    place = chance.randrange(len(content))
    if how == "gone":
        path.unlink()
        return how
    if how == "flip":
        content[place] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del content[place:]
    elif how == "longer":
        content += b'{"user_id":"x"}\n'
    elif how == "zeros":
        content[place : place + 16] = bytes(len(content[place : place + 16]))
    else:  # two lines, or halves, change places
        content = content[len(content) // 2 :] + content[: len(content) // 2]
    path.write_bytes(content)
    return how


@pytest.mark.parametrize("seed", range(24))
def test_what_is_damaged_is_never_sent(tmp_path: Path, seed: int) -> None:
    """It stops the push, with the chunk, the file and a way out; the chunks before it are answered for."""
    chance = random.Random(seed)  # noqa: S311  # for tests
    index = pd.RangeIndex(12) if seed % 2 else pd.Index([f"row {n}" for n in range(12)])
    document, spool = make_plan(tmp_path, 12, 3, index=index)
    planned = {line for chunk in document.chunks for line in spool.lines(chunk.number)}
    path = chance.choice(sorted(path for path in spool.directory.iterdir() if path.name != "pushed.txt"))
    how = damage(path, chance)
    with serving(report=refusing(1, 5, 10)) as service:
        client = client_of(service, tmp_path)
        push, stopped = None, None
        try:
            # as another process finds it
            push = start(document, type(spool)(spool.directory), client, clock=HastyClock())
            push.wait()
        except apd.AnalytexError as error:
            stopped = str(error)
        assert stopped is None or (str(path) in stopped and "plan those rows again" in stopped), (
            how,
            stopped,
        )
        sent = [line for job in service.jobs for line in job.lines]
        assert set(sent) <= planned, (path, how)
        assert len(set(sent)) == len(sent)
        if push is not None:
            errors = push.errors
            assert errors["id"].tolist() == [f"u{position}" for position in errors["position"]]
            assert push.counts["acknowledged"] + push.counts["refused"] <= len(sent)


@pytest.mark.parametrize("seed", range(16))
def test_damaged_memory_is_forgotten(tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """What is not known any more counts as changed: it is sent again, with a warning, and nothing else happens."""
    chance = random.Random(seed)  # noqa: S311  # for tests
    frame = FRAME
    with pytest.MonkeyPatch.context() as patch, apd.sandbox() as sandbox:
        patch.setattr("analytex_pandas.delivery.memory.MAX_CHUNKS", 0)
        client = apd.Client(sandbox.api_key, sandbox.url, state_directory=tmp_path)
        apd.push_users(frame, client=client, progress=False, wait=True)
        assert apd.plan_users(frame, client=client, only_changed=True).counts["unchanged"] == 50
        path = chance.choice(sorted((tmp_path / "memory").glob("*/*")))
        how = damage(path, chance)
        plan = apd.plan_users(frame.assign(n=frame["n"] + 1), client=client, only_changed=True)
        assert plan.counts["to_send"] == 50, (path, how)
        assert plan.push(progress=False).status == "completed"
    warnings = [record.getMessage() for record in caplog.records]
    assert all("counts as changed" in text for text in warnings), warnings


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_journal_says_so_and_sends_nothing_wrong(tmp_path: Path, seed: int) -> None:
    """Bytes of it have changed: what is read is as it was written, or an error of ours names the file."""
    chance = random.Random(seed)  # noqa: S311  # for tests
    with serving(report=refusing(1, 5, 10)) as service:
        client = client_of(service, tmp_path)
        push = start(*make_plan(tmp_path, 12, 3), client, clock=HastyClock()).wait()
        sent = {line for job in service.jobs for line in job.lines}
        path = tmp_path / "journal.sqlite3"
        content = bytearray(path.read_bytes())
        written = [place for place, byte in enumerate(content) if byte]
        for place in chance.sample(written, 20):
            content[place] = chance.randrange(256)
        path.write_bytes(content)
        questions: list[Callable[[], object]] = [
            lambda: apd.pushes(client=client),
            lambda: push.errors,
            lambda: push.failed,
            lambda: push.retry().wait(),
            lambda: resume(push.id, client).wait(),
            lambda: apd.plan_users(FRAME, client=client, only_changed=True),
            lambda: apd.clean(push.id, client=client),
        ]
        for ask in questions:
            with contextlib.suppress(apd.AnalytexError):  # whatever else it raises fails the test
                ask()
        assert {line for job in service.jobs for line in job.lines} <= sent


@pytest.mark.parametrize("number", range(1, 8))
def test_a_disk_that_loses_what_it_took_is_said(
    state_directory: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Nothing goes out that is not surely written down: a failing sync is an error of ours, whichever it is."""
    calls = itertools.count(1)
    sync = os.fsync

    def failing(descriptor: int) -> None:
        if next(calls) == number:
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    with apd.sandbox() as sandbox:
        client = apd.Client(sandbox.api_key, sandbox.url, state_directory=state_directory)
        monkeypatch.setattr(os, "fsync", failing)
        said = ""
        try:
            apd.push_users(FRAME, client=client, progress=False, wait=True, chunk_rows=10)
        except apd.AnalytexError as error:
            said = str(error)
        assert bool(said) == (next(calls) > number)
        assert not said or ("Input/output error" in said and str(state_directory) in said)
