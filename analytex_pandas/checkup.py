"""What a colleague would ask first when something does not work: looked at one by one, each with its remedy."""

from __future__ import annotations

import copy
import datetime as dt
import email.utils
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pandas as pd

from analytex_pandas import connection, settings
from analytex_pandas.delivery.files import OTHERS
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import acquired, driver_lock, drop
from analytex_pandas.delivery.opening import present_status
from analytex_pandas.errors import AnalytexError, TransportError, harmless_line, typed_table
from analytex_pandas.service.client import CHECK_SECONDS, Client
from analytex_pandas.settings import ApiKey

CHECKS: Final = dict.fromkeys(("check", "result", "remedy"), "object")
CLOCK_SECONDS: Final = 60
"""Seconds by which the clocks may differ: the service's own times say a second, and an answer takes one, too."""
MOUNTS: Final = Path("/proc/self/mountinfo")
NETWORK_DRIVES: Final = re.compile(
    r"nfs\d?|cifs|smb.*|afs|ncpfs|9p|ceph|glusterfs|lustre|beegfs|gpfs|fuse\.(?!ext|ntfs|exfat|portal).*"
)
"""File systems on which locks and SQLite's write-ahead log are not to be relied on."""


class Found(NamedTuple):
    """What a check has found, and what to do about it; an empty remedy where all is well."""

    check: str
    result: str
    remedy: str = ""


def doctor(*, client: Client | None = None) -> pd.DataFrame:
    """Look at what a colleague would ask for first: what is wrong here, and what to do about it.

    Versions, key (which is not shown), address, TLS, clock, the state directory (writable, private, locks work, not a
    network drive), pushes that were left, what this front end can show. It asks the service twice, for its jobs.

    Parameters
    ----------
    client : Client, optional
        Whose service and state directory; else the connected one's, or what the environment variables name.

    Returns
    -------
    pandas.DataFrame
        check, result, remedy; the remedy is empty where nothing is wrong.

    Examples
    --------
    >>> import analytex_pandas as apd
    >>> with apd.sandbox():
    ...     found = apd.doctor()
    >>> found.loc[found["check"] == "service", "result"].item()
    "takes the key, and lists the account's jobs"
    """
    rows = [found._asdict() for look in LOOKS for found in looked(look, client or connection.connected())]
    shown = [{name: harmless_line(str(text)) for name, text in row.items()} for row in rows]
    return typed_table(CHECKS, shown)


def looked(look: Callable[[Client | None], Iterator[Found]], client: Client | None) -> Iterator[Found]:
    """Yield what a look finds; that it cannot look is a finding, too."""
    try:
        yield from look(client)
    except (AnalytexError, OSError) as error:
        yield Found(look.__name__.replace("_", " "), "cannot be used", str(error))


