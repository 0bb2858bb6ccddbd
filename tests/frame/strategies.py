"""Columns of every dtype, with the plain values that the oracle reads in them."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

Column = Any
"""A pandas Series, an Arrow array, or cells for a column of Python objects."""

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]
MISSING = [None, float("nan"), pd.NA, pd.NaT]


class Plain(enum.Enum):
    """Members whose values are of several types."""

    NUMBER = 3
    TEXT = "three"
    NOTHING = None
    REAL = 0.5


class Text(enum.StrEnum):
    """Members that are text."""

    RED = "red"


class Whole(enum.IntEnum):
    """Members that are integers."""

    ONE = 1


class Bits(enum.Flag):
    """Members that are put together."""

    READ = 1
    WRITE = 2


class Permission(enum.IntFlag):
    """Members that are integers, put together."""

    READ = 1
    WRITE = 2


def reals(width: int) -> st.SearchStrategy[float]:
    """Return floats of so many bits, whole ones of every size among them."""
    most = {16: 65_504, 32: 2**40, 64: 2**53}[width]
    kind = np.dtype(f"float{width}").type
    whole = (
        st.integers(-2_000, 2_000)
        | st.integers(-most, most)
        | st.integers(0, 15).map(lambda power: min(10**power, most))
    )
    return st.floats(width=width) | whole.map(lambda number: float(kind(number)))  # type: ignore[arg-type]


characters = st.characters(codec="utf-8") | st.sampled_from('"\\\x00\x1f\x7f\n\u2028é漢😀 ')
texts = st.text(characters, max_size=8)
surrogates = st.sampled_from(["\ud800", "a\udfffb"])
decimals = st.builds(
    lambda sign, digits, exponent: decimal.Decimal((sign, tuple(digits), exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(-12, 12),
) | st.sampled_from(
    [decimal.Decimal(text) for text in ("NaN", "Infinity", "-0", "-0.00", "1E+3", "1.10", "1E+500")]
)
floats = reals(64) | st.sampled_from(
    [-0.0, 1e15, 2.0**53, 2.0**53 - 1, 1e16, 1e22, 1e-7, 5e-324, 100000.0, 0.1]
)
clock_changes = st.sampled_from(
    [
        dt.datetime(2024, 3, 31, 2, 30),  # noqa: DTZ001  # skipped in Berlin
        dt.datetime(2024, 10, 27, 2, 30),  # noqa: DTZ001  # comes twice in Berlin
        dt.datetime(2024, 11, 3, 1, 30),  # noqa: DTZ001  # comes twice in New York
    ]
)
naive = st.datetimes().map(lambda stamp: stamp.replace(fold=0)) | clock_changes
aware = st.datetimes(
    dt.datetime(1902, 1, 1),  # noqa: DTZ001  # Hypothesis puts the zone in
    dt.datetime(2200, 1, 1),  # noqa: DTZ001  # Hypothesis puts the zone in
    timezones=st.timezones()
    | st.builds(dt.timezone, st.builds(dt.timedelta, minutes=st.integers(-720, 720))),
)
stamps = st.builds(
    lambda value, zone: pd.Timestamp(value, tz="UTC").tz_convert(zone) if zone else pd.Timestamp(value),
    st.integers(-(2**62), 2**62),
    st.none() | st.sampled_from(ZONES),
)
clock = st.times()
ids_text = st.sampled_from(["a", "b", "1", "1.0", " ", "", "é", " a ", "\u3000"]) | texts
addresses = st.sampled_from(
    [
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_address("::1"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_interface("10.0.0.1/8"),
    ]
)
NUMPY_TIMES = [
    np.datetime64("2024-01", "M"),
    np.datetime64("2024-01-15", "D"),
    np.datetime64("2024-01-15T08", "h"),
    np.datetime64("NaT"),
    np.datetime64("2024-01-15T08:00:00.000000001"),
    np.timedelta64(90, "m"),
    np.timedelta64(3, "D"),
    np.timedelta64("NaT"),
    np.timedelta64(-1, "ns"),
]
numpy_scalars = (
    st.sampled_from(
        [
            np.int8(-1),
            np.uint64(2**64 - 1),
            np.float16(0.1),
            np.float32(0.1),
            np.bool_(True),
            np.str_("s"),
            np.float32(np.nan),
            np.longdouble("0.1"),
        ]
    )
    | st.sampled_from(NUMPY_TIMES)
    | st.floats(width=16).map(np.float16)
    | st.floats(width=32).map(np.float32)
)
spans = st.timedeltas() | st.builds(
    lambda value: pd.Timedelta(value, unit="ns"), st.integers(-(2**62), 2**62)
)
words = (
    st.uuids()
    | addresses
    | st.sampled_from(
        [
            pathlib.PurePosixPath("/a b"),
            pathlib.PureWindowsPath("c:\\x"),
            pd.Period("2024-01", "M"),
            pd.Interval(0, 1),
        ]
    )
    | st.sampled_from(
        [*Plain, *Text, *Whole, Bits.READ, Bits.READ | Bits.WRITE, Permission.READ | Permission.WRITE]
    )
)
families: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**70), 2**70) | st.integers(-3, 3),
    "float": floats,
    "decimal": decimals,
    "text": texts,
    "surrogate": surrogates | texts,
    "naive": naive,
    "aware": aware,
    "stamp": stamps,
    "date": st.dates(),
    "time": clock,
    "span": spans,
    "word": words,
    "numpy": numpy_scalars,
}
missing = st.sampled_from(MISSING)
scalar = st.one_of(*families.values())
nested = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**60), 2**60),
        floats,
        texts,
        decimals,
        naive,
        aware,
        st.dates(),
        spans,
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
dicts = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.integers(-3, 3)
    | texts
    | st.none()
    | st.dictionaries(st.text("de", min_size=1, max_size=1), floats, max_size=2),
    max_size=3,
)


def objects(cells: list[Any]) -> pd.Series[Any]:
    """Return cells, lists and dicts among them, as a column of objects, untouched by inference."""
    array = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        array[row] = cell
    return pd.Series(array, dtype=object)


def several(elements: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    """Return lists of exactly so many elements."""
    return st.lists(elements, min_size=rows, max_size=rows)


@st.composite
def object_columns(draw: st.DrawFn, rows: int) -> Column:
    """Return columns of Python objects: of one family, of several, with every kind of missing value."""
    chosen = draw(
        st.lists(st.sampled_from(sorted(families)), min_size=1, max_size=draw(st.sampled_from([1, 1, 2, 4])))
    )
    return objects(draw(several(st.one_of(missing, *(families[name] for name in chosen)), rows)))


NUMPY_INTEGERS = [np.dtype(f"{sign}int{width}") for sign in ("", "u") for width in (8, 16, 32, 64)]


@st.composite
def numpy_columns(draw: st.DrawFn, rows: int) -> Column:
    """Return columns of NumPy dtypes."""
    dtype = draw(
        st.sampled_from(
            [
                *NUMPY_INTEGERS,
                *map(np.dtype, ("bool", "float16", "float32", "float64", "longdouble")),
                *(np.dtype(f"{kind}8[{unit}]") for kind in "mM" for unit in ("s", "ms", "us", "ns")),
                *map(np.dtype, (">i2", ">u8", ">f4", ">f8")),
            ]
        )
    )
    if dtype.kind in "iu":
        values = draw(
            several(st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) | st.integers(0, 3), rows)
        )
    elif dtype.kind == "b":
        values = draw(several(st.booleans(), rows))
    elif dtype.kind == "f":
        width = min(dtype.itemsize * 8, 64)
        values = draw(several(reals(width), rows))
    else:
        return pd.Series(
            np.array(draw(several(time_counts(np.datetime_data(dtype)[0]), rows)), "int64").view(dtype)
        )
    return pd.Series(np.array(values, dtype=dtype))


def time_counts(unit: str) -> st.SearchStrategy[int]:
    """Return counts of a unit near years that are written, some at the very ends, NaT among them."""
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    most = min(2**63 - 1, 300_000_000_000 * a_second)
    return (
        st.integers(-most, most)
        | st.integers(0, 4_000_000).map(lambda count: count * a_second * 1_000 % most)
        | st.just(-(2**63))
    )


NULLABLE = [
    "Int8",
    "Int64",
    "UInt64",
    "Float32",
    "Float64",
    "boolean",
    "string[python]",
    "string[pyarrow]",
    "str",
]


@st.composite
def nullable_columns(draw: st.DrawFn, rows: int) -> Column:
    """Return columns of pandas' own nullable dtypes."""
    name = draw(st.sampled_from(NULLABLE))
    elements: st.SearchStrategy[Any] = texts
    if name.endswith("nt64"):
        elements = st.integers(0 if name[0] == "U" else -(2**63), 2**64 - 1 if name[0] == "U" else 2**63 - 1)
    elif name == "Int8":
        elements = st.integers(-128, 127)
    elif name.startswith("Float"):
        elements = st.floats(width=int(name[5:]), allow_nan=False)
    elif name == "boolean":
        elements = st.booleans()
    elif name == "string[python]":  # which takes what Arrow does not
        elements = texts | surrogates
    return pd.Series(draw(several(st.none() | elements, rows)), dtype=name)


