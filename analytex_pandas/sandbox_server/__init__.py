"""The embedded stand-in for the Analytex bulk API: real HTTP on loopback, real limits, faults on demand.

It is written from the service's documentation and imports nothing of the rest of the package, so that no bug
can be shared by the client and by what the client is tested against.

From the socket inwards: ``server`` speaks HTTP, ``service`` decides on a request, ``records`` reads and judges what a
submit holds, ``account`` runs jobs and keeps profiles. What they go by, faults included, are the ``terms`` that a
``sandbox`` was asked for.
"""

from analytex_pandas.sandbox_server.sandbox import Sandbox
from analytex_pandas.sandbox_server.terms import Fault

__all__ = ["Fault", "Sandbox"]
