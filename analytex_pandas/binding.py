"""What ties the rooms together: plans to pushes, pushes to displays, both to the connected client."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, get_args

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, AuthenticationError, ValidationError
from analytex_pandas.frame.options import Rule, checked, checked_options
from analytex_pandas.frame.plan import Plan, changes_table
from analytex_pandas.planning import export, make_plan, remake_plan, write_ndjson
from analytex_pandas.settings import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from analytex_pandas.delivery.bindings import Bindings
    from analytex_pandas.delivery.changes import Recall
    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.push import Push
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.frame.options import Options
    from analytex_pandas.planning import Watched
    from analytex_pandas.service.client import Client

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


def connected() -> Client | None:
    """Return the connected client, if there is one, without connecting."""
    return DEFAULT[0] if DEFAULT else None


def account_of(client: Client) -> str:
    """Return the digest by which the journal knows a client's account."""
    return client.account_digest(journal().salt())


def can_ask() -> bool:
    """Tell whether somebody is there to be asked for a key."""
    from analytex_pandas.show.display import in_notebook  # light until used

    return in_notebook() or (sys.stdin is not None and sys.stdin.isatty())


def ask_for_key() -> str:
    """Return the key that the user types; it is not echoed."""
    import getpass  # light until used

    return getpass.getpass("Analytex API key (Settings → Environments): ")


class Effects:
    """What a plan can set in motion, with the client that it was made with, and what it was compared with."""

    def __init__(self, client: Client | None, compared: Recall | None = None) -> None:
        self.client = client
        self.compared = compared

    def launch(self, plan: Plan, wait: bool | None, progress: bool | None) -> Push:
        """Start the push of a plan."""
        from analytex_pandas.delivery.opening import start  # light until used
        from analytex_pandas.delivery.spool import Spool  # light until used

        spool = plan.store
        if not isinstance(spool, Spool):
            raise TypeError("Only a plan with records on disk can be pushed.")
        wait, progress = checked("wait", wait), checked("progress", progress)
        client = self.client or default_client()
        if self.compared is not None and plan.options.only_changed:
            check_current(self.compared, plan.kind)
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

    def changes(self, plan: Plan) -> pd.DataFrame:
        """Compare a plan with what its account has acknowledged."""
        from analytex_pandas.delivery.changes import compared_lines, recall  # light until used

        client = self.client or connected()
        if client is None:
            return plan.document.changes.copy()
        known = recall(journal(), account_of(client), plan.kind)
        chunks = (plan.store.read_chunk(size.number) for size in plan.document.chunks)
        return changes_table(compared_lines(chunks, known, plan.kind), plan.document.columns["property"])

    def page(self, plan: Plan) -> str:
        """Return a plan as HTML."""
        from analytex_pandas.show.plan_page import plan_html  # light until used

        return plan_html(plan)

    def text(self, plan: Plan) -> str:
        """Return a plan as text."""
        from analytex_pandas.show.plan_page import plan_text  # light until used

        return plan_text(plan)


def check_current(compared: Recall, kind: Kind) -> None:
    """Raise AnalytexError where what a plan was compared with is not any more what the account has."""
    from analytex_pandas.delivery.changes import recall  # light until used

    now = recall(journal(), compared.account, kind, types_only=True)
    if now.revision != compared.revision:
        raise AnalytexError(
            f"Other {kind} were sent to the account since this plan was compared with it, so what the plan leaves out "
            "as unchanged may be so no more. Plan again; nothing was sent."
        )


def is_pushed(plan_id: str) -> bool:
    """Tell whether a plan has become a push."""
    from analytex_pandas.delivery.ledger import Ledger  # light until used

    return Ledger(journal(), plan_id).record() is not None


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
    from analytex_pandas.delivery.bindings import Bindings  # light until used
    from analytex_pandas.delivery.changes import Remembrance  # light until used
    from analytex_pandas.delivery.push import Push  # light until used

    Push.displays = Displays()
    return Bindings(plan=plan_of, replan=remake_plan, present=presented, observer=Remembrance(journal()))


def journal() -> Journal:
    """Return the journal of the state directory."""
    from analytex_pandas.delivery.journal import Journal  # light until used

    return Journal(settings.state_directory())


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


def plan(data: Any, kind: Kind, given: dict[str, Any], *, progress: bool | None = None) -> Plan:
    """Return the plan of a push."""
    client = checked_client(given.pop("client", None))
    options = checked_options(kind, given)
    watched = watching(progress)
    client, memory = compared_with(kind, options, client)
    return make_plan(data, kind, options, Effects(client, memory), memory=memory, watched=watched)


def checked_client(client: Any) -> Client | None:
    """Return the client that was given, if it is one."""
    from analytex_pandas.service.client import Client  # light until used

    def check(value: Any) -> Client | None:
        if not isinstance(value, Client | None):
            raise TypeError
        return value

    takes = "an apd.Client, as apd.connect() returns it, or None for the connected one,"
    found: Client | None = checked("client", client, Rule(takes, check))
    return found


def watching(progress: bool | None) -> Watched | None:
    """Return what shows how far the reading of a source is; None where nothing is to be shown."""
    if progress is False or (progress is None and settings.is_silent()):
        return None
    from analytex_pandas.show.reading import watched  # light until used

    return watched


def compared_with(kind: Kind, options: Options, client: Client | None) -> tuple[Client | None, Recall | None]:
    """Return the client of a plan, and what its account has acknowledged where that matters to a plan.

    The account has to be known where only what changed is sent, and for ``strict``; else what is remembered of the
    connected one makes notes.
    """
    from analytex_pandas.delivery.changes import recall  # light until used

    if options.only_changed or options.strict:
        client = client or default_client()
    whose = client or connected()
    if whose is None or not (journal().exists() or client):
        return client, None
    return client, recall(journal(), account_of(whose), kind, types_only=not options.only_changed)


def to_ndjson(data: Any, directory: str | Path, kind: Kind, given: dict[str, Any]) -> list[Path]:
    """Write records as NDJSON files."""
    kind, target = checked("kind", kind), checked("directory", directory)
    client = checked_client(given.pop("client", None))
    options = checked_options(kind, given)
    client, memory = compared_with(kind, options, client)
    return write_ndjson(data, target, kind, options, Effects(client), memory=memory, watched=watching(None))


def forget(kind: Kind | None, client: Client | None) -> None:
    """Forget what the account has acknowledged."""
    from analytex_pandas.delivery import changes  # light until used

    if kind is not None and kind not in get_args(Kind):
        raise ValidationError(f"kind={kind!r}: 'users' or 'companies' is needed, or None for both.")
    client = client or default_client()
    if journal().exists():
        changes.forget(journal(), account_of(client), get_args(Kind) if kind is None else [kind])


def push(data: Any, kind: Kind, given: Mapping[str, Any]) -> Push:
    """Plan and push in one go."""
    options = dict(given)
    wait, progress = (checked(name, options.pop(name, None)) for name in ("wait", "progress"))
    if options.get("client") is None:
        options["client"] = default_client()  # a missing key is said before a long plan, not after
    return plan(data, kind, options, progress=progress).push(wait=wait, progress=progress)


def resume(
    push_id: str | None, client: Client | None, *, rebind: bool, wait: bool | None, progress: bool | None
) -> Push:
    """Carry on with a push of the journal."""
    from analytex_pandas.delivery import opening  # light until used

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
