"""What a careful colleague would point out about a column, from traits added up over its batches."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from analytex_pandas.errors import did_you_mean
from analytex_pandas.frame.columns import SAMPLE, SHIFTED, STRING, CellError, json_type_of
from analytex_pandas.frame.mends import (
    EXPONENT,
    LABEL,
    UNSEEN,
    UNSEEN_BUT_SPACE,
    VALUES,
    WRITTEN_BY_TOOLS,
    column_mended,
    filled,
    may_be_date,
    mended,
    replaced,
    shown,
)
from analytex_pandas.frame.parse import moment
from analytex_pandas.settings import ID_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analytex_pandas.frame.columns import Coerced, Field, Kinds, Traits
    from analytex_pandas.settings import Kind

DATE_LIKE = re.compile(
    r"\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?\s*"
)
MOSTLY = 0.9
SERVICE_SET = frozenset({"first_seen_at", "last_seen_at"})
KIND_WORDS = {"string": "text", "number": "numbers", "boolean": "booleans", "list or dict": "lists or dicts"}
DATE_WORDS = frozenset({"naive datetime", "aware datetime", "date"})
LEFTOVER = re.compile(r"Unnamed: \d+(_level_\d+)?|index|level_\d+|__index_level_\d+__")
HIDDEN = UNSEEN_BUT_SPACE + r"\u17b4\u17b5\u180b-\u180d\ufe00-\ufe0f\ufff0-\ufffb\U000e0000-\U000e0fff"
"""What nobody sees in a name: selectors of variants, and tags, too."""
AROUND = re.compile(f"^[ {HIDDEN}]+|[ {HIDDEN}]+$")
UNSEEN_ONE = re.compile(f"[{UNSEEN}]")
ID_NOTES = {
    "missing": "{count} {are} text of a missing value (first {first})",
    "floats": "{count} {are} text of a float (first {first})",
    "exponents": (
        "{count} {are} text of a float that may have lost digits (first {first}); read it as text, or at least"
    ),
    "spaces": "spaces around {count}, which make other ids of them (first {first})",
    "unseen": "spaces that no one sees around {count}, which make other ids of them (first {first})",
    "inside": "characters that no one sees inside {count}, which make other ids of them (first {first})",
}
"""What is odd about ids → how it is said."""


def id_mend(what: str, texts: Sequence[str]) -> str:
    if what == "missing":
        return f"{VALUES}.mask({VALUES}.isin({list(texts)!r}))"
    if what == "floats":
        return VALUES + replaced(r"^([+-]?\d+)\.0+$", r"\1")
    if what == "exponents":
        return (
            f'{VALUES}.map(lambda cell: f\'{{float(cell.replace(",", ".")):.0f}}\' if isinstance(cell, str) '
            f"and pd.Series([cell]).str.fullmatch(r'{EXPONENT}').item() else cell)"
        )
    found = sorted({character for text in texts for character in UNSEEN_ONE.findall(text)} - {" "})
    listed = escapes(character for character in found if not character.isspace())
    if what == "inside":
        blank = escapes(character for character in found if character.isspace())
        steps = ((blank, " "), (listed, ""))
        return VALUES + "".join(replaced(f"[{those}]", instead) for those, instead in steps if those)
    return VALUES + replaced(rf"^[\s{listed}]+|[\s{listed}]+$" if listed else r"^\s+|\s+$", "")


def escapes(characters: Iterable[str]) -> str:
    return "".join(character.encode("unicode_escape").decode() for character in characters)


def traits_of(coerced: Coerced) -> Traits:
    text = coerced.text
    present = len(text) - text.null_count
    kinds = coerced.traits.kinds or (dict.fromkeys(coerced.families, present) if present else {})
    is_text = coerced.kinds == STRING and not coerced.plain
    count = SAMPLE if is_text else 1
    head = text.slice(0, 2 * count).drop_null()
    sample = (head if len(head) or not present else text.drop_null()).slice(0, count).to_pylist()
    return replace(
        coerced.traits,
        present=present,
        missing=text.null_count,
        kinds=kinds,
        example=sample[0] if sample else None,
        looked_at=len(sample) if is_text else 0,
        dates_as_text=sum(bool(DATE_LIKE.fullmatch(value)) for value in sample) if is_text else 0,
    )


AS_IT_STANDS = "json"
"""The dtype of a property that stands in lines of JSON already."""


def property_note(
    name: str, json_type: str, traits: Traits, origin: Field, *, kind: Kind, twin: Twin | None
) -> str:
    """Return what to point out of a property of records of a kind; its `twin` is one whose name reads the same."""
    notes = []
    if len(traits.kinds) > 1:
        counts = ", ".join(
            f"{count:,} {KIND_WORDS[kind]}" if kind in KIND_WORDS else counted(count, kind)
            for kind, count in sorted(traits.kinds.items())
        )
        dates = DATE_WORDS & traits.kinds.keys() and traits.kinds.keys() <= DATE_WORDS | {"string"}
        way_out = f"; types={{{LABEL}: 'datetime'}} or 'date' makes them one" if dates else ""
        sent = f"all sent as {json_type.replace('string', 'text')}{way_out}"
        notes.append(
            f"mixed types ({counts}): {'sent as they stand' if origin.dtype == AS_IT_STANDS else sent}"
        )
    if not traits.present:
        notes.append("no value in any row")
    if traits.floats and traits.whole_floats == traits.floats and json_type == "number":
        notes.append("whole floats, sent as integers")
    if traits.beyond_double:
        notes.append(
            f"{counted(traits.beyond_double, 'integer')} beyond 2^53, which most readers of JSON round; send ids "
            f"as text: types={{{LABEL}: 'string'}}"
        )
    if traits.looked_at and traits.dates_as_text >= MOSTLY * traits.looked_at:
        notes.append(f"dates kept as text: {which_date(traits.example or '')}")
    if (shifted := traits.seen.get(SHIFTED)) and not traits.moments:
        notes.append(
            f"midnight in a zone other than UTC, sent as {shifted.texts[0]}: if dates are meant, types={{{LABEL}: "
            "'date'} sends those"
        )
    if name in SERVICE_SET:
        notes.append("set by the service itself, which may ignore or overwrite it")
    notes += reserved_notes(name, json_type, traits, kind)
    notes += name_notes(name, origin, twin)
    return "; ".join(filled(note, origin) for note in notes)


def erasing(values: int) -> str:
    """Return what ``nulls="send"`` does, of a property or a plan; empty where nothing is erased."""
    if not values:
        return ""
    have = "profile has" if values == 1 else "profiles have"
    return f"{counted(values, 'value')} sent as null, which erases what the {have} there"


def which_date(text: str) -> str:
    """Return how dates that are kept as text become dates, by one of them."""
    try:
        moment(text)
    except CellError as error:
        code, message = error.why
        if code == "ambiguous_date":
            return message
    return f"types={{{LABEL}: 'date'}} or 'datetime' makes them dates"


def reserved_notes(name: str, json_type: str, traits: Traits, kind: Kind) -> Iterator[str]:
    """Yield what is odd about a property that has a name of the service's own."""
    example = traits.example
    if name == "email" and example is not None and json_type != "string":
        yield f"the service takes an email for text, and {example} is a {json_type}: are these the addresses?"
    if name == "created_at" and example is not None and not DATE_LIKE.fullmatch(example):
        value = shown(example) if json_type == "string" else example
        what = f"the service takes created_at for a time, and {value} is not written as one"
        yield (may_be_date(float(example), what) if json_type == "number" else None) or what
    if name == ID_NAMES[kind]:
        yield f"an ordinary property here, since another column has the ids: is it this one? {name}={LABEL}"
    elif name == "company_id":
        yield f"an ordinary property here, which puts no user into a company; company_id={LABEL} does"
    elif name == "user_id":
        yield "an ordinary property here, which puts no user into the company"
    if name.partition(".")[0] == "metadata":
        yield renamed(
            f"a record has its properties within metadata already, and this is one that is called {name!r} there",
            "details",
        )


