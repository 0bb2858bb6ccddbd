r"""What a cell that cannot be sent may be, and the line of pandas that mends its column.

A message is made where only the cell is known. Until the column's name is, noncharacters stand for it; ``repr``
writes these as escapes, so no text that a message shows can be taken for them.
"""

# ruff: noqa: RUF001  # words as they are written

from __future__ import annotations

import datetime as dt
import re

from analytex_pandas.errors import code as code_of
from analytex_pandas.frame.columns import Field
from analytex_pandas.settings import MAX_STRING_CHARACTERS

LABEL = "\ufdd0"
VALUES = "\ufdd1"
MEND = "\ufdd2"
NUMBERS = "\ufdd3"
LONGEST_VALUE = 200
"""Characters of a text up to which it is asked what number or date it may be; a longer one is none."""
SHOWN = 40
"""Characters of a text that a message shows."""

UNSEEN = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0"
)
"""White space, control characters and what has no width, as Python's regular expressions write them."""
UNSEEN_BUT_SPACE = UNSEEN.replace(r"\x00-\x20", r"\x00-\x1f")
EXPONENT = "[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+"
"""A number as spreadsheets write long ones."""
MISSING_TEXTS = frozenset({
    "nan", "NaN", "NAN", "-nan", "-NaN", "none", "None", "NONE", "null", "Null", "NULL", "nil", "Nil",
    "NIL", "NaT", "nat", "<NA>", "<na>", "NA", "N/A", "n/a", "N/a", "na", "n.a.", "N.A.", "#N/A", "#NA",
    "#N/A N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "undefined", "Undefined",
    "(null)", "(none)", "(not set)", "(blank)", r"\N", "-", "--", "1.#IND", "1.#QNAN", "-1.#IND",
    "-1.#QNAN", "<null>", "[NULL]", "NoneType", "missing", "unknown", "?", ".", "...", "tbd", "TBD",
})  # fmt: skip
"""What tools, and people, write where there is nothing."""
WRITTEN_BY_TOOLS = MISSING_TEXTS - {"missing", "unknown", "?", ".", "...", "tbd", "TBD"}
"""Those of them that nobody takes for an id."""

ANY_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
AS_TEXT = ".astype('Int64').astype('string')"
ENCODED_KINDS = ("category", "dictionary", "Sparse")


def shown(text: str) -> str:
    """Return a text as a message shows it: quoted, and not longer than a line."""
    return repr(text) if len(text) <= SHOWN else repr(text[:SHOWN])[:-1] + "…'"


def mended(what: str, code: str) -> str:
    return what + MEND + code


def column_mended(what: str, expression: str) -> str:
    return mended(what, f"df[{LABEL}] = {expression}")


def made_missing(what: str, text: str) -> str:
    which = f"isin({[text]!r})" if len(text) <= SHOWN else f"astype(str).str.startswith({text[:SHOWN]!r})"
    return column_mended(what, f"{VALUES}.mask({VALUES}.{which})")


def filled(message: str, field: Field | None, suffix: str = "") -> str:
    """Return a message with the name of the column it is of.

    `suffix` is what a field of a flattened column adds to its name; code for a column does not reach into it.
    """
    what, mark, code = message.partition(MEND)
    if field is None or (mark and suffix):
        return f"{what}; mend the field {suffix[1:]!r} inside the column." if suffix else f"{what}."
    label = code_of(field.label)
    if not mark:
        return what.replace(LABEL, label)
    values = f"df[{label}]" + (".astype(object)" if field.dtype.startswith(ENCODED_KINDS) else "")
    lead = f"df = df.reset_index({label}); " if field.is_index else ""
    if NUMBERS in code and field.dtype == "object":  # beside what is no number
        target, _, expression = code.partition(" = ")
        one = expression.replace(NUMBERS + AS_TEXT, "str(int(cell))").replace(NUMBERS, "cell")
        is_number = "pd.api.types.is_number(cell) and pd.notna(cell)"
        code = f"{target} = {VALUES}.map(lambda cell: {one} if {is_number} else cell)"
    code = code.replace(NUMBERS, values).replace(VALUES, values)
    return f"{what}: {lead}{code}".replace(LABEL, label)


