"""The options of the command line: the keyword arguments of ``frame.options``, each once, with its documentation.

What is not text there is read from text here; what they take is checked where they are at home.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from analytex_pandas.arguments import MEANINGS, default_of, named_options
from analytex_pandas.errors import ValidationError, code, did_you_mean
from analytex_pandas.frame.options import RULES


def add_progress(one: argparse.ArgumentParser) -> None:
    """Add the option that all have that send."""
    one.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="show it on stderr (default: as suits)"
    )


def add_options(one: argparse.ArgumentParser, table: type, *, progress: bool) -> None:
    """Add every keyword argument of a table of them."""
    one.set_defaults(table=table)
    group = one.add_argument_group("options", "the keyword arguments of the Python functions")
    group.add_argument(
        "--options", metavar="FILE.toml", type=Path, help="a file that has options; those here come first"
    )
    annotations = get_type_hints(table)
    for name in named_options(table):
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            default=argparse.SUPPRESS,
            help=described(name),
            **argument_of(annotations[name]),
        )
        if name == "company_id" and "user_id" in annotations:
            group.add_argument(
                "--no-company-id",
                dest=name,
                action="store_const",
                const=None,
                default=argparse.SUPPRESS,
                help="send users without their company",
            )
    if progress:
        add_progress(one)


def argument_of(annotation: Any) -> dict[str, Any]:
    """Return how argparse is to read a value of this type."""
    parts = set(get_args(annotation)) if get_origin(annotation) is not Literal else set()
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if annotation is int or {int, float} <= parts:
        return {"type": number, "metavar": "N"}
    if {Sequence, Mapping} & set(map(get_origin, parts)):
        return {"action": "extend", "type": pairs, "metavar": "COLUMN[=VALUE],…"}
    return {"metavar": "TEXT"}


def number(text: str) -> int | float:
    """Read a number; one with a point is a share."""
    plain = text.replace("_", "").replace(",", "")
    return float(plain) if re.search(r"[.eE]", plain) else int(plain)


def pairs(text: str) -> list[tuple[str, str | None]]:
    """Read ``a,b=c`` as columns and what is asked of them; JSON where a column's name has such characters."""
    if text.lstrip().startswith(("{", "[")):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} begins like JSON and is none: {error}") from error
        asked: list[tuple[Any, Any]] = (
            list(found.items()) if isinstance(found, dict) else [(name, None) for name in found]
        )
        if not all(isinstance(column, str) for column, _ in asked):
            raise argparse.ArgumentTypeError(f"{text!r} names a column by what is no text")
        return asked
    split = (part.partition("=") for part in text.split(",") if part)
    return [(column, asked if equals else None) for column, equals, asked in split]


def described(name: str) -> str:
    """Return what help says of an argument: what it is for, what it takes, its default."""
    takes, default = RULES[name].takes.strip(","), default_of(name)
    told = "" if default is None else f", default {default}"
    return f"{MEANINGS[name]} ({takes}{told})".replace("%", "%%")


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments that were given, in the file of options or, which counts, on the line."""
    known = get_type_hints(options.table)
    found = {} if options.options is None else from_toml(options.options, known)
    for name in known:
        if hasattr(options, name):
            found[name] = as_meant(name, getattr(options, name))
    return found


def as_meant(name: str, value: Any) -> Any:
    """Return columns as a list where none is asked anything of, as a dict else; any other value as it is."""
    if not isinstance(value, list):
        return value
    if name == "types" and value == [("string", None)]:
        return "string"
    if name == "properties":
        if all(asked is None for _, asked in value):
            return [column for column, _ in value]
        return {column: column if asked is None else asked for column, asked in value}
    return dict(value)


def from_toml(file: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """Read options from a TOML file: names as on the line or as in Python; false where Python has None."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ValidationError(f"The file of options, {code(str(file))}, cannot be read: {error}") from error
    options = {}
    for name, value in found.items():
        option = name.replace("-", "_")
        if option not in known:
            hint = did_you_mean(option, known) or f" There are: {', '.join(known)}."
            raise ValidationError(f"{code(str(file))}: there is no option {name!r}.{hint}")
        options[option] = None if option == "company_id" and value is False else value
    return options
