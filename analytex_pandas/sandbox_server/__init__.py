"""The embedded stand-in for the Analytex bulk API: real HTTP on loopback, real limits, faults on demand.

It is written from the service's documentation and imports nothing of the rest of the package, so that no bug
can be shared by the client and by what the client is tested against.

From the socket inwards: ``server`` holds connections, ``messages`` knows how HTTP frames what comes and goes,
``service`` decides on a request, ``records`` reads and judges what a submit holds, ``account`` takes jobs and keeps
profiles, ``jobs`` tells where a job stands and shows it, ``faults`` breaks all that on demand. What each of them goes
by are the ``terms`` that a ``sandbox`` was asked for.
"""

from analytex_pandas.sandbox_server.faults import Fault
from analytex_pandas.sandbox_server.sandbox import Sandbox

__all__ = ["Fault", "Sandbox"]