def name_notes(name: str, origin: Field, twin: Twin | None) -> Iterator[str]:
    """Yield what is odd about a name."""
    label = origin.label
    if isinstance(label, tuple) and name == str(label):
        parts = "'_'.join(str(part) for part in name if part != '') if isinstance(name, tuple) else name"
        what = f"its name {name!r} is the text of a tuple; to join the parts of such names"
        yield mended(what, f"df.columns = [{parts} for name in df.columns]")
    if isinstance(label, dt.datetime) and name == str(label) != "NaT":
        plain = str(label.date()) if label.time() == dt.time() else label.isoformat()
        yield renamed(f"its name {name!r} is the text of a timestamp", plain)
    bare = AROUND.sub("", name)
    inside = re.sub(f"[{HIDDEN}]", "", bare)
    composed = unicodedata.normalize("NFC", inside)
    if twin is not None:
        yield twin_note(name, origin, twin)
    elif bare != name:
        yield renamed(f"spaces, or what no one sees, around its name {seen(name)}", bare)
    elif inside != bare:
        yield renamed(f"characters that no one sees inside its name {seen(name)}", inside)
    elif composed != inside:
        what = f"its name {name!a} has accents apart from their letters, and is another property than {composed!a}"
        yield mended(what, f"df = df.rename(columns={{{label!a}: {composed!a}}})")
    if LEFTOVER.fullmatch(bare):
        what = "an index that was written or reset along, or a column without a name? To leave it out"
        yield mended(what, f"df = df.drop(columns=[{LABEL}])")
    elif bare in WRITTEN_BY_TOOLS:
        yield renamed("its name says that there is none", "name")


