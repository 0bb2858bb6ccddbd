"""What ties the rooms together: plans to pushes, pushes to displays, both to the connected client."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

from analytex_pandas import settings
from analytex_pandas.errors import AuthenticationError
from analytex_pandas.frame.plan import Plan
from analytex_pandas.planning import export, make_plan, remake_plan, write_ndjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.push.bindings import Bindings
    from analytex_pandas.push.push import Push
    from analytex_pandas.service.client import Client
    from analytex_pandas.settings import Kind

DEFAULT: list[Client] = []
"""The connected client, if there is one."""


def set_default_client(client: Client) -> None:
    """Make a client the one that is used where none is given."""
    DEFAULT[:] = [client]


def default_client() -> Client:
    """Return the connected client; without one, connect by the environment variables.

    Raises
    ------
    AuthenticationError
        If nothing is connected, and ``ANALYTEX_API_KEY`` is not set.
    """
    if not DEFAULT:
        from analytex_pandas.service.client import Client  # light until used

        try:
            DEFAULT[:] = [Client()]
        except AuthenticationError as error:
            raise AuthenticationError(
                "Nothing is connected yet. Call apd.connect(), or set ANALYTEX_API_KEY, or pass client=…"
            ) from error
    return DEFAULT[0]


def can_ask() -> bool:
    """Tell whether somebody is there to be asked for a key."""
    from analytex_pandas.show.display import in_notebook  # light until used

    return in_notebook() or (sys.stdin is not None and sys.stdin.isatty())


def ask_for_key() -> str:
    """Return the key that the user types; it is not echoed."""
    import getpass  # light until used

    return getpass.getpass("Analytex API key (Settings → Environments): ")


class Effects:
    """What a plan can set in motion, with the client that it was made with."""

    def __init__(self, client: Client | None) -> None:
        self.client = client

    def launch(self, plan: Plan, wait: bool | None, progress: bool | None) -> Push:
        """Start the push of a plan."""
        from analytex_pandas.push.opening import start  # light until used
        from analytex_pandas.push.spool import Spool  # light until used

        spool = plan.store
        if not isinstance(spool, Spool):
            raise TypeError("Only a plan with records on disk can be pushed.")
        client = self.client or default_client()
        # Taken first: else an interrupt in between would have the push's files deleted along with the plan.
        plan.taken.append(plan.id)
        try:
            push = start(plan.document, spool, client, bindings=bindings())
        except BaseException:
            if not is_pushed(plan.id):
                plan.taken.clear()
            raise
        return presented(push, wait, progress)

    def export(self, plan: Plan, directory: str | Path) -> list[Path]:
        """Write a plan's chunks as NDJSON files."""
        return export(plan, directory)

    def page(self, plan: Plan) -> str:
        """Return a plan as HTML."""
        from analytex_pandas.show.plan_page import plan_html  # light until used

        return plan_html(plan)

    def text(self, plan: Plan) -> str:
        """Return a plan as text."""
        from analytex_pandas.show.plan_page import plan_text  # light until used

        return plan_text(plan)


def is_pushed(plan_id: str) -> bool:
    """Tell whether a plan has become a push."""
    from analytex_pandas.push.journal import Journal  # light until used
    from analytex_pandas.push.ledger import Ledger  # light until used

    return Ledger(Journal(settings.state_directory()), plan_id).record() is not None


class Displays:
    """How pushes are shown."""

    def panel(self, push: Push, /) -> Any:
        """Return a live panel."""
        from analytex_pandas.show.display import panel  # loads ipywidgets

        return panel(push)

    def text(self, push: Push, /) -> str:
        """Return a push as text."""
        from analytex_pandas.show.text import push_text  # light until used

        return push_text(push)

    def mimebundle(self, push: Push, /, **options: Any) -> Any:  # the front end's wishes  # noqa: ARG002  # all of one kind have one signature
        """Return what a notebook shows."""
        from analytex_pandas.show.display import push_mimebundle  # light until used

        return push_mimebundle(push)

    def display(self, push: Push, /) -> None:
        """Display a push in a notebook or an IPython terminal."""
        from analytex_pandas.show.display import display_push  # light until used

        display_push(push)


def bindings() -> Bindings:
    """Return what a push is handed of rooms that it must not know."""
    from analytex_pandas.push.bindings import Bindings  # light until used
    from analytex_pandas.push.push import Push  # light until used

    Push.displays = Displays()
    return Bindings(plan=plan_of, replan=remake_plan, present=presented)


def plan_of(document: PlanDocument) -> Plan:
    """Return the plan that a push carries out; its records are the push's now."""
    from analytex_pandas.planning import spool_of  # light until used

    plan = Plan(document, spool_of(document.id), Effects(None))
    plan.taken.append(document.id)
    return plan


def presented(push: Push, wait: bool | None, progress: bool | None) -> Push:
    """Show a push as the surroundings suggest, and wait for it where nobody could come back to it."""
    from analytex_pandas.show.display import in_notebook, show_push  # light until used

    display = show_push(push, progress)
    if not (not in_notebook() if wait is None else wait):
        return push
    try:
        push.wait()
    finally:
        if display is not None:
            display.finish()
    return push


def plan(data: Any, kind: Kind, given: dict[str, Any]) -> Plan:
    """Return the plan of a push."""
    client = given.pop("client", None)
    return make_plan(data, kind, given, Effects(client))


def to_ndjson(data: Any, directory: str | Path, kind: Kind, given: dict[str, Any]) -> list[Path]:
    """Write records as NDJSON files."""
    given.pop("client", None)
    return write_ndjson(data, directory, kind, given, Effects(None))


def push(data: Any, kind: Kind, given: Mapping[str, Any]) -> Push:
    """Plan and push in one go."""
    options = dict(given)
    wait, progress = options.pop("wait", None), options.pop("progress", None)
    if options.get("client") is None:
        options["client"] = default_client()  # a missing key is said before a long plan, not after
    return plan(data, kind, options).push(wait=wait, progress=progress)


def resume(
    push_id: str | None, client: Client | None, *, rebind: bool, wait: bool | None, progress: bool | None
) -> Push:
    """Carry on with a push of the journal."""
    from analytex_pandas.push import opening  # light until used

    found = opening.resume(push_id, client or default_client(), rebind=rebind, bindings=bindings())
    return found if found.done else presented(found, wait, progress)


def moment(before: Any) -> dt.datetime:
    """Return a time, or a span before now, as an aware datetime."""
    import pandas as pd  # light until used

    if isinstance(before, dt.timedelta):
        return dt.datetime.now(dt.UTC) - before
    if isinstance(before, str):
        try:
            return dt.datetime.now(dt.UTC) - pd.Timedelta(before).to_pytimedelta()
        except ValueError:
            pass  # no span, so a time
    stamp = pd.Timestamp(before)
    return (stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")).to_pydatetime()