def replaced(pattern: str, replacement: str) -> str:
    """Return the code that changes texts of a column by a regular expression; what is no text stays as it is."""
    mark = "r" if "\\" in replacement else ""
    return f".replace(r'{pattern}', {mark}'{replacement}', regex=True)"


def rewritten(what: str, *steps: tuple[str, str]) -> str:
    """Return a message with the code that changes texts of a column, by a pattern and its replacement each."""
    return column_mended(what, VALUES + "".join(replaced(*step) for step in steps))


def missing_text(text: str) -> str | None:
    if re.fullmatch(f"[{UNSEEN}]*", text):
        return made_missing(f"{shown(text)} is blank; to leave such cells out", text)
    if text.strip() in MISSING_TEXTS:
        return made_missing(f"{shown(text)} says that there is no value; to leave such cells out", text)
    return None


def otherwise(text: str, what: str) -> str:
    return made_missing(
        f"{what}; mend it, send the column as text (types={{{LABEL}: 'string'}}), or leave it out", text
    )


# Numbers

CURRENCIES = "$€£¥₹₽₩₺₴₫฿₪₱₦₡₲₵₸₭¢₿"
CURRENCY_WORDS = (
    "USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|BRL|CAD|AUD"
    "|NZD|MXN|RUB|TRY|ZAR|HKD|SGD|kr|Kr|Rs|Fr|Ft|zł|Kč"
)
WIDE_DIGITS = (
    ".map(lambda cell: ''.join(str(int(c)) if c.isdecimal() else c for c in cell) "
    "if isinstance(cell, str) else cell)"
)
NUMBER_STEPS: tuple[tuple[str, str, str], ...] = (
    ("a minus behind it", r"^([^-]*\d)\s*-$", r"-\1"),
    (
        "characters that no one sees",
        rf"^[{UNSEEN}]+|[{UNSEEN}]+$|[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\xad]",
        "",
    ),
    ("another kind of minus", r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]", "-"),
    ("another kind of plus", r"\uff0b", "+"),
    ("another kind of point", r"[\uff0e\u066b]", "."),
    ("another kind of comma", r"[\uff0c\u066c]", ","),
    ("quotes", r"^=?[\x22\x27\u2018\u201c](.*?)[\x22\x27\u2019\u201d]?$", r"\1"),
    ("parentheses for less than zero", r"^\((.*)\)$", r"-\1"),
    ("a currency", rf"\s*(?:\b[A-Z]{{1,3}})?[{CURRENCIES}]\s*", ""),
    ("a dash for cents", r",[-\u2013]$", ""),
    ("a currency", rf"^([-+]?)\s*(?:{CURRENCY_WORDS})\.?\s*(?=[-+.\d])", r"\1"),
    ("a percent sign", r"\s*[%\u2030\uff05]$", ""),
    ("thousands as k", r"(?<=\d)\s*[kK]$", "e3"),
    ("millions as M", r"(?<=\d)\s*(?:M|Mio\.?|mn)$", "e6"),
    ("billions as B", r"(?<=\d)\s*(?:[bB]|bn|Mrd\.?)$", "e9"),
    ("a unit", r"(?<=\d)\s*(?:\u00b0\s*)?[^\W\d_]+\.?(?:[/ ][^\W\d_]+\.?)*[\u00b2\u00b3]?$", ""),
    ("gaps between thousands", r"(?<=\d)[\s\x27\u2019\u02bc_](?=\d{3}(?!\d))", ""),
    ("commas between thousands", r"(?<=\d),(?=(?:\d{2,3},)*\d{3}(?!\d))", ""),
    (
        "points between thousands",
        r"(?<=\d)\.(?=\d{3}\.)|(?<=\.\d{3})\.(?=\d{3}$)|(?<=\d)\.(?=[\d.]*,\d+$)",
        "",
    ),
    ("a decimal comma", r"(?<=\d),(?=\d+(?:[eE][+-]?\d+)?$)", "."),
)
"""What people put into numbers, and how it is taken out again; in this order."""


