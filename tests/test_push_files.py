"""Files of NDJSON that exist already: every line checked before anything goes out, errors by file and line."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analytex_pandas as apd
from analytex_pandas.frame.record_lines import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = pd.DataFrame(
    {
        "user_id": ["007", "b", "ä"],
        "company_id": ["c1", None, "c2"],
        "seats": [3.0, 0.5, None],
        "note": ['a "quoted" text', "zwei\nZeilen", "\u2028 ☃"],
    }
)


@pytest.fixture
def service() -> Iterator[Any]:
    """A service that refuses one id."""
    refuse = {"666": ("bad", "note", "No.")}
    with apd.sandbox(rows_per_minute=1e9, refuse=refuse, keep_bodies=True) as service:
        yield service


def push(paths: Any, **options: Any) -> Any:
    return apd.push_files(paths, progress=False, wait=True, **options)


def test_what_to_ndjson_wrote_arrives_as_the_frame_would(service: Any, tmp_path: Path) -> None:
    """The bytes are those of a push of the frame, whatever files they are spread over."""
    paths = apd.to_ndjson(FRAME, tmp_path / "out", chunk_rows=2)
    assert len(paths) == 2
    sent = push(tmp_path / "out")
    assert sent.counts["acknowledged"] == 3
    (uploaded,) = [request.body for request in service.requests if request.endpoint == "submit"]
    for path in paths:
        assert path.read_bytes() in uploaded
    assert sent.outcomes["index"].tolist() == [(str(paths[0]), 1), (str(paths[0]), 2), (str(paths[1]), 1)]
    assert service.users["user_id"].tolist() == ["007", "b", "ä"]


def test_what_others_put_beside_them_is_no_record(service: Any, tmp_path: Path) -> None:
    """Of a directory: what is hidden, half written or bookkeeping, whoever left it, goes nowhere."""
    for name in ("._a.ndjson", ".part.ndjson", "_tmp/b.ndjson", ".git/c.ndjson"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x00\x05junk\n")
    (tmp_path / "in" / "_day=1").mkdir()
    (tmp_path / "in" / "_day=1" / "a.ndjson").write_text('{"user_id":"1"}\n')
    for place in (tmp_path / "in", f"file://{tmp_path}/in"):
        assert push(place).counts["acknowledged"] == 1
    assert service.users["user_id"].tolist() == ["1"]


@pytest.mark.usefixtures("service")
def test_a_name_that_is_no_text_is_said(tmp_path: Path) -> None:
    """Of a file that another machine named in another encoding: as a path, by a pattern, in a directory."""
    try:
        (tmp_path / "j\udcf6rg.ndjson").write_text('{"user_id":"1"}\n')
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    for place in (tmp_path / "j\udcf6rg.ndjson", tmp_path / "j*.ndjson", tmp_path):
        with pytest.raises(apd.ValidationError, match=r"UTF-8|cannot be read"):
            push(place)


def test_places(service: Any, tmp_path: Path) -> None:
    """Paths, patterns, directories and URLs, each file once; packed ones; with marks, blank lines, other line ends."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(b'\xef\xbb\xbf{"user_id": "1"}\r\n\r\n  {"user_id": "2"}')
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"user_id":"3"}\n\n'))
    (folder / "c.txt").write_text("something else")
    (folder / "D.JSONL.GZ").write_bytes(gzip.compress(b'{"user_id":"0"}\n'))
    sent = push([folder, str(folder / "*.ndjson"), folder / "a.ndjson"])
    assert service.users["user_id"].tolist() == ["0", "1", "2", "3"]
    assert sent.outcomes["index"].tolist() == [
        (str(folder / "D.JSONL.GZ"), 1),
        (str(folder / "a.ndjson"), 1), (str(folder / "a.ndjson"), 3), (str(folder / "b.jsonl.gz"), 1)
    ]  # fmt: skip
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://somewhere/x.ndjson", "wb") as file:
        file.write(b'{"user_id":"4"}\n')
    push("memory://somewhere/x.ndjson")
    assert service.users["user_id"].tolist() == ["0", "1", "2", "3", "4"]


