"""Airflow, Prefect and Dagster run the recipes of the notebook, each with a real run of its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pandas as pd
    from conftest import Night

pytestmark = pytest.mark.recipes

CRON = "17 3 * * *"


def test_airflow(night: Night, many: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is killed in its task; a run goes on with it; the task as a function then has nothing to send."""
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(night.folder))
    night.save(many)
    night.kill_midway("-c", "import airflow_dag as it; it.customers().get_task('push').python_callable()")
    done = night.shell("airflow db migrate && airflow dags test customers")
    assert done.returncode == 0, done.stderr
    assert "state=success" in done.stdout + done.stderr
    assert Counter(night.sent) == Counter(many["id"])
    dag = night.module("airflow_dag").customers()
    task = dag.get_task("push")
    assert (task.retries, dag.max_active_runs, dag.schedule) == (3, 1, CRON)
    counts = task.python_callable()
    assert (counts["unchanged"], counts["acknowledged"]) == (25_000, 0)
    night.save(many.assign(plan=None))
    before = len(night.submits)
    with pytest.raises(Exception, match="would change") as stopped:
        task.python_callable()
    assert stopped.typename == "GateError"
    assert len(night.submits) == before


def test_prefect(night: Night, customers: pd.DataFrame) -> None:
    """A row is refused, somebody is told and mends it, and the retry sends that row alone; then there is nothing."""
    from prefect.testing.utilities import prefect_test_harness

    night.refused = {"gold"}
    night.when_told = night.refused.clear
    night.save(customers.assign(plan=customers["plan"].where(customers["id"] != "c7", "gold")))
    recipe = night.module("prefect_flow")
    with prefect_test_harness():
        assert recipe.push.retries == 3
        recipe.push = recipe.push.with_options(retry_delay_seconds=0)
        assert recipe.customers()["acknowledged"] == 1
        assert Counter(night.sent) == Counter([*customers["id"], "c7"])
        assert len(night.alerts) == 1
        assert recipe.customers()["unchanged"] == 600
        (schedule,) = recipe.customers.to_deployment(name="nightly", cron=CRON).schedules
        assert schedule.schedule.cron == CRON
    assert len(night.sent) == 601


def test_dagster(night: Night, customers: pd.DataFrame) -> None:
    """An asset that says what became of the rows, the second time that nothing has changed; a gate stops it."""
    import dagster as dg

    night.save(customers)
    recipe = night.module("dagster_assets")
    for outcome in ("acknowledged", "unchanged"):
        done = dg.materialize([recipe.customers])
        assert done.success
        (made,) = done.asset_materializations_for_node("customers")
        assert made.metadata[outcome].value == 600
    assert Counter(night.sent) == Counter(customers["id"])
    dg.Definitions.validate_loadable(recipe.defs)
    (schedule,) = recipe.defs.schedules
    assert schedule.cron_schedule == CRON
    night.save(customers.assign(plan=None))
    with pytest.raises(Exception, match="would change"):
        recipe.customers()
    assert len(night.submits) == 1