def renamed(what: str, name: str) -> str:
    return mended(what, f"df = df.rename(columns={{{LABEL}: {name!r}}})")


def seen(name: str) -> str:
    """Return a name as code in which everything is seen."""
    return re.sub(f"[{HIDDEN}]", lambda found: escapes(found[0]), repr(name))


class Twin(NamedTuple):
    """A property whose name reads the same as another's, the column it is of, and whether that is the one to keep."""

    name: str
    origin: Field
    stays: bool


def twin_note(name: str, origin: Field, twin: Twin) -> str:
    """Return what to say of two names that read the same, and how one column is made of both."""
    what = f"its name {name!a} reads like {twin.name!a}, which is another property"
    if not twin.stays or (name, twin.name) != (origin.label, twin.origin.label):
        return what
    one, other = f"df[{twin.name!a}]", f"df.pop({name!a})"
    return mended(f"{what}; to make one of both", f"{one} = {one}.where({one}.notna(), {other})")


def twins(origins: Mapping[str, Field]) -> dict[str, Twin]:
    """Return those properties whose names differ only in their Unicode form, or in what no one sees, each with one."""
    groups: dict[str, list[str]] = {}
    for name in origins:
        reads = unicodedata.normalize("NFC", re.sub(f"[{HIDDEN}]", "", AROUND.sub("", name)))
        groups.setdefault(reads, []).append(name)
    found = {}
    for reads, names in groups.items():
        kept = reads if reads in names else names[0]
        for name in names if len(names) > 1 else ():
            other = kept if name != kept else next(one for one in names if one != kept)
            found[name] = Twin(other, origins[other], stays=name != kept)
    return found


def changes_of_type(kinds: Mapping[str, Kinds], before: Mapping[str, str]) -> dict[str, str]:
    """Return what to say of properties that the account has not seen, or saw with the type that `before` has."""
    notes = {}
    for name, found in kinds.items() if before else ():
        json_type = json_type_of(found)
        if not found:
            continue
        if name not in before:
            near = did_you_mean(name, before)
            hint = f" ({near.strip().replace('Did', 'did', 1)})" if near else ""
            notes[name] = f"new: this machine has not sent it to the account before{hint}"
        elif json_type != before[name]:
            notes[name] = (
                f"a {json_type} where the account has last acknowledged a {before[name]}, which breaks segments that "
                "use it"
            )
    return notes


def id_note(traits: Traits, origin: Field) -> str:
    notes = ["whole floats, sent as digits without .0"] if traits.whole_floats else []
    for what, seen in traits.seen.items():
        said = ID_NOTES[what].format(
            count=counted(seen.count, "id"),
            are="is" if seen.count == 1 else "are",
            first=shown(seen.texts[0]),
        )
        notes.append(filled(column_mended(said, id_mend(what, seen.texts)), origin))
    return "; ".join(notes)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
