"""A part: what a worker has made of one partition, in files that worker and driver share.

``part-TOKEN.ndjson`` has the lines of its valid rows, ``part-TOKEN.arrow`` the bytes of each and the hash of its id,
``part-TOKEN.input.arrow`` every row's label and id, ``part-TOKEN.digests``, if asked for, digests of the values, and
``part-TOKEN.json``, the manifest, all else. Each attempt has a token of its own; the engine says which one counts.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from analytex_pandas.errors import AnalytexError, code, logger_of, reason
from analytex_pandas.frame.arrow_types import ipc_bytes
from analytex_pandas.frame.batch import Prepared
from analytex_pandas.frame.columns import STRING, TEXT, Coerced, Field, Mask, RangeLabels, Sighting, Traits
from analytex_pandas.frame.draft import Draft
from analytex_pandas.frame.duplicates import Marks
from analytex_pandas.frame.fingerprints import Layer
from analytex_pandas.frame.labels import POSITION, concat_rows, placed, rows_table, tag, untag
from analytex_pandas.frame.layout import Layout, Report
from analytex_pandas.frame.memory import from_bytes, to_bytes
from analytex_pandas.frame.places import Place

logger = logger_of("analytex_pandas")

FORMAT = 1
"""Worker and driver have to agree on what a manifest says."""
OURS = re.compile(r"\.?part-[0-9a-f]{16}\.(ndjson|arrow|input\.arrow|digests|json)")
"""What is deleted again: nothing else."""
BYTES = "bytes"
ID = "id"
VALID = "valid"
NEAR = 256 * 1024
"""Bytes between two lines that are read along with them: less than another look takes, where each has its delay."""
NO_TEXT = pa.nulls(0, TEXT)


@dataclass
class PartInput:
    """The rows of a partition, whether they are sent or not."""

    rows: list[pa.Table] = field(default_factory=list)
    ids: list[pa.Array] = field(default_factory=list)

    def add(self, rows: pa.Table, ids: pa.Array) -> None:
        self.rows.append(rows)
        self.ids.append(ids)

    def end(self, marks: Marks) -> None:
        """Keep nothing: what becomes of them is for the driver to say."""


@dataclass
class PartSink:
    """Where a worker writes the chunks of its partition: one file of lines; what is spilled stays in memory."""

    place: Place
    input: PartInput = field(default_factory=PartInput)
    sizes: list[np.ndarray[Any, Any]] = field(default_factory=list)
    kept: list[list[pa.Table]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.file = self.place.filesystem.open_output_stream(str(self.place.path))
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        shared(self.place)

    def write_chunk(self, number: int, lines: Iterable[pa.Buffer | bytes], rows: pa.Table) -> None:  # noqa: ARG002  # they come in order
        for part in lines:
            self.file.write(part)
            ends = np.flatnonzero(np.frombuffer(part, np.uint8) == ord("\n")) + 1
            self.sizes.append(np.diff(ends, prepend=0).astype(np.uint32))

    def spill(self, tables: Sequence[pa.Table]) -> None:
        self.kept.append(list(tables))

    def spilled(self, count: int) -> Iterator[list[pa.Table]]:  # noqa: ARG002  # as they were added
        yield from self.kept


def shared(place: Place) -> None:
    """Give a file the mode of its directory: whoever may read what is there may read it, and nobody else."""
    if isinstance(place.path, Path):
        place.path.chmod(stat.S_IMODE(place.path.parent.stat().st_mode) & 0o666)


def written(place: Place, content: bytes) -> int:
    """Write a file that is complete once it is there, and return its checksum."""
    # A store has it whole or not at all.
    unfinished = place.sibling(f".{place.path.name}") if place.is_local else place
    unfinished.write(content)
    shared(unfinished)
    if isinstance(unfinished.path, Path) and isinstance(place.path, Path):
        unfinished.path.replace(place.path)
    return xxh3_64_intdigest(content)


def write_part(place: Place, outcome: Draft, sink: PartSink, layers: Sequence[Layer]) -> str:
    """Write what a worker's draft says, its manifest last, and return the manifest's name with its checksum."""

    def beside(ending: str, content: bytes) -> int:
        return written(place.sibling(place.path.stem + ending), content)

    index = pa.table({BYTES: joined(sink.sizes, np.uint32), "ids": joined(outcome.hashes, np.uint64)})
    checksums = {".arrow": beside(".arrow", ipc_bytes(index, pa.ipc.new_file))}
    if sink.input.rows:
        rows = concat_rows(sink.input.rows).append_column(ID, pa.chunked_array(sink.input.ids))
        rows = rows.append_column(VALID, pa.array(joined(outcome.valid, bool)))
        checksums[".input.arrow"] = beside(".input.arrow", ipc_bytes(rows.combine_chunks(), pa.ipc.new_file))
    if layers:
        names = dict.fromkeys(name for layer in layers for name in layer.cells)
        cells = {
            name: joined([layer.cells.get(name, np.zeros(len(layer.ids), np.uint64)) for layer in layers])
            for name in names
        }
        ids, exists = joined([layer.ids for layer in layers]), joined([layer.exists for layer in layers])
        whole = Layer(ids, exists, cells)
        checksums[".digests"] = beside(".digests", to_bytes(whole))
    size = sum(chunk.bytes for chunk in outcome.chunks)
    manifest = {"format": FORMAT, "checksums": checksums, "bytes": size, **described(outcome)}
    checksum = beside(".json", json.dumps(manifest).encode())
    return f"{place.path.stem}.json {checksum}"


def joined(arrays: Sequence[Any], dtype: Any = np.uint64) -> Any:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def described(outcome: Draft) -> dict[str, Any]:
    """Return what is known of a draft, but for its lines, as JSON has it."""
    found = outcome.layout or Layout(None, None, ())
    return {
        "lines": sum(chunk.rows for chunk in outcome.chunks),
        "rows": outcome.rows,
        "fields": [field_out(found.id), field_out(found.company)],
        "id": traits_out(outcome.id_traits),
        "company": None if outcome.company_traits is None else traits_out(outcome.company_traits),
        "properties": [
            {
                "name": name,
                "field": field_out(origin),
                "kinds": sorted(outcome.kinds[name]),
                "traits": traits_out(outcome.traits[name]),
            }
            for name, origin in outcome.fields.items()
        ],
        "erased": sorted(outcome.erased),
        "wrong": outcome.wrong,
        "reports": [
            {**vars(report), "labels": [tag(label) for label in report.labels]} for report in outcome.reports
        ],
    }


def traits_out(traits: Traits) -> dict[str, Any]:
    seen = {name: [sighting.count, sighting.texts] for name, sighting in traits.seen.items()}
    return {**vars(traits), "kinds": dict(traits.kinds), "seen": seen}


def traits_in(document: Mapping[str, Any]) -> Traits:
    seen = {name: Sighting(count, tuple(texts)) for name, (count, texts) in document["seen"].items()}
    return Traits(**{**document, "seen": seen})


def field_out(field: Field | None) -> dict[str, Any] | None:
    return None if field is None else {**vars(field), "label": tag(field.label)}


def field_in(document: Mapping[str, Any] | None) -> Any:
    return None if document is None else Field(**{**document, "label": untag(document["label"])})


@dataclass(frozen=True)
class Part:
    """A part that counts, as the driver reads it: its first row has the position `start`.

    `partition` is its number where rows have no label but (partition, row), else None.
    """

    place: Place
    manifest: Mapping[str, Any]
    start: int
    partition: int | None

    def content(self, ending: str) -> bytes:
        name = self.place.path.stem + ending
        return read(self.place.sibling(name), self.manifest["checksums"][ending])

    def index(self) -> pa.Table:
        """Return the bytes and the hash of the id of each line."""
        return pa.ipc.open_file(self.content(".arrow")).read_all()

    def input(self) -> tuple[pa.Table, pa.Array, Mask]:
        """Return where the rows of it are in the whole, their ids, and which of them have lines."""
        if ".input.arrow" not in self.manifest["checksums"]:
            return rows_table(np.zeros(0, np.int64), RangeLabels()), NO_TEXT, np.zeros(0, bool)
        table = pa.ipc.open_file(self.content(".input.arrow")).read_all()
        rows = placed(table.drop_columns([ID, VALID]), self.start, self.partition)
        valid = table[VALID].to_numpy()
        return rows, pa.concat_arrays(table[ID].chunks), valid

    def digests(self) -> Layer:
        return from_bytes(self.content(".digests"))

    def layout(self) -> Layout:
        """Return which columns hold the ids."""
        ids, company = map(field_in, self.manifest["fields"])
        return Layout(ids, company, ())

    def prepared(self) -> Prepared:
        """Return the batch that the part was, without its text."""
        said = self.manifest
        properties = {
            one["name"]: Coerced(NO_TEXT, frozenset(one["kinds"]), traits=traits_in(one["traits"]))
            for one in said["properties"]
        }
        ids, company = (
            None if said[name] is None else Coerced(NO_TEXT, STRING, traits=traits_in(said[name]))
            for name in ("id", "company")
        )
        origins = {one["name"]: field_in(one["field"]) for one in said["properties"]}
        rows = pa.table({POSITION: pa.nulls(said["rows"])})
        return Prepared(rows, cast("Coerced", ids), company, properties, origins, said["wrong"])

    def reports(self) -> Iterator[Report]:
        """Yield why rows of it cannot be sent, as rows of the whole."""
        for document in self.manifest["reports"]:
            at = document["positions"]
            labels = [untag(label) for label in document["labels"]]
            if self.partition is not None:
                labels = [(self.partition, place) for place in at]
            positions = [self.start + place for place in at]
            yield Report(**{**document, "positions": positions, "labels": labels})

    def fetch(self, wanted: Mask) -> tuple[pa.Array, pa.Table]:
        """Return the wanted lines, and where they came from; few bytes more than those are read."""
        places = np.flatnonzero(wanted)
        ends = np.cumsum(self.index()[BYTES].to_numpy(), dtype=np.int64)
        offsets = np.concatenate([np.zeros(1, np.int64), ends])
        gaps = offsets[places[1:]] - offsets[places[:-1] + 1]
        lines = []
        lines_place = self.place.sibling(self.place.path.stem + ".ndjson")
        with lines_place.filesystem.open_input_file(str(lines_place.path)) as file:
            if file.size() != self.manifest["bytes"]:
                raise damaged(lines_place)
            for group in np.split(places, np.flatnonzero(gaps > NEAR) + 1):
                first, last = int(group[0]), int(group[-1])
                begin = int(offsets[first])
                data = file.read_at(int(offsets[last + 1]) - begin, begin)
                inside = pa.py_buffer(offsets[first : last + 2] - begin)
                text = pa.Array.from_buffers(TEXT, last + 1 - first, [None, inside, pa.py_buffer(data)])
                lines.append(text.take(pa.array(group - first)))
        rows, _, valid = self.input()
        return pa.concat_arrays(lines), rows.take(pa.array(np.flatnonzero(valid)[places]))


def read_part(directory: Place, told: str, start: int, partition: int | None) -> Part:
    """Return the part whose manifest was committed."""
    name, _, checksum = told.partition(" ")
    place = directory / name
    manifest = json.loads(read(place, int(checksum)))
    if manifest["format"] != FORMAT:
        raise AnalytexError(
            f"{code(place.shown)} was written by another version of analytex_pandas. Install the version of this "
            "machine on the workers, too."
        )
    return Part(place, manifest, start, partition)


def content_of(parts: Sequence[Part]) -> str:
    """Return what tells whether parts say the same as others, whichever attempts they are."""
    told = [[part.manifest["checksums"].get(ending) for ending in (".arrow", ".digests")] for part in parts]
    return xxh3_128_hexdigest(json.dumps(told).encode())


def read(place: Place, checksum: int) -> bytes:
    """Return the content of a file that has a checksum."""
    try:
        with place.filesystem.open_input_file(str(place.path)) as file:
            content = file.read()
    except (OSError, ValueError) as error:
        raise AnalytexError(
            f"{code(place.shown)}, which a worker has written, cannot be read here ({reason(error)}). Is staging a "
            "place that the workers and this machine share?"
        ) from error
    if xxh3_64_intdigest(content) != checksum:
        raise damaged(place)
    return bytes(content)


def remove(directory: Place) -> None:
    """Delete the parts of a plan, and their directory; what else is in it stays."""
    from pyarrow import fs  # kept out of the import of the package

    try:
        for file in directory.filesystem.get_file_info(fs.FileSelector(str(directory.path))):
            if OURS.fullmatch(file.base_name):
                directory.filesystem.delete_file(file.path)
        if isinstance(directory.path, Path):
            directory.path.rmdir()
        else:
            directory.filesystem.delete_dir(str(directory.path))
    except (OSError, ValueError) as error:
        logger.warning("%s is left behind, with records in it; delete it: %s", directory.shown, error)


def damaged(place: Place) -> AnalytexError:
    return AnalytexError(f"{code(place.shown)} is not as its worker wrote it. Plan again; nothing was sent.")
