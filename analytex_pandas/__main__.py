"""The command line: ``python -m analytex_pandas``, also installed as ``analytex-pandas``."""

from __future__ import annotations

import argparse
import importlib.util
import io
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

import analytex_pandas as apd
from analytex_pandas.commands import INTERRUPTED, MISUSED, STOPPED, add_commands, print_result, stopped_by
from analytex_pandas.errors import ValidationError
from analytex_pandas.settings import ROWS_PER_MINUTE

USAGE: Final = """\
With ANALYTEX_API_KEY in the environment:

  analytex-pandas plan users customers.csv --user-id customer_id
  analytex-pandas push users customers.csv --user-id customer_id --only-changed

Messages speak Python: invalid="skip" is --invalid skip here, apd.pushes() analytex-pandas pushes.

The same from Python, in a notebook or a script:

  import pandas as pd, analytex_pandas as apd
  apd.connect()
  pd.read_csv("customers.csv", dtype=str).analytex.push_users(user_id="customer_id")
"""


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without ✓ shows a question mark, and no traceback.
            stream.reconfigure(errors="replace")
    top = parser()
    try:
        options = top.parse_args(arguments)
    except SystemExit as ended:
        if isinstance(ended.__cause__, ValidationError) and "--json" in (arguments or sys.argv):
            print_result(argparse.Namespace(json=True), stopped_by(ended.__cause__))
        raise
    if options.command is None:
        top.print_help()
        return MISUSED
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        try:
            super().error(message)
        except SystemExit as ended:
            raise ended from ValidationError(message)


def parser() -> argparse.ArgumentParser:
    as_module = Path(sys.argv[0]).name == "__main__.py"
    top = Parser(
        prog="python -m analytex_pandas" if as_module else "analytex-pandas",
        description="Push pandas DataFrames of users and companies into Analytex.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"analytex-pandas {apd.__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="see it work in half a minute, without an account",
        description="Push 20,000 messy customers into a sandbox on this machine, step by step. Needs no account.",
    )
    demo.set_defaults(run=run_demo)
    sandbox = commands.add_parser(
        "sandbox",
        help="serve a stand-in for Analytex on this machine",
        description="Serve a stand-in for Analytex on this machine, to rehearse on, until Ctrl-C ends it.",
    )
    where = "port to listen on (default: a free one)"
    sandbox.add_argument("--port", type=port_number, default=0, help=where)
    sandbox.add_argument(
        "--rows-per-minute",
        type=pace,
        default=ROWS_PER_MINUTE,
        metavar="ROWS",
        help=f"how fast its jobs go (default: {ROWS_PER_MINUTE:,}, as the service)",
    )
    sandbox.set_defaults(run=run_sandbox)
    add_commands(commands)
    return top


def port_number(text: str) -> int:
    number = int(text)
    if number not in range(1 << 16):
        raise argparse.ArgumentTypeError(f"{number} is no port: 0 to 65,535")
    return number


def pace(text: str) -> float:
    number = float(text.replace(",", "").replace("_", ""))
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is no pace: more than 0")
    return number


def lacks_server() -> bool:
    """Say so where the sandbox has nothing to serve by."""
    lacks = importlib.util.find_spec("werkzeug") is None
    if lacks:
        print("The sandbox needs Werkzeug: pip install 'analytex-pandas[sandbox]'", file=sys.stderr)
    return lacks


def run_demo(_: argparse.Namespace) -> int:
    if lacks_server():
        return STOPPED
    from analytex_pandas.demo.teller import tell  # loads pandas and the server

    try:
        tell()
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; it leaves nothing behind.", file=sys.stderr)
        return INTERRUPTED
    return 0


def run_sandbox(options: argparse.Namespace) -> int:
    if lacks_server():
        return STOPPED
    sandbox = apd.sandbox(options.rows_per_minute, options.port)
    try:
        with sandbox:
            print(directions(sandbox.url, sandbox.api_key, options.rows_per_minute), flush=True)
            threading.Event().wait()
    except OSError as error:
        print(
            f"Port {options.port} cannot be used: {error.strerror}. --port 0 takes a free one.",
            file=sys.stderr,
        )
        return STOPPED
    except KeyboardInterrupt:
        print("\nThe sandbox is closed; what it held is gone.", flush=True)
    return 0


def directions(url: str, key: str, rows_per_minute: float) -> str:
    return f"""\
An Analytex sandbox is running, at {rows_per_minute:,.0f} rows a minute. Ctrl-C ends it.

  URL      {url}
  API key  {key}

From Python:

  apd.connect("{key}", "{url}")

From a shell, for the other commands:

  export ANALYTEX_API_KEY={key} ANALYTEX_ENVIRONMENT={url}

With curl, two users, then all jobs:

  curl -H 'Authorization: Token {key}' -H 'Content-Type: application/json' \\
       -d '{{"users": [{{"user_id": "1"}}, {{"user_id": "2", "metadata": {{"plan": "team"}}}}]}}' \\
       {url}/v1/users/bulk_identify

  curl -H 'Authorization: Token {key}' {url}/v1/background_jobs"""


if __name__ == "__main__":
    sys.exit(main())
