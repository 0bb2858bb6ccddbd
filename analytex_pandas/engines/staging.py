"""Partitions that the engine's own workers coerce, encode and digest; the driver joins what they say of them.

A worker writes a part for its partition and returns the name of its manifest: of an attempt that the engine repeats,
only that of the one whose result it keeps. The driver reads manifests, hashes and digests, and of the lines those that
go out.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.engines import spark
from analytex_pandas.engines.failures import told_briefly
from analytex_pandas.engines.parts import Part, PartSink, content_of, read_part, remove, write_part
from analytex_pandas.engines.streaming import Parts, in_order, is_of, native, parts_of, with_objects
from analytex_pandas.errors import ValidationError, code, translated
from analytex_pandas.frame.draft import Draft, Store, read_lines
from analytex_pandas.frame.fingerprints import Comparison, Layer
from analytex_pandas.frame.inputs import source_of_frame
from analytex_pandas.frame.layout import invalid_table, unsendable, wrong_names
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.places import Place, place_of
from analytex_pandas.frame.settling import settled
from analytex_pandas.frame.strangers import named
from analytex_pandas.settings import Kind

MANIFEST = "manifest"
PARTS = "analytex-"
"""What the name of a directory of parts begins with; the id of the plan follows."""
CHUNK_ROWS = 50_000
"""Rows that a worker writes at a time."""
FAILED = "!"
"""What the result of a worker begins with that says what is wrong with the data."""


@dataclass(frozen=True)
class Digests(Memory):
    """On a worker, which knows nothing of the account: keeps the digests, for whoever does."""

    layers: list[Layer] = field(default_factory=list)

    def compare(self, found: Layer) -> Comparison:
        self.layers.append(found)
        return Comparison(np.zeros(len(found.ids), bool), {})


@dataclass(frozen=True)
class Recipe:
    """What a worker has to know: of a state directory's secrets its salt, and that only where digests are asked for."""

    directory: str
    kind: Kind
    options: Options
    salt: bytes | None

    def stage(self, frame: Any) -> str:
        """Write the part of a partition, and return the name of its manifest, with its checksum."""
        source = source_of_frame(frame)
        if source is None:
            raise TypeError(f"a partition is {named(frame)}, which is no frame")
        every = source.batches
        source = replace(source, batches=lambda: map(with_objects, every()))
        place = place_of(self.directory) / f"part-{secrets.token_hex(8)}.ndjson"
        digests = None if self.salt is None else Digests("", 0, self.salt)
        options = replace(self.options, chunk_rows=CHUNK_ROWS, canary=0)
        try:
            with PartSink(place) as sink:
                # one thread: the engine has one task a core
                outcome = read_lines(source, options, self.kind, sink, workers=1, memory=digests)
        except ValidationError as error:  # travels as text: engines wrap what is raised in much of their own
            return FAILED + str(error)
        return write_part(place, outcome, sink, [] if digests is None else digests.layers)


def staged_draft(
    data: Any, options: Options, kind: Kind, store: Store, *, plan_id: str, memory: Memory | None
) -> Draft:
    """Have a frame of an engine staged by its workers, and return what is known of all its partitions.

    Raises
    ------
    ValidationError
        If it is no frame of an engine with workers, or cannot be sent as it is; if a column has values of several JSON
        types, since what one partition has is written before another is known.
    """
    data = native(data)
    results = next((results for module, name, results in ENGINES if is_of(data, module, name)), None)
    if results is None:
        raise ValidationError(
            f"staging={code(options.staging)}: {named(data)} has no workers that could write there. Frames of Dask, "
            "Spark, Ray and Daft have; any other is read as it is, without staging=."
        )
    with translated(f"staging={code(options.staging)} cannot be written to"):
        directory = made_directory(place_of(options.staging), plan_id)
    try:
        salt = memory.salt if memory is not None and options.only_changed else None
        recipe = Recipe(directory.shown, kind, options, salt)
        outcome = Draft(options, kind, store, memory, None, (), [])
        with told_briefly(f"{named(data)} cannot be staged"):
            known = cast("Parts", parts_of(data))
            outcome.index_names = known.index_names or (None, None)
            # what is wrong with the columns is said before the workers begin
            noted(outcome, read_part(directory, sound(recipe.stage(known.empty())), 0, None), store)
            if outcome.wrong:
                raise unsendable(outcome.wrong, invalid_table([]))
            told = [*results(data, recipe)]
        parts = []
        for partition, name in told:
            number = None if known.index_names else partition
            parts.append(read_part(directory, sound(name), outcome.rows, number))
            noted(outcome, parts[-1], store)
        check_types(outcome, parts)
        outcome.drafted = content_of(parts)
        return settled(outcome, store, lambda number, wanted: parts[number - 1].fetch(wanted))
    finally:
        remove(directory)


def sound(told: str) -> str:
    """Return what a worker tells; ValidationError where that is what is wrong with the data."""
    if told.startswith(FAILED):
        raise ValidationError(told.removeprefix(FAILED))
    return told


def noted(outcome: Draft, part: Part, store: Store) -> None:
    """Add what is known of a part to what is known of the whole."""
    said = part.manifest
    outcome.layout = outcome.layout or part.layout()
    outcome.reports += part.reports()
    outcome.note(part.prepared())
    outcome.invalid += said["rows"] - said["lines"]
    outcome.erased.update(dict.fromkeys(said["erased"], 0))
    if not said["rows"] or outcome.wrong:
        return
    rows, ids, valid = part.input()
    store.input.add(rows, ids)
    outcome.valid.append(valid)
    outcome.hashes.append(part.index()["ids"].to_numpy())
    if outcome.memory is not None and outcome.options.only_changed:
        outcome.compared(outcome.memory.compare(part.digests()))