def test_a_file_goes_once_and_each_file_goes(
    service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is named, by links to directories, too; one of the same path elsewhere is another file."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "a.ndjson").write_text('{"user_id":"1"}\n')
    (tmp_path / "elsewhere" / "b.ndjson").write_text('{"user_id":"2"}\n')
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "link" / "circle").symlink_to(tmp_path / "in")
    with fsspec.open(f"memory://{tmp_path}/in/a.ndjson", "wb") as file:
        file.write(b'{"user_id":"3"}\n')
    urls = [f"memory://{tmp_path}/in", f"memory://{tmp_path}/in/*.ndjson"]
    sent = push(["in/a.ndjson", tmp_path / "in", *urls])
    assert service.users["user_id"].tolist() == ["1", "2", "3"]
    assert sent.counts["input"] == 3
    assert [name for name, _ in sent.outcomes["index"]] == [
        "in/a.ndjson", f"{tmp_path}/in/link/b.ndjson", f"{tmp_path}/in/a.ndjson"
    ]  # fmt: skip


@pytest.mark.parametrize("paths", ["nothing.ndjson", "", [], 5, [5], b"x"])
def test_no_file(service: Any, paths: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that names none is an error, not a push of nothing; an empty list is one of nothing."""
    monkeypatch.chdir(tmp_path)
    if paths == []:
        assert push(paths).counts["input"] == 0
    else:
        with pytest.raises(apd.ValidationError):
            push(paths)
    assert service.users.empty


WRONG: dict[str, tuple[bytes, str]] = {
    "no JSON": (b'{"user_id": "1"', "invalid_json"),
    "no object": (b'["1"]', "not_an_object"),
    "two records on a line": (b'{"user_id":"1"}{"user_id":"2"}', "invalid_json"),
    "too deep": (b'{"user_id":"1","metadata":' + b"[" * 200_000, "invalid_json"),
    "latin-1": ('{"user_id":"1","metadata":{"a":"ä"}}'.encode("latin-1"), "invalid_encoding"),
    "no id": (b'{"metadata":{"a":1}}', "missing_id"),
    "null id": (b'{"user_id":null}', "missing_id"),
    "number as id": (b'{"user_id":7}', "invalid_id"),
    "blank id": (b'{"user_id":" \\u00a0"}', "blank_id"),
    "half a pair in an id": (b'{"user_id":"\\ud800"}', "invalid_text"),
    "number as company": (b'{"user_id":"1","company_id":7}', "invalid_id"),
    "blank company": (b'{"user_id":"1","company_id":""}', "blank_id"),
    "property outside": (b'{"user_id":"1","plan":"pro"}', "unknown_key"),
    "metadata is a list": (b'{"user_id":"1","metadata":[1]}', "invalid_metadata"),
    "list": (b'{"user_id":"1","metadata":{"a":[1]}}', "not_primitive"),
    "object": (b'{"user_id":"1","metadata":{"a":{}}}', "not_primitive"),
    "key twice": (b'{"user_id":"1","metadata":{"a":1,"a":2}}', "duplicate_key"),
    "id twice": (b'{"user_id":"1","user_id":"2"}', "duplicate_key"),
    "key twice, spaced": (b'{"user_id": "1", "metadata": {"a": 1, "a" : 2}}', "duplicate_key"),
    "NaN": (b'{"user_id":"1","metadata":{"a":NaN}}', "not_finite"),
    "infinite": (b'{"user_id":"1","metadata":{"a":1e999}}', "not_finite"),
    "half a pair": (b'{"user_id":"1","metadata":{"a":"\\udc00"}}', "invalid_text"),
    "half a pair in a name": (b'{"user_id":"1","metadata":{"\\udc00":1}}', "invalid_text"),
    "long text": (b'{"user_id":"1","metadata":{"a":"%b"}}' % (b"x" * 65_536), "string_too_long"),
    "long name": (b'{"user_id":"1","metadata":{"%b":1}}' % (b"x" * 256), "name_too_long"),
    "no name": (b'{"user_id":"1","metadata":{"":1}}', "no_name"),
    "many": (
        json.dumps({"user_id": "1", "metadata": {f"p{n}": n for n in range(501)}}).encode(),
        "too_many_properties",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_cannot_be_sent(service: Any, tmp_path: Path, name: str) -> None:
    """It is said with its file and line before anything is sent; skipped, the others go, and it is in the outcomes."""
    line, code = WRONG[name]
    path = tmp_path / "x.ndjson"
    path.write_bytes(b'{"user_id":"first"}\n' + line + b'\n{"user_id":"last"}\n')
    with pytest.raises(apd.ValidationError) as raised:
        push(path)
    report = raised.value.report
    assert (report["code"].tolist(), report["position"].tolist()) == ([code], [1])
    assert report["index"].tolist() == [(str(path), 2)]
    assert service.users.empty
    sent = push(path, invalid="skip")
    assert service.users["user_id"].tolist() == ["first", "last"]
    assert sent.outcomes["outcome"].tolist() == ["acknowledged", "invalid", "acknowledged"]
    assert sent.outcomes["code"][1] == code


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (b'{"user_id":"1","metadata":{"a":1.10}}', b'{"user_id":"1","metadata":{"a":1.1}}'),
        (
            b'{"user_id":"1","metadata":{"a":123456789012345678901234567890}}',
            b'{"user_id":"1","metadata":{"a":123456789012345678901234567890}}',
        ),
        (
            b'{"metadata": {"b": 0.10000000000000000001, "a": "\\u00e4 \\ud83d\\ude00"}, "user_id": "1"}',
            '{"user_id":"1","metadata":{"a":"ä 😀","b":0.10000000000000000001}}'.encode(),
        ),
        (b'{"user_id":"1","company_id":null,"metadata":{}}', b'{"user_id":"1"}'),
        (b'{"user_id":"1","metadata":null}', b'{"user_id":"1"}'),
        (b'{"user_id":"1","metadata":{"a":null}}', b'{"user_id":"1","metadata":{"a":null}}'),
        (
            b'{"user_id":"1","metadata":{"a":"\\u0000\\u001f"}}',
            b'{"user_id":"1","metadata":{"a":"\\u0000\\u001f"}}',
        ),
        (b'{"user_id":"1","metadata":{"a":"x\\":1"}}', b'{"user_id":"1","metadata":{"a":"x\\":1"}}'),
    ],
)
def test_every_record_has_one_form(line: bytes, sent: bytes) -> None:
    """The id first, properties by name, no spaces, every digit: so equal records are equal lines."""
    _, found, problems = Reader("users", 10_000).read(line)
    assert (found, problems) == (sent + b"\n", ())


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.one_of(
    TEXTS, st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)


NAMES = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=30)


@given(
    record=st.fixed_dictionaries(
        {
            "user_id": NAMES,
            "metadata": st.dictionaries(NAMES, VALUES),
        }
    ),
    ascii_only=st.booleans(),
    indent=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r")]),
)
@settings(max_examples=300, deadline=None)
def test_a_record_says_the_same_in_whatever_form(record: Any, ascii_only: bool, indent: Any) -> None:
    """However a line is written, what is sent of it has its values, and is the same as of any other way."""
    line = json.dumps(record, ensure_ascii=ascii_only, separators=indent).encode()
    ident, sent, problems = Reader("users", 100_000).read(line)
    assert problems == ()
    assert ident == record["user_id"]
    expected = record if record["metadata"] else {"user_id": record["user_id"]}
    assert json.loads(sent) == expected
    plain = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    assert Reader("users", 100_000).read(plain)[1] == sent
    assert Reader("users", 100_000).read(sent[:-1])[1] == sent


def test_duplicates_across_files(service: Any, tmp_path: Path) -> None:
    """One id twice with other values is said, or chosen; equal records, whatever their form, go once."""
    (tmp_path / "a.ndjson").write_text(
        '{"user_id":"1","metadata":{"a":1,"b":2}}\n{"user_id":"2","metadata":{"a":1}}\n'
    )
    (tmp_path / "b.ndjson").write_text(
        '{"metadata": {"b": 2, "a": 1}, "user_id": "1"}\n{"user_id":"2","metadata":{"a":9}}\n'
    )
    with pytest.raises(apd.ValidationError) as raised:
        push(tmp_path)
    assert raised.value.report["position"].tolist() == [1, 3]
    sent = push(tmp_path, duplicates="last")
    assert sent.outcomes["outcome"].tolist() == ["duplicate", "duplicate", "acknowledged", "acknowledged"]
    assert service.users["a"].tolist() == [1, 9]


@pytest.mark.usefixtures("service")
def test_errors_retry_and_a_new_kernel(tmp_path: Path) -> None:
    """Refused lines have their file and line, are shown as rows, go out again, and are known in a new kernel."""
    path = tmp_path / "x.ndjson"
    path.write_text(
        '{"user_id":"1","metadata":{"note":"a"}}\n\n{"user_id":"666","metadata":{"note":"b","n":2}}\n'
    )
    sent = push(path)
    assert sent.errors[["position", "index", "id"]].to_numpy().tolist() == [[1, (str(path), 3), "666"]]
    failed = sent.failed
    assert failed.index.names == ["file", "line"]
    assert failed.index.tolist() == [(str(path), 3)]
    assert failed[["user_id", "note", "n"]].to_numpy().tolist() == [["666", "b", 2]]
    assert sent.retry(failed.assign(note="c"), wait=True, progress=False).errors["index"].tolist() == [
        (str(path), 3)
    ]
    again = apd.resume(sent.id)
    pd.testing.assert_frame_equal(again.outcomes, sent.outcomes)
    assert again.retry(wait=True, progress=False).counts["refused"] == 1


def test_recut_where_too_large(service: Any, tmp_path: Path) -> None:
    """A file of more records or bytes than a request holds goes in chunks; a record of more is invalid."""
    path = tmp_path / "x.ndjson"
    lines = [json.dumps({"user_id": str(n), "metadata": {"t": "x" * 100}}) for n in range(25_000)]
    path.write_text("\n".join(lines))
    assert push(path).jobs["rows"].tolist() == [10_000, 10_000, 5_000]
    path.write_text("\n".join(lines[:20]))
    assert (push(path, chunk_bytes=2_000).jobs["bytes"] < 2_000).all()
    path.write_text(json.dumps({"user_id": "1", "metadata": {f"p{n}": "x" * 200 for n in range(20)}}))
    with pytest.raises(apd.ValidationError) as raised:
        push(path, chunk_bytes=2_000)
    assert raised.value.report["code"].tolist() == ["record_too_large"]
    path.write_bytes(b'{"user_id":"' + b"1" * 3_000_000 + b'"}\n{"user_id":"2"}')
    assert push(path, invalid="skip", chunk_bytes=2_000).outcomes["code"].tolist()[:1] == ["record_too_large"]
    assert service.users["user_id"].tolist().count("2") == 1


@pytest.mark.usefixtures("service")
def test_only_what_changed(tmp_path: Path) -> None:
    """What a frame has brought in is not sent again by a file of the same records, and the other way round."""
    apd.push_users(FRAME, progress=False, wait=True)
    apd.to_ndjson(FRAME.assign(seats=[3, 0.5, 7]), tmp_path / "out")
    sent = push(tmp_path / "out", only_changed=True)
    assert sent.outcomes["outcome"].tolist() == ["unchanged", "unchanged", "acknowledged"]
    again = apd.push_users(FRAME.assign(seats=[3, 0.5, 7]), only_changed=True, progress=False, wait=True)
    assert again.counts["unchanged"] == 3


def test_companies_and_what_is_no_option(service: Any, tmp_path: Path) -> None:
    """Companies go the same way; what is about columns has no meaning for files, and that is said."""
    path = tmp_path / "x.ndjson"
    path.write_text('{"company_id":"1","metadata":{"a":1}}\n{"company_id":"2","metadata":{"a":"x"}}')
    sent = push(path, kind="companies")
    assert service.companies["company_id"].tolist() == ["1", "2"]
    note = sent.plan.columns.set_index("property")["note"]["a"]
    assert "mixed types" in note
    assert "as they stand" in note
    with pytest.raises(TypeError, match="push_files"):
        push(path, user_id="x")
    with pytest.raises(apd.ValidationError, match="kind"):
        push(path, kind="people")