@st.composite
def arrow_arrays(draw: st.DrawFn, rows: int, depth: int = 1) -> pa.Array:  # a table of types
    """Return Arrow arrays of every type that has a JSON form."""
    kinds = ["string", "number", "float", "decimal", "time", "other", "dictionary"] + ["nested", "ends"] * (
        depth > 0
    )
    which = draw(st.sampled_from(kinds))
    gaps = [draw(st.booleans()) and draw(st.booleans()) for _ in range(rows)]
    mask = np.array(gaps, dtype=bool)

    def masked(elements: st.SearchStrategy[Any], type_: pa.DataType) -> pa.Array:
        return pa.array(
            [None if gap else value for gap, value in zip(gaps, draw(several(elements, rows)), strict=True)],
            type_,
        )

    if which == "string":
        return masked(texts, draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view()])))
    if which == "number":
        dtype = draw(st.sampled_from(NUMPY_INTEGERS))
        return masked(
            st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)), pa.from_numpy_dtype(dtype)
        )
    if which == "float":
        width = draw(st.sampled_from([16, 32, 64]))
        values = np.array(
            draw(several(reals(width), rows)),
            dtype=f"float{width}",
        )
        return pa.array(values, mask=mask)
    if which == "decimal":
        type_ = draw(
            st.sampled_from(
                [
                    pa.decimal32(9, 3),
                    pa.decimal64(18, 0),
                    pa.decimal128(38, 9),
                    pa.decimal128(5, -2),
                    pa.decimal256(76, 40),
                ]
            )
        )
        digits = min(type_.precision, 9)
        exponent = -type_.scale
        numbers = st.integers(-(10**digits) + 1, 10**digits - 1).map(
            lambda number: decimal.Decimal(number).scaleb(exponent)
        )
        return masked(numbers, type_)
    if which == "time":
        return time_array(draw, rows, mask)
    if which == "other":
        return other_array(draw, rows, gaps)
    if which == "dictionary":
        distinct = draw(
            arrow_arrays(4, 0).filter(
                lambda array: (
                    not isinstance(array.type, pa.BaseExtensionType | pa.DictionaryType)
                    and not pa.types.is_string_view(array.type)
                )
            )
        )
        codes = draw(st.sampled_from([pa.int8(), pa.uint16(), pa.int64()]))
        return pa.DictionaryArray.from_arrays(
            pa.array(draw(several(st.integers(0, 3), rows)), codes, mask=mask), distinct
        )
    if which == "ends":
        values = draw(
            arrow_arrays(rows, 0).filter(
                lambda array: (
                    not pa.types.is_dictionary(array.type)
                    and not isinstance(array.type, pa.BaseExtensionType)
                )
            )
        )
        return (
            pa.RunEndEncodedArray.from_arrays(pa.array(range(1, rows + 1), pa.int32()), values)
            if rows
            else values
        )
    return nested_array(draw, rows, mask)