def no_number(text: str) -> str:
    if message := missing_text(text):
        return message
    what, word = f"{shown(text)} is no number", text.strip()
    if len(text) > LONGEST_VALUE:
        return otherwise(text, what)
    if re.fullmatch("0[xXoObB][0-9a-fA-F]+", word):
        return column_mended(
            f"{shown(text)} is no decimal number; it may be a hexadecimal, octal or binary one",
            f"{VALUES}.map(lambda cell: int(cell, 0) if isinstance(cell, str) "
            "and cell.strip()[1:2] in 'xXoObB' else cell)",
        )
    if word.casefold() in {"true", "false"}:
        steps = (r"(?i)^\s*true\s*$", "1"), (r"(?i)^\s*false\s*$", "0")
        return rewritten(f"{what}, but true or false; as 1 and 0", *steps)
    words, code = [], VALUES
    cell = "".join(str(int(c)) if c.isdecimal() else c for c in text)
    if cell != text:
        words.append("digits of another script")
        code += WIDE_DIGITS
    for step, pattern, replacement in NUMBER_STEPS:
        before, cell = cell, re.sub(pattern, replacement, cell)
        if cell != before:
            words.append(step)
            code += replaced(pattern, replacement)
    if words and ANY_NUMBER.fullmatch(cell.strip()):
        listed = " and ".join(dict.fromkeys(words))
        return column_mended(f"{what}, but may be {cell.strip()}, written with {listed}", code)
    return otherwise(text, what)


# Booleans

PAIRS = (
    "on/off yes/no true/false enabled/disabled active/inactive checked/unchecked x/ ✓/✗ ✔/✘ ☑/☐ ✅/❌ "
    "√/× ja/nein oui/non si/no sí/no sì/no sim/não sim/nao da/nu да/нет так/ні tak/nie kyllä/ei "
    "ano/ne áno/nie igen/nem evet/hayır ja/nej ja/nee はい/いいえ 是/否 예/아니요 네/아니요 真/假 有/無 نعم/لا כן/לא "
    "ναι/όχι हाँ/नहीं vrai/faux wahr/falsch vero/falso verdadero/falso verdadeiro/falso waar/onwaar "
    "sant/falskt igaz/hamis истина/ложь doğru/yanlış j/n o/n s/n д/н pass/fail ok/nok right/wrong "
    "allow/deny opted-in/opted-out subscribed/unsubscribed verified/unverified set/unset "
    "present/absent"
)
"""Words for true and false, as exports have them."""


def no_boolean(text: str) -> str:
    word = text.strip()
    what = f"{shown(text)} is neither true nor false"
    if ANY_NUMBER.fullmatch(word):
        meaning = "true" if float(word) else "false"
        code = f"{VALUES}.replace({{{text!r}: '{meaning}'}})"
        return column_mended(f"{what}, but a number, which may stand for {meaning}", code)
    for pair in PAIRS.split() if word else ():
        if word.casefold() in pair.casefold().split("/"):
            yes, no = pair.split("/")
            means, other = ("true", no) if word.casefold() == yes.casefold() else ("false", yes)
            # in the letters, small or capital, that the word is in
            other = other.upper() if word.isupper() else other.title() if word.istitle() else other
            marks = {text: means, other: "false" if means == "true" else "true"}
            return column_mended(f"{what}, but may mean {means}", f"{VALUES}.replace({marks!r})")
    return missing_text(text) or otherwise(text, what)


# Dates

FIRST_DAYS = {
    4: ("a year", (r"^\s*(\d{4})\s*$", r"\1-01-01")),
    6: ("a year and month", (r"^\s*(\d{4})(\d\d)\s*$", r"\1-\2-01")),
}
EPOCHS = {
    5: ("D", "a day as Excel counts them"),
    10: ("s", "seconds since 1970"),
    13: ("ms", "milliseconds since 1970"),
    16: ("us", "microseconds since 1970"),
    19: ("ns", "nanoseconds since 1970"),
}
"""Digits → what a number of so many may count, or stand for."""
QUARTER = r"^(?:(\d{{4}})\W*Q{0}|Q{0}\W*(\d{{4}}))$"
OTHER_ZONES = {
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT":
    "-06:00", "PST": "-08:00", "PDT": "-07:00", "CET": "+01:00", "CEST": "+02:00", "EET": "+02:00",
    "EEST": "+03:00", "BST": "+01:00", "IST": "+05:30", "JST": "+09:00", "MSK": "+03:00", "AEST":
    "+10:00", "AEDT": "+11:00", "WET": "+00:00", "WEST": "+01:00",
}  # fmt: skip
DAY_OR_MONTH = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[-/. ])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)"
    r"(?P<time>[T ]\d{1,2}:\d\d(?::\d\d(?P<fraction>\.\d+)?)?(?P<half>\s?[AaPp][Mm])?)?"
)
MONTHS = 12
MONTHS_ALONE = (
    (r"^\s*(\d{4})[-/.](\d{1,2})\s*$", r"\1-\2-01"),
    (r"^\s*(\d{1,2})[-/.](\d{4})\s*$", r"\2-\1-01"),
    (r"^\s*([^\W\d_]+\.?),?[-/ ]?(\d{4})\s*$", r"1 \1 \2"),
)
"""A month without a day → its first day."""

