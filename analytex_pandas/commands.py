"""The commands of a shell or scheduler: what each calls, what it prints, and its exit status.

Results go to stdout, as text or with ``--json`` as one document; progress and errors go to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn, TextIO, get_args

from analytex_pandas import account, api, connection, plan
from analytex_pandas.checkup import doctor
from analytex_pandas.command_options import add_options, add_progress, given
from analytex_pandas.command_output import Done, error_document, json_of, rows_of, shown, table_text, written
from analytex_pandas.csv_files import data_at
from analytex_pandas.delivery import tables
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.opening import as_it_stands, newest_unfinished
from analytex_pandas.delivery.outcomes import outcomes_table
from analytex_pandas.errors import AnalytexError, NotFoundError, ValidationError, empty_report, harmless
from analytex_pandas.frame.options import CompanyOptions, SendOptions, UserOptions
from analytex_pandas.plan import Plan
from analytex_pandas.push import Push, presented
from analytex_pandas.service.client import Client
from analytex_pandas.settings import Kind

STOPPED: Final = 1
MISUSED: Final = 2
LEFT_OPEN: Final = 3
"""A push ended with rows that were refused, or are unknown."""
UNSENDABLE: Final = 4
INTERRUPTED: Final = 130
"""What a shell reports of a program that Ctrl-C ended."""
STATUSES: Final = f"""\
exit status:
  0    every row was acknowledged, or there was nothing to send
  {STOPPED}    it was stopped; the last line says how to go on
  {MISUSED}    the command, an option or the file cannot be used as it is
  {LEFT_OPEN}    it ended with refused or unknown rows
  {UNSENDABLE}    there are rows that cannot be sent, so nothing was
  {INTERRUPTED}  it was interrupted (Ctrl-C, SIGTERM); the last line says how to go on
