"""The keyword arguments of ``plan_*``, ``push_*`` and ``to_ndjson``: for type checkers, ``help`` and completion.

What an option means is written once, here; its type stands in its TypedDict, its default in ``Options``.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analytex_pandas.errors import code
from analytex_pandas.frame.options import RULES, CompanyOptions, Options, SendOptions, UserOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analytex_pandas.service.client import Client


class PlanUsers(UserOptions, total=False):
    """Keyword arguments of ``plan_users``."""

    client: Client | None


class PlanCompanies(CompanyOptions, total=False):
    """Keyword arguments of ``plan_companies``."""

    client: Client | None


class PushUsers(PlanUsers, total=False):
    """Keyword arguments of ``push_users``."""

    wait: bool | None
    progress: bool | None


class PushCompanies(PlanCompanies, total=False):
    """Keyword arguments of ``push_companies``."""

    wait: bool | None
    progress: bool | None


class PushFiles(SendOptions, total=False):
    """Keyword arguments of ``push_files``."""

    client: Client | None
    wait: bool | None
    progress: bool | None


MEANINGS: Final = {
    "user_id": "What holds the user's id.",
    "company_id": "What holds the company's id. Of users: used if it is there; None turns it off.",
    "properties": "What is sent, or column → property name. By default all other columns, under their own names.",
    "types": "What columns become. A cell without such a meaning makes its row invalid. Ids are always text.",
    "nulls": "'omit' leaves a missing value out, so nothing is overwritten; 'send' sends null, which erases.",
    "nested": "Lists, dicts, structs: refused, sent as JSON text, or (all but lists) flattened to 'a.b' properties.",
    "invalid": "Rows that cannot be sent: nothing is sent, or the others are and these are reported.",
    "duplicates": "One id twice with different values, anywhere in the input. Equal rows are sent once, always.",
    "timezone": "The zone of naive datetimes.",
    "only_changed": "Leave out rows whose every value, and company, the account has acknowledged from this machine.",
    "strict": "Refuse a property never sent before, or one of another JSON type than before; else a note says so.",
    "canary": "Rows that are sent first, as a job of their own; the push goes on only if none of them is refused.",
    "max_errors": "Stop once more rows, or a larger share of those answered, are refused or, skipped, were invalid.",
    "transport": "Uploads of NDJSON files, or JSON bodies.",
    "chunk_rows": "Records a request at most; never above the service's limit.",
    "chunk_bytes": "Bytes of a request's body, which stays below them; never above the service's limit.",
    "staging": "A directory or URL that an engine's workers share: they encode into it, and what goes out is fetched.",
    "client": "Who sends it. By default the connected one; a plan needs none.",
    "wait": "Whether to return only at the end. By default not in a notebook, and elsewhere yes.",
    "progress": "Whether to show how far it is. By default a panel in a notebook, and a bar on stderr in a terminal.",
}
"""What each keyword argument is for, in one line, in the order in which they are shown."""
CLIENT: Final = "an apd.Client or None"
F = TypeVar("F", bound="Callable[..., Any]")


def with_options(options: type) -> Callable[[F], F]:
    """Show the keyword arguments of a function that takes ``**options``, with their defaults, wherever one looks.

    In its signature and its documentation; and a call by position or without data is told what it should look like.
    """

    def shown(function: F) -> F:
        bare = inspect.signature(function)
        own = [parameter.replace(annotation=parameter.empty) for parameter in bare.parameters.values()][:-1]
        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_of(name))
            for name in named_options(options)
        ]

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            try:
                bare.bind(*given, **named)
            except TypeError as error:
                known = named_options(options)
                raise TypeError(
                    meant(function, list(bare.parameters)[:-1], known, given, f"{error}")
                ) from None
            return function(*given, **named)

        call.__signature__ = bare.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        if function.__doc__ is not None:  # python -OO has none
            call.__doc__ = with_parameters(inspect.cleandoc(function.__doc__), "".join(documented(options)))
        return call  # type: ignore[return-value]  # it takes what the function takes

    return shown


def named_options(options: type) -> list[str]:
    """Return the names of a TypedDict of options, in the order in which they are shown."""
    return [name for name in MEANINGS if name in options.__annotations__]


def default_of(name: str) -> Any:
    """Return what an option is when it is not given, as one would write it."""
    default = {field.name: field.default for field in dataclasses.fields(Options)}.get(name)
    return None if default == () else default


def documented(options: type) -> Iterator[str]:
    """Yield the options as numpydoc has parameters."""
    companies = "user_id" not in options.__annotations__
    for name in named_options(options):
        rule = RULES.get("user_id" if companies and name == "company_id" else name)
        default = default_of(name)
        shown = f"{default:_}" if type(default) is int else repr(default)
        yield f"{name} : {rule.takes.strip(',') if rule else CLIENT}, default {shown}\n    {MEANINGS[name]}\n"


def with_parameters(text: str, parameters: str) -> str:
    """Return a docstring that has these parameters where it says ``**options``, or else at its end."""
    before, mark, after = text.partition("**options\n    The keyword arguments.")
    return before + parameters.rstrip() + after if mark else f"{text}\n\nParameters\n----------\n{parameters}"


def meant(
    function: Callable[..., Any],
    parameters: Sequence[str],
    known: Sequence[str],
    given: Sequence[Any],
    error: str,
) -> str:
    """Return what a call that Python refuses should look like: without its data, or with options without names."""
    name, kind = function.__name__, "company" if function.__name__.endswith("companies") else "user"
    is_method, directory = parameters[0] == "self", "'out'" if "directory" in parameters else ""
    called = f"{'df.analytex' if is_method else 'apd'}.{name}"

    def likely(label: Any) -> str:
        shown = "" if is_method else "df", directory, f"{kind}_id={code(label)}"
        return f"{called}({', '.join(filter(None, shown))})"

    if error.endswith("'data'"):
        return f"{called}() needs the data first: {likely('id')}, or df.analytex.{name}({directory})."
    if len(given) <= len(parameters):
        return f"{called}(): {error}."
    first = given[len(parameters)]
    is_label = isinstance(first, str | int)
    what = code(first) if is_label else f"a {type(first).__name__}"
    data = " The data are df itself." if is_method and hasattr(first, "columns") else ""
    way = f" Did you mean {likely(first if is_label else 'id')}?" if f"{kind}_id" in known else ""
    return f"{called}() takes its options by name, and {what} has none.{data}{way}"
