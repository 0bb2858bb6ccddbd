"""The keyword arguments where one looks for them: help, Shift-Tab, completion, type checkers; and calls that miss."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.arguments import MEANINGS, PlanCompanies, PlanUsers, PushCompanies, PushUsers
from analytex_pandas.frame.options import checked_options

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[1]
FRAME = pd.DataFrame({"uid": [1, 2], "plan": ["free", "pro"]})
TAKE = {
    "plan_users": PlanUsers,
    "plan_companies": PlanCompanies,
    "push_users": PushUsers,
    "push_companies": PushCompanies,
    "to_ndjson": PlanUsers,
}
WAYS = [*(getattr(apd, name) for name in TAKE), *(getattr(FRAME.analytex, name) for name in TAKE)]


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what `inspect` says of a function's keyword arguments: names and defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("function", WAYS, ids=lambda function: function.__qualname__)
def test_signature_and_documentation_have_every_argument(function: Callable[..., Any]) -> None:
    """Each with its default, and with one line that says what it is for; none is hidden in ``**options``."""
    shown = keywords(function)
    assert set(shown) == set(TAKE[function.__name__].__annotations__)
    assert all(one.kind is not one.VAR_KEYWORD for one in inspect.signature(function).parameters.values())
    text = inspect.getdoc(function) or ""
    for name in shown:
        assert re.search(
            rf"^{name} : .+, default .+\n    {re.escape(MEANINGS[name])}$", text, re.MULTILINE
        ), name
    assert "**options" not in text


@pytest.mark.parametrize("kind", ["users", "companies"])
def test_the_defaults_that_are_shown_are_those_that_hold(kind: Any) -> None:
    """Who passes what the signature shows gets what they would have got without."""
    shown = keywords(getattr(apd, f"plan_{kind}"))
    del shown["client"]
    given = checked_options(kind, shown)
    assert given.company_id_named  # the one thing that passing a default says
    assert checked_options(kind, {name: value for name, value in shown.items() if name != "company_id"}) == (
        checked_options(kind, {})
    )


COMPLETION = """
import json, sys
import pandas as pd, analytex_pandas as apd
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(history_manager=None)
shell.user_ns.update(df=pd.DataFrame({"uid": [1]}), apd=apd)
offered = {}
for jedi in (False, True):
    shell.Completer.use_jedi = jedi
    for line in sys.argv[1:]:
        with provisionalcompleter():
            found = [one.text for one in shell.Completer.completions(line, len(line))]
        offered[f"{jedi} {line}"] = [text for text in found if text.endswith("=")]
print(json.dumps([offered, shell.object_inspect_text("df.analytex.push_users")]))
"""


def test_ipython_completes_the_names_and_shows_them(tmp_path: Path) -> None:
    """Tab within the brackets offers every argument, with jedi and without; Shift-Tab shows them with defaults."""
    lines = ["df.analytex.push_users(", "apd.push_users(", "apd.plan_companies(df, "]
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
    told = subprocess.run(
        [sys.executable, "-c", COMPLETION, *lines],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    offered, inspected = json.loads(told.stdout.splitlines()[-1])
    for jedi in (False, True):
        for line, options in zip(lines, (PushUsers, PushUsers, PlanCompanies), strict=True):
            wanted = {f"{name}=" for name in options.__annotations__}
            assert wanted <= set(offered[f"{jedi} {line}"]), (jedi, line)
    plain = re.sub(r"\x1b\[[\d;]*m", "", inspected)
    assert "nulls='omit',\n" in plain
    assert MEANINGS["nulls"] in plain


TYPED = """
import pandas as pd, analytex_pandas as apd
df = pd.DataFrame()
apd.push_users(df, nulls="send", canary=3, wait=True)
df_plan = apd.plan_companies(df, company_id="cid", properties={"a": "b"})
reveal_type(df_plan.rows)
apd.push_users(df, nulls="no")
apd.plan_users(df, wait=True)
apd.plan_companies(df, user_id="uid")
apd.push_users()
"""


def test_type_checkers_see_them(tmp_path: Path) -> None:
    """What a run shows, an editor shows too: good calls pass, a wrong value, name or call is marked."""
    file = tmp_path / "calls.py"
    file.write_text(TYPED, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--follow-imports=silent",
        str(file),
    ]
    environment = os.environ | {"MYPYPATH": str(REPOSITORY), "PYTHONPATH": "", "NO_COLOR": "1"}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    marked = re.findall(r"calls\.py:(\d+): (?:error|note): .*?(\[[\w-]+\]|\"int\")", told.stdout)
    assert marked == [
        ("6", '"int"'),
        ("7", "[arg-type]"),
        ("8", "[call-arg]"),
        ("9", "[call-arg]"),
        ("10", "[call-arg]"),
    ], told.stdout + told.stderr


@pytest.mark.parametrize(
    ("call", "error", "meant"),
    [
        (
            apd.push_users,
            TypeError,
            "apd.push_users(df, user_id='id'), or df.analytex.push_users().",
        ),
        (lambda: apd.plan_companies(strict=True), TypeError, "apd.plan_companies(df, company_id='id')"),
        (lambda: apd.plan_users(FRAME, "uid"), TypeError, "Did you mean apd.plan_users(df, user_id='uid')?"),
        (
            lambda: FRAME.analytex.plan_users("uid"),
            TypeError,
            "Did you mean df.analytex.plan_users(user_id='uid')?",
        ),
        (
            lambda: FRAME.analytex.push_companies("cid"),
            TypeError,
            "df.analytex.push_companies(company_id='cid')?",
        ),
        (lambda: FRAME.analytex.push_users(FRAME), TypeError, "The data are df itself."),
        (
            lambda: FRAME.analytex.to_ndjson("out", "users", "uid"),
            TypeError,
            "to_ndjson('out', user_id='uid')?",
        ),
        (
            FRAME.analytex.to_ndjson,
            TypeError,
            "df.analytex.to_ndjson(): missing a required argument",
        ),
        (
            lambda: apd.plan_users("uid"),
            apd.ValidationError,
            "the data come first, as in plan_users(df, user_id='uid')",
        ),
        (lambda: apd.push_users(FRAME, uid="uid"), TypeError, "Did you mean user_id=?"),
        (
            lambda: apd.push_files("out", "users", "skip"),
            TypeError,
            "takes its options by name, and 'skip' has none.",
        ),
    ],
)
def test_a_call_that_misses_is_told_what_it_should_be(
    call: Callable[[], object], error: type[Exception], meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names forgotten, data forgotten, a column for data: the message has the call that was meant."""
    monkeypatch.setenv("ANALYTEX_API_KEY", "k")
    with pytest.raises(error, match=re.escape(meant)):
        call()


def test_a_path_that_is_not_there_is_not_taken_for_a_column() -> None:
    """The hint is for what looks like a column's name."""
    with pytest.raises(apd.ValidationError, match=r"os\.getcwd\(\)\?$"):
        apd.plan_users("data/customers.parquet")
