"""What was sent has the name of the file that it came from, wherever the push is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.frame.places import source_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": ["ann", "bob"]})
OPTIONS: dict[str, Any] = {"wait": True, "progress": False}


@pytest.fixture
def service() -> Iterator[Any]:
    with apd.sandbox(rows_per_minute=float("inf"), refuse={"bob": ("e1", "plan", "no")}) as service:
        yield service


def shown(push: apd.Push) -> tuple[str, str]:
    return repr(push), push._repr_mimebundle_()["text/html"]


@pytest.mark.usefixtures("service")
def test_the_name_of_a_file_stands_before_its_rows(tmp_path: Path) -> None:
    """Also in a new process; a retry says that it is one, and a frame has no name."""
    path = tmp_path / "customers & co.parquet"
    FRAME.to_parquet(path)
    push = apd.push_users(path, **OPTIONS)
    for text, page in (shown(push), shown(apd.resume(push.id, wait=True, progress=False))):
        assert "customers & co.parquet → 2 users" in text
        assert "customers &amp; co.parquet</bdi></b> → 2 users" in page
        assert str(tmp_path) not in text + page
    again = push.retry(**OPTIONS)
    assert "Retry → 1 user" in repr(again)
    assert "→" not in repr(apd.push_users(FRAME, **OPTIONS))


@pytest.mark.usefixtures("service")
def test_files_of_records_too(tmp_path: Path) -> None:
    """A pattern stands for what it matches; a name that would steer a terminal or a page does not."""
    for name in ("a.ndjson", "b\x1b[31m<b>.ndjson"):
        (tmp_path / name).write_text('{"user_id": "' + name[:1] + '"}\n')
    assert "*.ndjson → 2 users" in repr(apd.push_files(str(tmp_path / "*.ndjson"), kind="users", **OPTIONS))
    text, page = shown(apd.push_files([tmp_path / "b\x1b[31m<b>.ndjson"], kind="users", **OPTIONS))
    assert "\x1b" not in text + page
    assert "<b>.ndjson" not in page


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("s3://bucket/year=2024/people.parquet?versionId=secret", "people.parquet"),
        ("s3://bucket/people/", "people"),
        ("people/", "people"),
        (b"people", ""),
        (["a/x.csv", "b/y.csv", "z.csv"], "x.csv and 2 more"),
        ([{"user_id": 1}], ""),
        ([], ""),
        (FRAME, ""),
    ],
    ids=repr,
)
def test_what_has_a_name(data: Any, name: str) -> None:
    """Without directories, and without what a URL asks for."""
    assert source_name(data) == name
