"""What became of each row, as a table: whatever its index, in a new kernel, after retries."""

from __future__ import annotations

import datetime as dt
import decimal
import stat
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from driving import begin, client_of, refusing

import analytex_pandas as apd
from analytex_pandas.delivery.input_file import kept_path

if TYPE_CHECKING:
    from pathlib import Path

    from other_service import OtherService

    from analytex_pandas.push import Push

COLUMNS = ["position", "index", "id", "outcome", "chunk", "job_id", "code", "message"]
ROWS = 8
MOMENTS = pd.date_range("2024-03-30 23:00", periods=ROWS, freq="h", tz="Europe/Berlin")
INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(3, 3 + 2 * ROWS, 2),
    "numbers": pd.Index([5, 3, 8, 1, 9, 2, 7, 4], dtype="int16"),
    "numbers_and_none": pd.Index([5, 3, pd.NA, 1, 9, 2, 7, 4], dtype="Int64"),
    "text": pd.Index([f"k{place}" for place in range(ROWS)]),
    "moments": MOMENTS,
    "naive": MOMENTS.tz_localize(None),
    "spans": pd.to_timedelta(np.arange(ROWS), unit="s"),
    "categories": pd.CategoricalIndex(list("abcdabce")),
    "floats": pd.Index(np.arange(ROWS) / 4),
    "truth": pd.Index([True, False] * 4),
    "dates": pd.Index([dt.date(2024, 1, day) for day in range(1, ROWS + 1)], dtype=object),
    "decimals": pd.Index([decimal.Decimal(f"1.{place}") for place in range(ROWS)], dtype=object),
    "uuids": pd.Index([uuid.UUID(int=place) for place in range(ROWS)], dtype=object),
    "mixed": pd.Index([1, "a", None, 2.5, (1, 2), pd.Timestamp("2024"), True, b"x"], dtype=object),
    "tuples": pd.MultiIndex.from_product([["x", "y"], [1, 2, 3, 4]]),
    "periods": pd.period_range("2024-01", periods=ROWS, freq="M"),
}


def adds_up(push: Push) -> pd.DataFrame:
    table = push.outcomes
    assert table.columns.tolist() == COLUMNS
    counts = table["outcome"].value_counts()
    assert {name: counts[name] for name in counts.index} == push.counts.drop("input").to_dict()
    assert len(table) == push.counts["input"]
    return table


def frame(index: Any = None) -> pd.DataFrame:
    """Two rows that cannot be sent, two of one profile, one that is refused."""
    ids = ["u0", None, "u2", "u3", "u3", "u5", " ", "u7"]
    return pd.DataFrame({"user_id": ids, "n": [0, 1, 2, 3, 3, 5, 6, 7]}, index=index)


@pytest.mark.parametrize("name", INDEXES)
def test_labels_are_those_of_the_frame(service: OtherService, tmp_path: Path, name: str) -> None:
    """Each row has its own label whatever the index is, and joins with the frame it came from."""
    service.report = refusing(5)
    df = frame(INDEXES[name])
    options: dict[str, Any] = {"invalid": "skip", "chunk_rows": 2, "progress": False, "wait": True}
    push = apd.push_users(df, client=client_of(service, tmp_path), **options)
    table = adds_up(push)
    assert table["position"].tolist() == list(range(ROWS))
    missing = df.index.isna() if name == "numbers_and_none" else np.zeros(ROWS, bool)
    assert table["index"][~missing].tolist() == df.index[~missing].tolist()
    assert table["index"].isna()[missing].all()
    assert table["outcome"].tolist() == [
        "acknowledged", "invalid", "acknowledged", "acknowledged", "duplicate", "refused", "invalid", "acknowledged",
    ]  # fmt: skip
    assert table["code"].dropna().tolist() == ["missing_id", "e7", "blank_id"]
    assert table["chunk"].dropna().tolist() == [1, 1, 2, 2, 3]
    jobs = push.jobs.set_index("chunk")["job_id"]
    assert table["job_id"].dropna().tolist() == jobs[table["chunk"].dropna()].tolist()
    if df.index.is_unique and name not in ("tuples", "mixed"):
        joined = df.join(table.set_index("index")[["outcome"]])
        assert joined["outcome"].tolist() == table["outcome"].tolist()
    assert df.assign(outcome=table["outcome"].array)["outcome"].tolist() == table["outcome"].tolist()


