"""The embedded stand-in for the Analytex bulk API: real HTTP on loopback, real limits, faults on demand.

It is written from the service's documentation and imports nothing of the rest of the package, so that no bug
can be shared by the client and by what the client is tested against.

From the socket inwards: ``server`` speaks HTTP, ``service`` decides on a call, ``bodies`` reads what was sent,
``records`` judges single records, ``account`` holds jobs and profiles, ``jobs`` tells where a job stands by the clock,
``reports`` writes what is known of a job in the shapes that the service has been seen to use, ``faults`` breaks all
that on demand.
"""

from analytex_pandas.sandbox_server.faults import Fault
from analytex_pandas.sandbox_server.sandbox import Sandbox

__all__ = ["Fault", "Sandbox"]