def check_types(outcome: Draft, parts: Sequence[Part]) -> None:
    """Note what does not fit together of parts that were written without knowing of each other."""
    outcome.drop_empty_parents()
    for name, kinds in outcome.kinds.items():
        if len(kinds) > 1:
            label = code(outcome.fields[name].label)
            outcome.wrong.append(
                f"Column {label} holds {' and '.join(sorted(kinds))} values, and partitions are written before the "
                f'others are known: say what it is to be with types={{{label}: "string"}}, or leave out staging='
            )
    if len(outcome.fields) > settings.MAX_PROPERTIES:
        outcome.wrong += wrong_names([(code(origin.label), name) for name, origin in outcome.fields.items()])
    there = [{one["name"] for one in part.manifest["properties"]} for part in parts if part.manifest["rows"]]
    if outcome.options.nulls == "send" and any(names != there[0] for names in there):
        some = sorted(set.union(*there) - set.intersection(*there))
        outcome.wrong.append(
            f"Not all partitions have the properties {', '.join(map(repr, some[:5]))}, for which the others send null: "
            'leave out staging=, or nulls="send"'
        )
    outcome.chunks = [
        ChunkSize(number, part.manifest["lines"], part.manifest["bytes"])
        for number, part in enumerate(parts, start=1)
    ]


def made_directory(staging: Place, plan_id: str) -> Place:
    """Make the directory of a plan's parts, with the mode of the one it is in."""
    directory = staging / f"{PARTS}{plan_id}"
    if isinstance(directory.path, Path):
        directory.path.mkdir(mode=0o700)
        directory.path.chmod(stat.S_IMODE(directory.path.parent.stat().st_mode))
    else:
        directory.filesystem.create_dir(str(directory.path), recursive=True)
    return directory


def dask_results(data: Any, recipe: Recipe) -> Iterable[tuple[int, str]]:
    def stage(partition: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({MANIFEST: pd.Series([recipe.stage(partition)], dtype=object)})

    empty = pd.DataFrame({MANIFEST: pd.Series(dtype=object)})
    return enumerate(data.map_partitions(stage, meta=empty).compute()[MANIFEST].tolist())


def spark_results(data: Any, recipe: Recipe, index: list[str] | None = None) -> Iterable[tuple[int, str]]:
    def stage(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        iterator = iter(batches)
        for first in iterator:
            named = first.rename_columns(names)
            schema = named.schema if index is None else spark.with_index(named, index).schema
            every = chain([first], iterator)
            rest = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in every)
            told = recipe.stage(pa.RecordBatchReader.from_batches(schema, rest))
            number = TaskContext.get().partitionId()
            yield pa.RecordBatch.from_pylist([{"partition": number, MANIFEST: told}])

    names = data.columns
    rows = spark.numbered(data).mapInArrow(stage, f"partition bigint, {MANIFEST} string").collect()
    return sorted((row["partition"], row[MANIFEST]) for row in rows)


def pandas_on_spark_results(data: Any, recipe: Recipe) -> Iterable[tuple[int, str]]:
    frame, index = spark.as_spark(data)
    return spark_results(frame, recipe, index)


def ray_results(data: Any, recipe: Recipe) -> Iterable[tuple[int, str]]:
    def stage(block: Any) -> dict[str, list[str]]:
        return {MANIFEST: [recipe.stage(block)]}

    staged = data.map_batches(stage, batch_size=None, batch_format=None, zero_copy_batch=True)
    with in_order(staged):
        blocks = [*staged.iter_batches(batch_size=None, batch_format="pyarrow")]
    return enumerate(told for block in blocks for told in block[MANIFEST].to_pylist())


def daft_results(data: Any, recipe: Recipe) -> Iterable[tuple[int, str]]:
    """Stage a frame of Daft by a function of its batches, which come in order; those of its sinks need not."""
    import daft

    def stage(*columns: Any) -> pa.Array:
        table = pa.table([column.to_arrow() for column in columns], names=names)
        told = [recipe.stage(table)] if len(table) else []
        return pa.array(told + [None] * (len(table) - 1), pa.string())

    names = data.column_names
    by_batch = daft.func.batch(return_dtype=daft.DataType.string())(stage)
    # ``*`` by its name would be every column
    numbers = {name: f"c{number}" for number, name in enumerate(names)}
    columns = map(daft.col, numbers.values())
    staged = data.with_columns_renamed(numbers).select(by_batch(*columns).alias(MANIFEST))
    found = chain.from_iterable(
        frame[MANIFEST].drop_null().to_pylist() for _, frame in cast("Parts", parts_of(staged)).frames()
    )
    return enumerate(found)


ENGINES: tuple[tuple[str, str, Callable[[Any, Recipe], Iterable[tuple[int, str]]]], ...] = (
    ("dask", "DataFrame", dask_results),
    ("pyspark.pandas", "DataFrame", pandas_on_spark_results),
    ("pyspark.sql", "DataFrame", spark_results),
    ("ray.data", "Dataset", ray_results),
    ("daft", "DataFrame", daft_results),
)
"""Where the class of a frame comes from and what it is called → what has its workers stage it.

That yields the number of each partition with rows, in order, and what its worker tells.
"""