NUMBERS_FOR_DATES: tuple[tuple[float, float, str, str], ...] = (
    (1_000, 3_000, "a year", f"{NUMBERS}{AS_TEXT}, format='%Y'"),
    (3_000, 20_000, "days since 1970", f"{NUMBERS}, unit='D'"),
    (20_000, 80_000, "a day as Excel counts them", f"{NUMBERS}, unit='D', origin='1899-12-30'"),
    (100_001, 300_000, "a year and month", f"{NUMBERS}{AS_TEXT}, format='%Y%m'"),
    (10_000_101, 30_000_000, "a date of eight digits", f"{NUMBERS}{AS_TEXT}, format='%Y%m%d'"),
    (1e8, 1e11, "seconds since 1970", f"{NUMBERS}, unit='s'"),
    (1e11, 1e14, "milliseconds since 1970", f"{NUMBERS}, unit='ms'"),
    (1e14, 1e17, "microseconds since 1970", f"{NUMBERS}, unit='us'"),
    (1e17, 9.2e18, "nanoseconds since 1970", f"{NUMBERS}, unit='ns'"),
)
"""Ranges of numbers, what one in it may be, and how pandas reads it."""


def may_be_date(number: float, what: str) -> str | None:
    """Return what is said of a number, with what date it may be and how pandas reads it; None if it is none."""
    for least, most, kind, read in NUMBERS_FOR_DATES:
        if least <= number < most:
            return column_mended(f"{what}; it may be {kind}", f"pd.to_datetime({read})")
    return None


def no_date_of_number(number: float) -> str:
    return may_be_date(number, "This number is no date as it stands") or column_mended(
        "This number is no date; leave the column out of types, or make such cells missing",
        f"{VALUES}.mask({VALUES}.map(pd.api.types.is_number))",
    )


def no_date(text: str) -> str:
    word = text.strip()
    what = f"{shown(text)} is no date"
    if message := missing_text(text):
        return message
    if len(text) > LONGEST_VALUE:
        return otherwise(text, what)
    if not word.strip("0-/.: T"):
        return made_missing(f"{what}, but zeros for none; to leave such cells out", text)
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return digits_for_date(text, word.partition(".")[0], what)
    if re.fullmatch(r"(?i)(?:\d{4}\W*)?Q[1-4](?:\W*\d{4})?", word) and len(word) > len("Q1"):
        firsts = enumerate(("01", "04", "07", "10"), 1)
        steps = ((f"(?i){QUARTER.format(number)}", rf"\1\2-{month}-01") for number, month in firsts)
        return rewritten(f"{what}, but a quarter; for its first day", *steps)
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word):
        if int(match[2]) > MONTHS >= int(match[3]) > 0:
            what = f"{shown(text)} has no month {match[2]}; if that is the day"
            return rewritten(what, (r"^(\d{4})-(1[3-9]|[23]\d)-(\d{1,2})$", r"\1-\3-\2"))
        return otherwise(text, f"{shown(text)} names a day that no calendar has")
    zone = re.search(r"\b[A-Z]{2,5}$", word)
    if zone and (offset := OTHER_ZONES.get(zone[0])):
        what = f"{shown(text)} names {zone[0]}, which may be several zones; if it is {offset}"
        return rewritten(what, (rf"\s*\b{zone[0]}\s*$", offset))
    if DAY_OR_MONTH.fullmatch(word) or re.match(r"\d{4}-\d\d-\d\d", word):
        what = f"{shown(text)} names a day or time that there is not"
    return otherwise(text, what)


