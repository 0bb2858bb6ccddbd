"""Row errors grouped by what they say."""

from __future__ import annotations

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytex_pandas.delivery.tables import ERROR_COLUMNS
from analytex_pandas.show.grouping import group_errors, row_name


def errors(*rows: dict[str, object]) -> pd.DataFrame:
    """Errors as a push gives them; what is not said is missing."""
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in rows], dtype=dtype)
            for name, dtype in ERROR_COLUMNS.items()
        }
    )


def test_messages_that_differ_in_a_value_are_one_group() -> None:
    """A thousand lines "value 'x17' is not allowed" are one thing to fix."""
    found = group_errors(
        errors(
            *(
                {
                    "message": f"value 'x{i}' too long by {i}",
                    "property": "plan",
                    "position": i,
                    "index": f"r{i}",
                }
                for i in range(5)
            ),
            {"message": "no email", "property": "email", "position": 9, "index": "r9"},
        )
    )
    assert [(group.message, group.property, group.count, group.rows) for group in found] == [
        ("value … too long by …", "plan", 5, "r0, r1, r2, …"),
        ("no email", "email", 1, "r9"),
    ]


def test_one_message_is_shown_as_it_came() -> None:
    """Its value is of use where it is always the same."""
    (group,) = group_errors(errors({"message": "over 65535"}, {"message": "over 65535"}))
    assert group.message == "over 65535"


def test_the_same_words_about_two_properties_are_two_groups() -> None:
    """They are fixed in two columns."""
    found = group_errors(errors({"message": "bad", "property": "a"}, {"message": "bad", "property": "b"}))
    assert [group.property for group in found] == ["a", "b"]


@settings(deadline=None)  # pandas' first call is slow on a busy machine
@given(
    st.lists(
        st.fixed_dictionaries(
            {name: st.none() | st.text(max_size=5) for name in ("message", "property", "code", "id")}
        ),
        max_size=30,
    )
)
@example(
    [
        {"message": "\x00", "property": None, "code": None, "id": None},
        {"message": "", "property": None, "code": None, "id": None},
    ]
)
def test_every_error_is_in_exactly_one_group(rows: list[dict[str, str | None]]) -> None:
    """Nothing is dropped, also where everything is missing."""
    groups = group_errors(errors(*rows))
    assert sorted(member for group in groups for member in group.members) == list(range(len(rows)))
    assert [group.count for group in groups] == sorted((group.count for group in groups), reverse=True)


def test_a_row_is_named_by_its_label_else_by_its_id() -> None:
    """A MultiIndex label is a tuple; an error may name no row at all."""
    assert row_name(3, ("eu", 7), "ann") == "('eu', 7)"
    assert row_name(pd.NA, None, "ann") == "id ann"
    assert row_name(pd.NA, None, None) == "no row"
    assert row_name(0, float("nan"), "ann") == "nan"