"""
NAME: Final = "analytex-pandas"

Subparsers = Any
"""What argparse returns of ``add_subparsers``: a class without a public name."""


# What there is


def add_commands(commands: Subparsers) -> None:
    """Add all commands on data and pushes to those of a parser."""
    for name, run, does in (
        ("plan", run_plan, "say what a push of a file would do; nothing is sent"),
        ("push", run_push, "send the rows of a file"),
    ):
        command = commands.add_parser(name, help=does, description=f"{does.capitalize()}.")
        kinds = command.add_subparsers(title="kinds", dest="kind", metavar="KIND", required=True)
        for kind in get_args(Kind):
            one = added(kinds, kind, run, f"{does.capitalize()}, each row one of the {kind}.")
            one.add_argument(
                "file",
                metavar="FILE",
                help="Parquet (file, pattern, directory or URL), or CSV: all of it is text",
            )
            table = UserOptions if kind == "users" else CompanyOptions
            add_options(one, table, progress=run is run_push)
    one = added(commands, "push-files", run_push, "Send files of NDJSON that exist already.")
    one.add_argument("paths", metavar="PATH", nargs="+", help="files, patterns, directories or URLs")
    one.add_argument(
        "--kind", choices=get_args(Kind), default="users", help="what a record is (default: users)"
    )
    add_options(one, SendOptions, progress=True)
    one = added(commands, "resume", run_resume, "Carry on with a push where it stopped.")
    one.add_argument("push", metavar="PUSH", nargs="?", help="its id; by default the newest unfinished one")
    one.add_argument("--rebind", action="store_true", help="go on under another key or environment")
    one.add_argument(
        "--chunk-bytes", type=int, metavar="BYTES", help="cut what is not sent yet into smaller requests"
    )
    add_progress(one)
    one = added(commands, "retry", run_retry, "Send the refused rows of a push again.")
    one.add_argument("push", metavar="PUSH")
    one.add_argument("--unknown", action="store_true", help="send the unknown rows again, too")
    add_progress(one)
    added(commands, "pushes", run_pushes, "List the pushes of this machine.")
    for name, run, does in (
        ("errors", run_errors, "Show what the service refused of a push."),
        ("outcomes", run_outcomes, "Show what became of each row of a push."),
    ):
        one = added(commands, name, run, does)
        one.add_argument("push", metavar="PUSH")
        one.add_argument(
            "--to", metavar="FILE", help="write it to a .csv, .parquet, .json or .ndjson, or to a URL of one"
        )
    added(commands, "jobs", run_jobs, "List the account's jobs.")
    one = added(commands, "job", run_job, "Show one job of the account.")
    one.add_argument("job", metavar="ID")
    added(commands, "doctor", run_doctor, "Look at what may be wrong here, and what to do about it.")


def added(commands: Subparsers, name: str, run: Callable[..., Done], does: str) -> argparse.ArgumentParser:
    """Add one command that runs a function of this module."""
    one: argparse.ArgumentParser = commands.add_parser(
        name,
        help=f"{does[0].lower()}{does[1:-1]}",
        description=does,
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    one.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    one.set_defaults(run=functools.partial(carried_out, run))
    return one


# What each does


def run_plan(options: argparse.Namespace) -> Done:
    """Plan, and tell whether a push would be refused."""
    made = planned(options, quiet_client())
    document = {
        "kind": made.kind,
        "rows": made.rows,
        "bytes": made.bytes,
        "seconds": made.duration.total_seconds(),
        "counts": made.counts.to_dict(),
        "columns": rows_of(made.columns),
        "invalid": rows_of(made.invalid),
        "chunks": rows_of(made.chunks),
        "changes": rows_of(made.changes),
    }
    try:
        made.check()
    except ValidationError as error:
        return Done(UNSENDABLE, document | {"error": error_document(error)}, f"{made!r}\n\n{error}")
    return Done(0, document, repr(made))


def quiet_client() -> Client | None:
    """Return the client that the environment names, if it does: a plan needs none, and says more with one."""
    try:
        return connection.default_client()
    except AnalytexError:
        return None


def run_push(options: argparse.Namespace) -> Done:
    """Plan and push; a wrong key is said before a long plan."""
    made = planned(options, connection.connect())
    options.going = made.id
    return followed(options, lambda: made.push(wait=False, progress=False))


def planned(options: argparse.Namespace, client: Client | None) -> Plan:
    """Return the plan of the file, or the files of records, of a command."""
    of_files, progress = "paths" in options, getattr(options, "progress", None)
    data = options.paths if of_files else data_at(options.file)
    arguments = given(options) | {"client": client}
    return plan.make_plan(data, options.kind, arguments, progress=progress, of_files=of_files)


def run_resume(options: argparse.Namespace) -> Done:
    """Carry on with a push; without any to carry on with there is nothing to send."""
    client, push_id = connection.connect(), options.push
    if push_id is None:
        try:
            journal = Journal(client.state_directory)
            push_id = newest_unfinished(journal, client.account_digest(journal.salt()))
        except NotFoundError as error:
            return Done(0, None, str(error))
    options.going = push_id
    more = {"rebind": options.rebind, "chunk_bytes": options.chunk_bytes}
    return followed(options, lambda: api.resume(push_id, client=client, wait=False, progress=False, **more))


def run_retry(options: argparse.Namespace) -> Done:
    push = plan.held(as_it_stands(options.push, connection.connect()))
    return followed(options, lambda: push.retry(unknown=options.unknown, wait=False, progress=False))


def followed(options: argparse.Namespace, begin: Callable[[], Push]) -> Done:
    """Begin a push, follow it to its end, and tell what it came to."""
    push = begin()
    options.going = push.id
    error = None
    try:
        presented(push, True, options.progress)
    except AnalytexError as stopped:
        error = stopped
    counts = {name: int(rows) for name, rows in push.counts.items()}
    if error is not None or push.status not in ("completed", "completed_with_errors"):
        status = STOPPED
    elif counts["refused"] or counts["unknown"]:
        status = LEFT_OPEN
    else:
        # All rows left out as invalid is not what a skip was asked for.
        status = UNSENDABLE if 0 < counts["input"] == counts["invalid"] else 0
    document = {
        "push": push.id,
        "kind": push.kind,
        "status": push.status,
        "parent": push.parent,
        "counts": counts,
        "errors": len(push.errors),
        "jobs": rows_of(push.jobs),
        "error": None if error is None else error_document(error),
    }
    if status == STOPPED:
        say(f"{'' if error is None else harmless(str(error))}\n{way_on(push.id)}".lstrip())
    return Done(status, document, repr(push))


def run_pushes(_: argparse.Namespace) -> Done:
    return shown(api.pushes())


def run_errors(options: argparse.Namespace) -> Done:
    journal = Journal(connection.state_directory(None))
    return written(tables.errors_table(journal, journal.push(options.push).id), options.to)


def run_outcomes(options: argparse.Namespace) -> Done:
    journal = Journal(connection.state_directory(None))
    push = journal.push(options.push)
    return written(outcomes_table(journal, push, journal.document(push.id).invalid), options.to)


def run_jobs(_: argparse.Namespace) -> Done:
    return shown(account.jobs())


def run_job(options: argparse.Namespace) -> Done:
    found = account.job(options.job)
    seen = dataclasses.asdict(found.look()) | {"errors": rows_of(found.errors)}
    document = {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in seen.items()
    }
    document.pop("raw", None)
    return Done(0, document, f"{found!r}\n{table_text(found.errors)}".rstrip())


def run_doctor(_: argparse.Namespace) -> Done:
    found = doctor()
    ill = found[found["remedy"] != ""]
    text = "\n\n".join([table_text(found[["check", "result"]]), *(ill["check"] + ": " + ill["remedy"])])
    return Done(STOPPED if len(ill) else 0, json_of(found), text)


# What they print


def carried_out(run: Callable[[argparse.Namespace], Done], options: argparse.Namespace) -> int:
    """Run a command, print its result, and return its exit status."""
    options.going, last = None, ""
    with signals_interrupt(), logged() as log:
        try:
            done = run(options)
        except KeyboardInterrupt:
            log.setLevel(logging.CRITICAL)  # what is said of it comes last
            left = Journal(connection.state_directory(None)).has(options.going) if options.going else False
            last = way_on(options.going) if left else "Interrupted. Nothing was sent."
            done = Done(INTERRUPTED, {"push": options.going if left else None, "error": {"message": last}})
        except AnalytexError as error:
            done, last = stopped_by(error), harmless(str(error))
    status = print_result(options, done)
    if last:
        say(last)
    return status


def stopped_by(error: AnalytexError) -> Done:
    """Return what a command came to that an error stopped."""
    rows = error.report if isinstance(error, ValidationError) else empty_report()
    status = MISUSED if isinstance(error, ValidationError | NotFoundError) else STOPPED
    document = {"push": None, "error": error_document(error), "invalid": rows_of(rows)}
    return Done(UNSENDABLE if len(rows) else status, document)


def print_result(options: argparse.Namespace, done: Done) -> int:
    """Print a result on stdout, and return the exit status."""
    if options.json:
        document = done.document
        if isinstance(document, dict):
            document = document | {"exit_status": done.status}
        text = (
            document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, default=str)
        )
    else:
        text = harmless(done.text)
    try:
        write(sys.stdout, text if text.endswith("\n") or not text else f"{text}\n")
    except BrokenPipeError:
        pass  # who reads it has seen enough
    except OSError as error:
        say(f"The result cannot be written to stdout: {error.strerror}.")
        return done.status or STOPPED
    return done.status


def say(text: str) -> None:
    """Say something on stderr."""
    with contextlib.suppress(OSError):  # nobody listens, and what was done is done
        write(sys.stderr, f"{text}\n")


def write(stream: TextIO | None, text: str) -> None:
    """Write to a stream at once; a scheduler may have closed it."""
    if stream is not None:
        stream.write(text)
        stream.flush()


def way_on(push_id: str) -> str:
    """Return the line that says how to go on with a push."""
    return f"Push {push_id} is not at its end, and nothing is lost. To go on: {NAME} resume {push_id}"


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let the first of the signals that end a program do what Ctrl-C does; it ends by that, and hears no other."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return

    def interrupt(*_: object) -> NoReturn:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]  # nohup asks for that
    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heard:
            if signal.getsignal(number) is interrupt:
                signal.signal(number, before[number])


@contextlib.contextmanager
def logged() -> Iterator[logging.Handler]:
    """Show the package's warnings on stderr."""
    handler, logger = logging.StreamHandler(), logging.getLogger("analytex_pandas")
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(harmless(str(message)))
            yield handler
    finally:
        if handler.level == logging.WARNING:
            logger.removeHandler(handler)