def test_a_new_kernel_knows_it(service: OtherService, tmp_path: Path) -> None:
    """The table of a push that ended is the same from its journal; the file is private, and goes with the history."""
    service.report = refusing(5)
    client = client_of(service, tmp_path)
    push = apd.push_users(frame(), client=client, invalid="skip", progress=False, wait=True)
    again = apd.resume(push.id, client=client)
    assert again is not push
    pd.testing.assert_frame_equal(push.outcomes, again.outcomes)
    path = kept_path(tmp_path, push.id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert apd.clean(client=client) == [push.id]
    assert not path.exists()


def test_a_retry_takes_the_place_of_a_refusal(service: OtherService, tmp_path: Path) -> None:
    """Of each row the last word counts, with the push that brought it; and a row that was taken stays so."""
    client = client_of(service, tmp_path)
    given: dict[str, Any] = {"client": client, "progress": False, "wait": True}
    df = pd.DataFrame({"user_id": [f"u{n}" for n in range(ROWS)], "n": range(ROWS)}, index=INDEXES["text"])
    service.report = refusing(1, 2, 5)
    first = apd.push_users(df, chunk_rows=4, **given)
    assert adds_up(first).query("outcome == 'refused'")["position"].tolist() == [1, 2, 5]
    service.report = refusing(2)
    second = first.retry(first.failed.iloc[::-1], wait=True, progress=False)
    assert adds_up(second)["position"].tolist() == [5, 2, 1]
    assert second.outcomes["index"].tolist() == ["k5", "k2", "k1"]
    table = adds_up(first)
    assert table.query("outcome == 'refused'")["position"].tolist() == [2]
    assert table["message"].fillna("").str.contains(second.id).tolist() == [
        n in (1, 2, 5) for n in range(ROWS)
    ]
    assert table["job_id"][[1, 2, 5]].unique().tolist() == second.jobs["job_id"].tolist()
    assert first.counts["refused"] == apd.pushes(client=client).set_index("id")["refused"][first.id] == 1
    service.report = refusing()
    third = second.retry(wait=True, progress=False)
    for push in (first, second, third):
        assert set(adds_up(push)["outcome"]) == {"acknowledged"}
    assert third.id in first.outcomes["message"][2]
    first.raise_for_errors()
    assert len(first.errors) == 3, "what was said is history, and stays"


def test_rows_of_which_nobody_knows(service: OtherService, tmp_path: Path) -> None:
    """As many rows are unknown as have no answer, the message of all that may be meant says so, and a retry tells."""
    service.report = lambda _: ([], 1)
    push = begin(tmp_path, service, rows=4, chunk_rows=4).wait()
    table = adds_up(push)
    assert table["outcome"].tolist() == ["acknowledged"] * 3 + ["unknown"]
    assert table["message"].str.contains("4 rows").all()
    service.report = refusing(0)
    push.retry(unknown=True, wait=True, progress=False)
    assert adds_up(push)["outcome"].tolist() == ["refused", *["acknowledged"] * 3]


def test_nothing_to_tell_of(service: OtherService, tmp_path: Path) -> None:
    """An empty frame gives the columns, with the dtypes of any other table but that of the labels."""
    given: dict[str, Any] = {"client": client_of(service, tmp_path), "progress": False, "wait": True}
    empty = adds_up(apd.push_users(frame().iloc[:0], **given))
    full = adds_up(apd.push_users(frame(), invalid="skip", **given))
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_a_file_that_is_gone_or_damaged_is_said(service: OtherService, tmp_path: Path) -> None:
    """What cannot be known is said, and nothing else of the push suffers."""
    push = begin(tmp_path, service).wait()
    path = kept_path(tmp_path, push.id)
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    with pytest.raises(apd.AnalytexError, match="not as it was written"):
        _ = push.outcomes
    path.unlink()
    with pytest.raises(apd.AnalytexError, match="is gone"):
        _ = push.outcomes
    assert push.counts["acknowledged"] == 6


def test_frames_of_several_kinds_of_label(service: OtherService, tmp_path: Path) -> None:
    """An iterable whose frames have other indexes still has a label for each row."""
    parts = [frame().iloc[:3], frame(INDEXES["text"]).iloc[3:6], frame(INDEXES["moments"]).iloc[6:]]
    options: dict[str, Any] = {"invalid": "skip", "progress": False, "wait": True}
    push = apd.push_users(iter(parts), client=client_of(service, tmp_path), **options)
    assert adds_up(push)["index"].tolist() == [label for part in parts for label in part.index]