def time_array(draw: st.DrawFn, rows: int, mask: np.ndarray[Any, Any]) -> pa.Array:
    """Return an Arrow array of dates, times, timestamps or durations."""
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    shape = draw(st.sampled_from(["date32", "date64", "time", "timestamp", "zoned", "duration"]))
    if shape == "date32":
        return pa.array(draw(several(st.integers(-800_000, 3_000_000), rows)), pa.int32(), mask=mask).cast(
            pa.date32()
        )
    if shape == "date64":
        days = draw(several(st.integers(-800_000, 3_000_000), rows))
        return pa.array([day * 86_400_000 for day in days], pa.int64(), mask=mask).cast(pa.date64())
    if shape == "time":
        a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        narrow = unit in ("s", "ms")
        counts = pa.array(
            draw(several(st.integers(0, 86_400 * a_second - 1), rows)),
            pa.int32() if narrow else pa.int64(),
            mask=mask,
        )
        return counts.cast(pa.time32(unit) if narrow else pa.time64(unit))
    counts = pa.array(
        draw(several(time_counts(unit).filter(lambda count: count > -(2**63)), rows)), pa.int64(), mask=mask
    )
    if shape == "duration":
        return counts.cast(pa.duration(unit))
    return counts.cast(
        pa.timestamp(unit, draw(st.sampled_from([*ZONES, "+02:00", "-09:30"])) if shape == "zoned" else None)
    )