def versions(_: Client | None) -> Iterator[Found]:
    """Compare what is installed with what is needed."""
    yield Found("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        needed = metadata.requires("analytex-pandas") or []
        yield Found("analytex-pandas", metadata.version("analytex-pandas"))
    except metadata.PackageNotFoundError:
        needed = []
        yield Found("analytex-pandas", "run from its source, not installed")
    named = (re.match(r"([\w-]+)>=([\d.]+)", line) for line in needed if "extra ==" not in line)
    floors = {match[1]: match[2] for match in named if match} or dict.fromkeys(("pandas", "pyarrow"), "0")
    for name, floor in floors.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Found(name, "is not installed", f"pip install '{name}>={floor}'")
            continue
        numbers = [[int(part) for part in re.findall(r"\d+", text)[:3]] for text in (found, floor)]
        remedy = "" if numbers[0] >= numbers[1] else f"pip install --upgrade '{name}>={floor}'"
        yield Found(name, found, remedy)


def service(client: Client | None) -> Iterator[Found]:
    """Look for a key and an address, and ask what is there; the key is in nothing that is yielded."""
    key: ApiKey | None = None
    if client is not None:
        yield Found("key", "that of the connected client")
        key, address = client.key, client.base_url
    else:
        try:
            key = settings.api_key()
            yield Found("key", "that in ANALYTEX_API_KEY")
        except AnalytexError as error:
            yield Found("key", "none that can be used", str(error))
        try:
            address = settings.base_url()
        except AnalytexError as error:
            yield Found("address", "none that can be used", str(error))
            return
    # Without a key the address, TLS and the clock can be looked at all the same.
    asked = client or Client("none" if key is None else key.reveal(), address)
    transport = copy.copy(asked.transport)
    transport.timeout = (min(asked.timeout[0], CHECK_SECONDS), min(asked.timeout[1], CHECK_SECONDS))
    begin, today = time.monotonic(), dt.datetime.now(dt.UTC)
    try:
        answer = transport.exchange("GET", address + asked.paths["jobs"], "Asking for the jobs")
    except AnalytexError as error:
        yield Found("address", f"{address} gives no answer", str(error))
        if "certificate" in str(error).lower() or "ssl" in str(error).lower():
            yield Found("TLS", "the certificate is not trusted", trusting())
        return
    seconds = time.monotonic() - begin
    yield Found("address", f"{address} answers after {seconds:.2f} s{by_proxy(address)}")
    is_secure = address.startswith("https")
    yield Found("TLS", "the certificate is trusted" if is_secure else "none: plain http to this machine")
    yield clock(answer.headers.get("Date"), today + dt.timedelta(seconds=seconds / 2))
    if key is None:
        yield Found("service", "was not asked: there is no key")
        return
    try:
        asked.check()
        yield Found("service", "takes the key, and lists the account's jobs")
    except AnalytexError as error:
        wrong = "gives no answer" if isinstance(error, TransportError) else "does not answer as it should"
        yield Found("service", f"{wrong} ({type(error).__name__})", str(error))


def trusting() -> str:
    """Return what to do about a certificate that is not trusted."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    given = [name for name in names if os.environ.get(name)]
    here = f" {', '.join(given)} is set here." if given else ""
    return (
        "Where a company's proxy opens TLS, its authority has to be trusted by the operating system, or stand in the "
        f"file that REQUESTS_CA_BUNDLE names.{here}"
    )


def by_proxy(address: str) -> str:
    """Return a word on the proxy that calls to an address go by; empty without one."""
    from urllib.request import getproxies, proxy_bypass  # needed here alone

    url = urlsplit(address)
    proxied = url.scheme in getproxies() and not proxy_bypass(url.hostname or "")
    by_one = proxied and not settings.is_loopback(url.hostname or "")
    return ", by the proxy of the environment" if by_one else ""


def clock(said: str | None, here: dt.datetime) -> Found:
    """Compare this machine's time with that of an answer's head."""
    try:
        there = email.utils.parsedate_to_datetime(said or "")
        away = (there if there.tzinfo else there.replace(tzinfo=dt.UTC)) - here
    except (ValueError, OverflowError):
        return Found("clock", "cannot be compared: the service does not say its time")
    seconds = abs(away.total_seconds())
    if seconds <= CLOCK_SECONDS:
        return Found("clock", f"is that of the service, within {max(seconds, 1):.0f} s")
    late = "behind" if away > dt.timedelta(0) else "ahead of"
    return Found(
        "clock",
        f"is {seconds:,.0f} s {late} that of the service",
        "Set this machine's clock by the network (NTP): a chunk whose answer was lost is told from others by time.",
    )


def state_directory(client: Client | None) -> Iterator[Found]:
    """Write to where pushes are kept, lock there, and look at what was left."""
    place = connection.state_directory(client)
    name = f"doctor-{os.getpid()}"
    lock, other = driver_lock(place, name), driver_lock(place, name)
    try:
        work = acquired(lock, 0.0) and not acquired(other, 0.0)
        yield Found("state directory", f"{place} can be written to")
        result = "work" if work else "do not work: two processes could drive one push"
        remedy = "" if work else "Set ANALYTEX_STATE_DIR to a directory on a disk of this machine."
        yield Found("locks", result, remedy)
    finally:
        other.release()
        drop(lock)
    if os.name == "posix":
        open_to = place.stat().st_mode & OTHERS
        result = "others of this machine may enter it" if open_to else "for this user only"
        yield Found("privacy", result, f"chmod 700 {place}" if open_to else "")
    kind = file_system(place)
    unsafe = "A network drive: locks and the journal are not safe there."
    way = "Set ANALYTEX_STATE_DIR to a disk of this machine."
    remedy = f"{unsafe} {way}" if NETWORK_DRIVES.fullmatch(kind) else ""
    yield Found("disk", kind or "of a kind that cannot be told on this system", remedy)
    journal = Journal(place)
    pushes = journal.pushes()
    left = [push.id for push in pushes if present_status(journal, push) in ("interrupted", "failed")]
    yield Found(
        "pushes",
        f"{len(pushes):,} written down, {len(left):,} of them stopped before their end",
        f"apd.resume({left[0]!r}) goes on with the newest; apd.clean(push_id) drops one." if left else "",
    )


def file_system(place: Path) -> str:
    """Return the kind of file system that a directory is on, empty where that cannot be told."""
    if str(place).startswith("\\\\"):
        return "smb"
    if not MOUNTS.exists():
        return ""
    kinds = {}
    for line in MOUNTS.read_text(errors="replace").splitlines():
        mounted, _, kind = line.partition(" - ")
        path = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), mounted.split(" ")[4])
        kinds[Path(path)] = kind.split(" ")[0]
    resolved = place.resolve()
    return next((kinds[above] for above in (resolved, *resolved.parents) if above in kinds), "")


def front_end(_: Client | None) -> Iterator[Found]:
    """Tell what a push shows of itself here."""
    from analytex_pandas.show import surroundings  # light until used

    remedy = ""
    if settings.is_silent():
        shown = "nothing: ANALYTEX_SILENT is set"
    elif surroundings.on_kernel():
        live = surroundings.widgets_work()
        shown = "a live panel in the notebook" if live else "HTML in the notebook, with the end of the push"
        remedy = "" if live else "pip install 'ipywidgets>=8', then restart the kernel, for the live panel."
    elif surroundings.in_marimo():
        shown = "HTML in the notebook"
    elif sys.stderr is not None and sys.stderr.isatty():
        shown = "a progress bar in the terminal"
    else:
        shown = "a line in the log now and then"
    yield Found("front end", f"shows {shown}", remedy)


LOOKS: Final = (versions, service, state_directory, front_end)
