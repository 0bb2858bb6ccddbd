"""What is asked of a column, and what is no text as the type that is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from analytex_pandas.frame import mends, parse
from analytex_pandas.frame.columns import BOOLEAN, DURATION, NUMBER, STRING, TEXT, Coerced, Problem, validity

if TYPE_CHECKING:
    from analytex_pandas.frame.options import JsonType, Nested


@dataclass(frozen=True)
class Policy:
    """What is asked of one column: the type it is to have, its naive times' zone, what becomes of nested values."""

    wanted: JsonType | None = None
    timezone: str = "UTC"
    nested: Nested = "raise"


def as_wanted(coerced: Coerced, policy: Policy, what: str = "") -> Coerced:
    """Return what is no text as the type asked for; a cell that has no such meaning makes its row invalid.

    `what` is what a message calls a cell.
    """
    wanted = policy.wanted
    if wanted is None or coerced.kinds == frozenset({wanted}):
        return coerced
    if wanted == "string":
        return dataclasses.replace(coerced, kinds=STRING)
    if wanted == "number" and coerced.kinds == DURATION:
        return dataclasses.replace(coerced, kinds=NUMBER)
    if wanted == "boolean" and coerced.kinds in (NUMBER, DURATION):
        as_booleans = parse.booleans_of_numbers(coerced.text)
        return parse.with_problems(as_booleans, coerced.problems)
    present = validity(coerced.text)
    code = f"not_a_{wanted}".removesuffix("time")
    if wanted in ("date", "datetime") and coerced.kinds == NUMBER:
        problems = parse.dates_of_numbers(coerced.text.cast(TEXT), present, code)
    else:
        (kind,) = coerced.kinds
        article = "a date" if wanted in ("date", "datetime") else f"a {wanted}"
        message = mends.of_another_type(what or f"A {kind}", article, is_flag=coerced.kinds == BOOLEAN)
        problems = (Problem(np.flatnonzero(present), code, message),)
    kinds = NUMBER if wanted == "number" else BOOLEAN if wanted == "boolean" else STRING
    text = pa.nulls(len(coerced.text), TEXT)
    return Coerced(text, kinds, plain=True, problems=(*coerced.problems, *problems))