def other_array(draw: st.DrawFn, rows: int, gaps: list[bool]) -> pa.Array:
    """Return an Arrow array of booleans, nothing, or an extension type."""
    shape = draw(st.sampled_from(["bool", "null", "uuid", "bool8", "json"]))
    flags = [None if gap else draw(st.booleans()) for gap in gaps]
    if shape == "bool":
        return pa.array(flags, pa.bool_())
    if shape == "null":
        return pa.nulls(rows)
    if shape == "uuid":
        return pa.array([None if gap else draw(st.uuids()).bytes for gap in gaps], pa.uuid())
    if shape == "bool8":
        return pa.ExtensionArray.from_storage(
            pa.bool8(), pa.array([None if flag is None else int(flag) for flag in flags], pa.int8())
        )
    return pa.ExtensionArray.from_storage(
        pa.json_(), pa.array([None if gap else '{"a":1}' for gap in gaps], pa.string())
    )


def nested_array(draw: st.DrawFn, rows: int, mask: np.ndarray[Any, Any]) -> pa.Array:
    """Return an Arrow array of lists, structs or maps."""
    shape = draw(st.sampled_from(["list", "large", "view", "large view", "fixed", "struct", "map"]))
    depth = draw(st.sampled_from([0, 0, 1]))
    if shape == "struct":
        children = [draw(arrow_arrays(rows, depth)) for _ in range(draw(st.integers(1, 3)))]
        return pa.StructArray.from_arrays(children, list("abc"[: len(children)]), mask=pa.array(mask))
    sizes = [2] * rows if shape == "fixed" else draw(several(st.integers(0, 2), rows))
    offsets = [0, *np.cumsum(sizes).tolist()]
    values = draw(arrow_arrays(offsets[-1], depth))
    if shape == "large view":
        return pa.LargeListViewArray.from_arrays(
            pa.array(offsets[:-1], pa.int64()), pa.array(sizes, pa.int64()), values, mask=pa.array(mask)
        )
    if shape == "fixed":
        return pa.FixedSizeListArray.from_arrays(values, 2, mask=pa.array(mask))
    if shape == "map":
        keys = pa.array([f"k{number}" for number in range(offsets[-1])], pa.string())
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values)
    if shape == "view":
        return pa.ListViewArray.from_arrays(
            pa.array(offsets[:-1], pa.int32()), pa.array(sizes, pa.int32()), values, mask=pa.array(mask)
        )
    if shape == "large":
        return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values, mask=pa.array(mask))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=pa.array(mask))


INTERVALS: list[tuple[Any, Any, str]] = [
    (0, 1, "int64"),
    (0.25, 0.5, "float64"),
    (pd.Timestamp("2024-01-15"), pd.Timedelta("36h"), "datetime64[ns]"),
    (pd.Timestamp("2024-01-15", tz="Europe/Berlin"), pd.Timedelta("36h"), "datetime64[ns, Europe/Berlin]"),
    (pd.Timedelta(0), pd.Timedelta("90s"), "timedelta64[ns]"),
]


def is_category(cell: Any) -> bool:
    """Tell whether a value can be a category: one that is equal to itself, and is not missing."""
    return not (isinstance(cell, np.datetime64 | np.timedelta64) and np.isnat(cell)) and bool(cell == cell)  # noqa: PLR0124  # NaN


