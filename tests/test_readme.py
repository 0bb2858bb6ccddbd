"""The README: its commands are those that CI runs, and its Python does what it says."""

from __future__ import annotations

import ast
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.arguments import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY: Final = Path(__file__).parents[1]
README: Final = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PYTHON: Final = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def refuse_spaces(record: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Refuse an e-mail with spaces around it, which the README strips."""
    email = record["metadata"]["email"]
    return None if email == email.strip() else ("invalid_email", "email", "has spaces around it")


def test_the_first_ten_minutes_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody who types the README's Python from top to bottom gets where it says."""
    df = pd.DataFrame(
        {"uid": [1, 2, 3], "email": ["a@example.com", " b@example.com ", "c@example.com"], "seats": 4}
    )
    monkeypatch.chdir(tmp_path)
    df.drop(index=1).to_parquet("customers.parquet")
    with apd.sandbox(rows_per_minute=1e6, refuse=refuse_spaces) as service:
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        names: dict[str, Any] = {"df": df}
        for number, block in enumerate(PYTHON):
            if "ddf" in block:  # needs a cluster; notebooks/engines.ipynb has one
                continue
            if "apd.resume()" in block:  # there has to be a push that was stopped
                stopped = df.assign(email=[" x ", "y", "z"])
                with pytest.raises(apd.PushError):
                    apd.push_users(stopped, user_id="uid", max_errors=0, chunk_rows=1)
            exec(compile(block, f"README.md, block {number + 1}", "exec"), names)  # noqa: S102  # our own README
            if "retry" in block:
                assert (names["push"].counts["refused"], names["again"].counts["acknowledged"]) == (0, 1)
                assert service.users["user_id"].tolist() == ["1", "3", "2"]
            if "apd.resume()" in block:
                assert names["push"].counts["pending"] == 0
    assert names["push"].counts["acknowledged"] == 2


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bapd\.(\w+)", README))))
def test_what_it_names_is_there(name: str) -> None:
    """No call of the README is of an older version."""
    assert name in apd.__all__


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bpush\.(\w+)", README))))
def test_what_it_names_of_a_push_is_there(name: str) -> None:
    """No attribute of a push in the README is of an older version."""
    assert hasattr(apd.Push, name)


@pytest.mark.parametrize("name", re.findall(r"ANALYTEX_[A-Z_]+", README))
def test_its_settings_are_read(name: str) -> None:
    """Each environment variable of the README is one that the package reads."""
    assert name in (REPOSITORY / "analytex_pandas" / "settings.py").read_text(encoding="utf-8")


def test_its_pictures_are_there() -> None:
    """No picture or link into the repository is broken."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (REPOSITORY / target).is_file(), target


@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_its_commands_can_be_run_as_they_stand(mark: str) -> None:
    """``.ci/run`` takes each command from below its mark: one line in a block of its own."""
    found = re.findall(rf"^<!-- {mark} -->\n```sh\n(.+)\n```$", README, re.MULTILINE)
    assert len(found) == 1
    assert f"<!-- {mark} -->" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)


def test_the_table_of_arguments_is_that_of_the_signatures() -> None:
    """Names, defaults, and what they mean in the words of the documentation."""
    table = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", README, re.MULTILINE))
    parameters = inspect.signature(apd.push_users).parameters.values()
    shown = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert list(table) == list(shown)
    assert {name: ast.literal_eval(text) for name, text in table.items()} == shown
    assert [name for name in shown if f"| {MEANINGS[name]} |" not in README] == []


def test_what_it_links_to_is_there() -> None:
    """Every notebook is offered, and none that is not there."""
    linked = {link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link}
    assert [link for link in linked if not (REPOSITORY / link).exists()] == []
    notebooks = {f"notebooks/{path.name}" for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert notebooks <= linked
