"""URLs: Parquet in and NDJSON out by fsspec; whatever has ``://`` is never a local path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from plans_read import lines_of, plan_of

import analytex_pandas as apd
from analytex_pandas.frame.record_files import record_files

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME = pd.DataFrame({"user_id": ["a", "b", "c"], "x": [1.5, None, 3.0], "country": ["de", "fr", "de"]})


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run each test in a directory of its own, in which no URL leaves anything behind."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    fsspec.filesystem("memory").store.clear()
    assert [path for path in tmp_path.iterdir() if ":" in path.name] == []


@pytest.mark.parametrize("url", ["memory://bucket/data", "file://{tmp}/data"])
def test_parquet_is_read_from_a_url(url: str, tmp_path: Path) -> None:
    """A file, a pattern, a directory and one whose parts are columns: as from a path."""
    url = url.format(tmp=tmp_path)
    fsspec.core.url_to_fs(url)[0].makedirs(f"{url}/parts")
    FRAME.iloc[:2].to_parquet(f"{url}/parts/1.parquet")
    FRAME.iloc[2:].to_parquet(f"{url}/parts/2.parquet")
    FRAME.to_parquet(f"{url}/by", partition_cols=["country"])
    wanted = lines_of(plan_of(FRAME))
    assert lines_of(plan_of(f"{url}/parts")) == wanted
    assert lines_of(plan_of(f"{url}/parts/*.parquet")) == wanted
    assert lines_of(plan_of(f"{url}/parts/2.parquet")) == wanted[2:]
    assert sorted(lines_of(plan_of(f"{url}/by"))) == wanted


def test_urls_can_be_chained() -> None:
    """What fsspec puts before a scheme, such as a cache, goes on working."""
    FRAME.to_parquet("memory://bucket/data.parquet")
    assert lines_of(plan_of("simplecache::memory://bucket/data.parquet")) == lines_of(plan_of(FRAME))


def test_what_others_wrote_meanwhile_is_seen() -> None:
    """A listing that was read before is not believed."""
    FRAME.iloc[:1].to_parquet("memory://bucket/new/1.parquet")
    assert plan_of("memory://bucket/new").rows == 1
    FRAME.iloc[1:].to_parquet("memory://bucket/new/2.parquet")
    assert plan_of("memory://bucket/new").rows == 3


@pytest.mark.parametrize("by_plan", [False, True], ids=["function", "plan"])
def test_records_are_written_to_a_url(by_plan: bool, tmp_path: Path) -> None:
    """The same files as in a directory, and their URLs; none is written over."""
    url = "memory://bucket/out"

    def write(where: Path | str) -> list[str]:
        if by_plan:
            return [*map(str, plan_of(FRAME, chunk_rows=2).to_ndjson(where))]
        return [*map(str, apd.to_ndjson(FRAME, where, chunk_rows=2))]

    there, here = write(url), write(tmp_path / "out")
    assert there == [f"{url}/users-00001.ndjson", f"{url}/users-00002.ndjson"]
    with fsspec.open_files(there) as files:
        assert [file.read() for file in files] == [Path(path).read_bytes() for path in here]
    with pytest.raises(apd.AnalytexError, match="exists already"):
        write(url)


@pytest.mark.parametrize(
    ("scheme", "package"),
    [
        ("s3", "s3fs"),
        ("gs", "gcsfs"),
        ("abfs", "adlfs"),
        ("gcs", "gcsfs"),
        ("oss", "ossfs"),
        ("hf", "huggingface"),
    ],
)
def test_a_driver_that_is_not_installed_is_named(scheme: str, package: str) -> None:
    """In and out, before anything is planned; no folder of that name is made."""
    for call in (plan_of, lambda url: apd.to_ndjson(FRAME, url), lambda url: plan_of(FRAME).to_ndjson(url)):
        with pytest.raises(apd.ValidationError, match=rf"{scheme}://.*install.*{package}"):
            call(f"{scheme}://bucket/x")


@pytest.mark.parametrize("url", ["memry://bucket/x", "nothing://x", "://x", "C://x"])
def test_a_scheme_that_nobody_knows_is_said(url: str) -> None:
    """With what may have been meant."""
    with pytest.raises(apd.ValidationError, match="Nothing here knows URLs of") as caught:
        plan_of(url)
    assert ("Did you mean 'memory'" in str(caught.value)) == url.startswith("memry")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Such as where a link leads nowhere, or the disk is full."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "users-00001.ndjson").symlink_to("nowhere")
    with pytest.raises(apd.AnalytexError, match=r"users-00001\.ndjson.*cannot be written"):
        plan_of(FRAME).to_ndjson(tmp_path / "out")


class Locked(MemoryFileSystem):  # type: ignore[misc]
    """A store that wants credentials, of a scheme that a user has told fsspec of."""

    protocol = "locked"

    def info(self, path: str, **_: object) -> object:
        raise RuntimeError(f"no credentials for {path}")


def test_a_store_that_cannot_be_looked_at_is_said() -> None:
    """In and out, with its own words in ours."""
    fsspec.register_implementation("locked", Locked, clobber=True)
    for call in (
        plan_of,
        record_files,
        lambda url: apd.to_ndjson(FRAME, url),
        lambda url: plan_of(FRAME).to_ndjson(url),
    ):
        with pytest.raises(apd.AnalytexError, match=r"locked://bucket/x.*no credentials"):
            call("locked://bucket/x")


def test_a_url_that_went_through_pathlib_is_said() -> None:
    """It has lost a slash, and would be a folder."""
    for call in (plan_of, lambda url: apd.to_ndjson(FRAME, url)):
        with pytest.raises(apd.ValidationError, match="pathlib"):
            call(Path("s3://bucket/x"))


def test_what_is_not_there_or_no_parquet_is_said() -> None:
    """As of a path; a CSV by the line that reads it."""
    with pytest.raises(apd.ValidationError, match="There is no Parquet file at 'memory://nothing'"):
        plan_of("memory://nothing")
    fsspec.filesystem("memory").pipe("/bucket/x.csv", b"user_id\na\n")
    with pytest.raises(apd.ValidationError, match=r"pd\.read_csv\('memory://bucket/x.csv', dtype=str\)"):
        plan_of("memory://bucket/x.csv")


def test_a_state_directory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals are files that are locked; a folder of the URL's name would be made silently."""
    with pytest.raises(apd.ValidationError, match="state_directory"):
        apd.Client("key", state_directory="s3://bucket/state")
    monkeypatch.setenv("ANALYTEX_STATE_DIR", "s3://bucket/state")
    with pytest.raises(apd.AnalytexError, match="ANALYTEX_STATE_DIR is a URL"):
        plan_of(FRAME)


def test_fsspec_is_loaded_only_for_a_url() -> None:
    """And where it is not installed, a URL says how it gets there."""
    code = (
        "import sys, pandas as pd, analytex_pandas as apd\n"
        "df = pd.DataFrame({'user_id': ['a']}); df.to_parquet('x.parquet', engine='pyarrow', filesystem=None)\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'fsspec']: del sys.modules[name]\n"
        "assert apd.plan_users('x.parquet').rows == 1 and len(apd.to_ndjson(df, 'out')) == 1\n"
        "assert 'fsspec' not in sys.modules\n"
        "sys.modules['fsspec'] = None\n"
        "try: apd.plan_users('s3://bucket/x.parquet')\n"
        "except apd.ValidationError as error: print(error)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(apd.__file__).parents[1])}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert "pip install fsspec s3fs" in said