@st.composite
def other_columns(draw: st.DrawFn, rows: int) -> Column:  # noqa: C901  # a table of dtypes
    """Return categories of anything, sparse, period, interval and zoned columns."""
    shape = draw(
        st.sampled_from(
            [
                "category",
                "mixed category",
                "any category",
                "time category",
                "sparse",
                "sparse float",
                "sparse bool",
                "sparse text",
                "sparse time",
                "period",
                "interval",
                "zoned",
            ]
        )
    )
    codes = draw(several(st.integers(-1, 2), rows))
    match shape:
        case "category":
            return pd.Series(
                pd.Categorical.from_codes(
                    codes,
                    draw(st.sampled_from([["a", "b", "c"], [1, 2, 3], [0.5, 1.0, 2.0], [True, False, "x"]])),
                )
            )
        case "mixed category":
            return pd.Series(pd.Categorical.from_codes(codes, [1, "x", decimal.Decimal("1.50")]))
        case "time category":
            return pd.Series(
                pd.Categorical.from_codes(
                    codes,
                    pd.date_range("2024-01-15 08:00", periods=3, tz=draw(st.sampled_from([None, *ZONES]))),
                )
            )
        case "any category":
            found = draw(several(scalar.filter(is_category), 3))
            distinct = pd.Index(objects(list(dict.fromkeys(found))), dtype=object).unique()
            return pd.Series(
                pd.Categorical.from_codes([code if code < len(distinct) else -1 for code in codes], distinct)
            )
        case "sparse bool":
            return pd.Series(pd.arrays.SparseArray(np.array(codes) > 0, fill_value=False))
        case "sparse text":
            cells = objects([None if code < 0 else f"t{code}" for code in codes])
            return pd.Series(pd.arrays.SparseArray(cells, dtype=pd.SparseDtype(object, None)))
        case "sparse time":
            return pd.Series(pd.arrays.SparseArray(np.array(codes, "int64").view("M8[ns]")))
        case "sparse":
            return pd.Series(pd.arrays.SparseArray(np.array(codes, dtype="int64"), fill_value=0))
        case "sparse float":
            return pd.Series(
                pd.arrays.SparseArray(np.array(draw(several(st.floats(), rows)), dtype="float64"))
            )
        case "period":
            frequency = draw(st.sampled_from(["M", "D", "Q", "Y", "h", "W-SUN", "min", "s", "ns"]))
            return pd.Series(
                pd.PeriodIndex(
                    [pd.NaT if code < 0 else pd.Period("2024-01-15", frequency) + code for code in codes],
                    dtype=f"period[{frequency}]",
                )
            )
        case "interval":
            start, step, dtype = draw(st.sampled_from(INTERVALS))
            closed = draw(st.sampled_from(["left", "right", "both", "neither"]))
            if dtype == "int64" and -1 in codes:
                dtype = "float64"
            return pd.Series(
                pd.arrays.IntervalArray.from_tuples(
                    [
                        None if code < 0 else (start + code * step, start + (code + 1) * step)
                        for code in codes
                    ],
                    closed=closed,
                    dtype=f"interval[{dtype}, {closed}]",
                )
            )
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    counts = np.array(draw(several(st.integers(-2_000_000_000, 2_000_000_000), rows)), "int64").view(
        f"M8[{unit}]"
    )
    return pd.Series(counts).dt.tz_localize("UTC").dt.tz_convert(draw(st.sampled_from(ZONES)))


def nested_columns(rows: int) -> st.SearchStrategy[Column]:
    """Return columns of lists and dicts as Python objects."""
    return several(missing | dicts, rows).map(objects) | several(missing | nested, rows).map(objects)


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Column:
    """Return a column of any dtype: a pandas Series or an Arrow array."""
    return draw(
        st.one_of(
            object_columns(rows),
            numpy_columns(rows),
            nullable_columns(rows),
            arrow_arrays(rows),
            other_columns(rows),
            nested_columns(rows),
        )
    )


@st.composite
def id_columns(draw: st.DrawFn, rows: int) -> Column:
    """Return a column that may hold ids, good and bad."""
    few = st.integers(-1, 3)
    shape = draw(
        st.sampled_from(
            ["unique", "text", "object", "integer", "float", "decimal", "uuid", "category", "any"]
        )
    )
    match shape:
        case "unique":
            return pd.Series([f"u{row}" for row in range(rows)], dtype="str")
        case "text":
            return objects(draw(several(ids_text | missing, rows)))
        case "object":
            return objects(
                draw(
                    several(
                        st.one_of(missing, ids_text, few, few.map(float), few.map(decimal.Decimal), scalar),
                        rows,
                    )
                )
            )
        case "integer":
            return pd.Series(draw(several(st.none() | few, rows)), dtype="Int64")
        case "float":
            return pd.Series(np.array(draw(several(floats | few.map(float), rows)), "float64"))
        case "decimal":
            return pa.array(draw(several(st.none() | few.map(decimal.Decimal), rows)), pa.decimal128(10, 2))
        case "uuid":
            return pa.array(
                [uuid.UUID(int=number + 2).bytes for number in draw(several(few, rows))], pa.uuid()
            )
        case "category":
            return pd.Series(
                pd.Categorical.from_codes(
                    draw(several(few.map(lambda code: min(code, 2)), rows)), ["a", " ", "c"]
                )
            )
    return draw(columns(rows))


def as_series(column: Column) -> pd.Series[Any]:
    """Return a column as pandas holds it; an Arrow array as an Arrow-backed one."""
    if isinstance(column, pa.Array):
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column])))
    return column