def digits_for_date(text: str, digits: str, what: str) -> str:
    size = len(digits)
    if size in FIRST_DAYS and digits[0] in "12" and 1 <= int(digits[4:] or 1) <= MONTHS:
        means, step = FIRST_DAYS[size]
        return rewritten(f"{what}, but may be {means}; for its first day", step)
    if size not in EPOCHS:
        return otherwise(text, what)
    unit, means = EPOCHS[size]
    is_float = "." in text
    cell = "str(cell)" + ".split('.')[0]" * is_float + ".strip()" * (text != digits)
    counted = f"{'float' if is_float or unit == 'D' else 'int'}(cell), unit='{unit}'"
    counted += ", origin='1899-12-30'" * (unit == "D")
    return column_mended(
        f"{what}, but may be {means}",
        f"{VALUES}.map(lambda cell: pd.to_datetime({counted}) "
        f"if {cell}.isdigit() and len({cell}) == {size} else cell)",
    )


def two_dates(text: str) -> str:
    word = text.strip()
    what = f"{shown(text)} can mean more than one date"
    if match := DAY_OR_MONTH.fullmatch(word):
        first, second, year, mark = int(match["first"]), int(match["second"]), match["year"], match["mark"]
        time = ""
        if match["time"]:
            seconds = ":%S" * (match["time"].count(":") - 1) + ".%f" * bool(match["fraction"])
            half = re.sub(r"(?i)[ap]m", "%p", match["half"] or "")
            time = f"{match['time'][0]}{'%I' if half else '%H'}:%M{seconds}{half}"
        rest = f"{mark}{'%Y' if len(year) > len('24') else '%y'}{time}"
        of_days, of_months = f"%d{mark}%m{rest}", f"%m{mark}%d{rest}"
        if first > MONTHS or second > MONTHS:
            form = of_days if first > MONTHS else of_months
            read = f"pd.to_datetime({VALUES}, format='{form}')"
            return column_mended(f"{what}; if its year comes last", read)
        full = dt.datetime.strptime(year, rest[1:3]).year  # noqa: DTZ007  # a year alone
        return column_mended(
            f"{shown(text)} is {full:04d}-{second:02d}-{first:02d} or {full:04d}-{first:02d}-{second:02d}; "
            "say which comes first, the day or the month",
            f"pd.to_datetime({VALUES}, format='{of_days}')  # or format='{of_months}'",
        )
    for step in MONTHS_ALONE:
        if re.fullmatch(step[0], text):
            return rewritten(f"{shown(text)} names a month, but no day; for its first", step)
    is_time = re.match(r"\d{1,2}:\d\d", word)
    return otherwise(text, f"{shown(text)} is a time without a date" if is_time else what)


# Any column


def of_another_type(what: str, article: str, *, is_flag: bool) -> str:
    """Return the message for values that are no such thing as was asked for: `what` they are, `article` what not."""
    if is_flag and article == "a number":
        return column_mended(
            f"{what} is not a number; as 1 and 0",
            f"{VALUES}.map(lambda cell: int(cell) if isinstance(cell, bool) else cell)",
        )
    return (
        f"{what} is not {article}; nothing says how to read it as one. Leave the column out of types, or "
        f"send it as text with types={{{LABEL}: 'string'}}."
    )


INFINITE = column_mended(
    "An infinite number has no JSON; to make it missing",
    f"{VALUES}.mask({VALUES}.isin([float('inf'), float('-inf')]))",
)
TOO_MANY_DIGITS = column_mended(
    "The number has more digits than Python writes; to make such numbers missing",
    f"{VALUES}.mask({VALUES}.map(lambda cell: isinstance(cell, int) and abs(cell) >= 10**4_000))",
)
TEXT_TOO_LONG = column_mended(
    f"The text is longer than the {MAX_STRING_CHARACTERS:,} characters that the service takes; to cut it",
    f"{VALUES}.map(lambda cell: cell[:{MAX_STRING_CHARACTERS:_}] if isinstance(cell, str) else cell)",
)
HALF_A_PAIR = (
    f"{VALUES}.map(lambda cell: cell.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') "
    "if isinstance(cell, str) else cell)"
)


def cut_long(name: str, limit: int) -> str:
    what = f"The record alone is larger than a request may be ({limit:,} bytes), most of it {name!r}"
    return mended(f"{what}; to leave that out", f"df = df.drop(columns=[{LABEL}])")
