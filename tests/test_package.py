"""The package as a whole: its surface, how light it is, and which room may know which."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(apd.__file__).parent
REPOSITORY: Final = PACKAGE.parent
MODULES: Final = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "analytex_pandas.")
    if not module.name.endswith("__main__")
)
HEAVY: Final = (
    "IPython",
    "comm",
    "dask",
    "fsspec",
    "ipywidgets",
    "platformdirs",
    "sqlite3",
    "tqdm",
    "werkzeug",
)
ROOMS: Final = {
    "errors": set[str](),
    "settings": {"errors"},
    "frame": {"errors", "settings"},
    "service": {"errors", "settings"},
    "engines": {"errors", "settings", "frame"},
    "delivery": {"errors", "settings", "frame", "service"},
    "show": {"errors", "settings", "frame", "service", "delivery"},
    "sandbox_server": set[str](),
}
"""What each room may know beside itself; what is not named here are the users' objects, which may know every room."""
LINES: Final = {
    # 100 for safety; 120 for everyday use: cells run twice, variables; 145: arguments, resume; 20 for URLs; 950 for
    # commands and doctor; 65 for files of records; 20 for what only each job tells; 45 for streams that a scheduler has
    # closed, quotes that nobody has, and misuse in JSON; 20 for labels of any kind in files; 35 for
    # tables that a terminal can show, and for refused rows without those that a retry has mended
    "top": 3_690,
    # 205 for everyday use: erased values, reserved names; 145 for URLs; 80 for outcomes; 505 for files of records; 15
    # for links to directories, and stores that cannot be looked at
    "frame": 6_845,
    "engines": 977,  # 645 for staging: parts on shared storage, joined by the driver; 15 for odd columns
    # 245 for safety: calls, trust, what bounds an answer; 65 to learn the pace; 1,400 to read reports of any shape,
    # tables, lists of rows and ids in words, spans, what is counted and cut short, and all that stands beside errors
    "service": 3_220,
    # 695 for safety; 170: the same records twice, forks; 35 for callbacks; 250 to judge reports; 375 for outcomes;
    # 150 for requests declined for the sake of rows, which a retry may have brought in before; 105 to tell displays of
    # troubles, waits and ends; 5 for which rows a retry has mended
    "delivery": 4_665,
    # 205 for front ends: marimo, unattended notebooks, lines for logs, the tab's title; 95 for the page of a plan; 790
    # for a panel of 23 states that each say what is so and what can be done, and the account by pushes and files; 15
    # for marks of chunks that agree with their rows, and for MathJax 3; 25 for code in notes, whatever names it quotes
    "show": 3_095,
    "sandbox_server": 1_490,
    "demo": 240,
}
"""Lines that each room may have at most, as ``wc -l`` counts them. More needs a reason, here, beside the number.

The aim is some 13,500 in all; these hold what has been reached.
"""
LONGEST: Final = 430
"""Lines of a module at most: what can be read from top to bottom."""


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of this package that a file imports, also within functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} has a relative import"
            names = [f"{node.module}.{name.name}" for name in node.names]
            names = [name if name in MODULES else node.module or "" for name in names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "analytex_pandas":
                yield name


def name_of(path: Path) -> str:
    """Return a file's module."""
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    """Return the room that a module is in, the first name below the package."""
    return [*module.split("."), ""][1]


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way(room: str) -> None:
    """Show and push know service and frame; these know neither each other nor anything above; the sandbox nobody."""
    files = (
        [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else list((PACKAGE / room).glob("*.py"))
    )
    assert files
    wrong = [
        f"{path.name} imports {name}"
        for path in files
        for name in imports(path)
        if room_of(name) not in {room, *ROOMS[room]}
    ]
    assert wrong == []


def test_no_module_knows_itself_by_others() -> None:
    """Whoever reads a module need not have read one that has read it: no circle of imports, those for types too."""
    known = {name_of(path): set(imports(path)) for path in PACKAGE.rglob("*.py")}
    while leaves := [name for name, others in known.items() if not others & known.keys()]:
        for name in leaves:
            del known[name]
    assert sorted(known) == []


@pytest.mark.parametrize("room", LINES)
def test_a_room_keeps_to_its_lines(room: str) -> None:
    """Size is a feature: what grows has a reason, and that stands beside the number."""
    place = PACKAGE if room == "top" else PACKAGE / room
    files = list(place.glob("*.py")) if room == "top" else list(place.rglob("*.py"))
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert sum(lines.values()) <= LINES[room]
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_nobody_imports_the_accessor() -> None:
    """The accessor is sugar on top; only the package itself loads it, to register it."""
    importers = [
        path.name for path in PACKAGE.rglob("*.py") for name in imports(path) if room_of(name) == "accessor"
    ]
    assert importers == ["__init__.py"]


def test_importing_is_light() -> None:
    """Nobody who imports the package pays for widgets, a server, a database or a bar before they use one."""
    code = (
        "import sys, pandas, pyarrow, requests; before = set(sys.modules); import analytex_pandas;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert set(loaded.stdout.split()).isdisjoint(HEAVY)


def test_the_public_names_are_sorted_documented_and_all_there_is() -> None:
    """The surface is what is in ``__all__``: no more by ``dir``, each with a docstring, in one order."""
    assert apd.__all__ == sorted(apd.__all__)
    for name in apd.__all__:
        assert inspect.getdoc(getattr(apd, name)), name
    assert dir(apd) == apd.__all__


def test_public_methods_are_documented() -> None:
    """What tab completion offers on a plan, a push, a client or a job says what it is."""
    for name in ("Client", "Job", "Plan", "Push"):
        members = inspect.getmembers(
            getattr(apd, name), lambda value: inspect.isroutine(value) or isinstance(value, property)
        )
        bare = [
            member for member, value in members if not member.startswith("_") and not inspect.getdoc(value)
        ]
        assert bare == [], name


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_hold(module: str) -> None:
    """An example in a docstring does what it shows."""
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.failed == 0


def test_the_accessor_has_the_functions_of_the_facade() -> None:
    """What works on data as a function works on a frame as a method."""
    from analytex_pandas.accessor import AnalytexAccessor

    methods = {name for name in vars(AnalytexAccessor) if not name.startswith("_")}
    assert methods == {"plan_users", "plan_companies", "push_users", "push_companies", "to_ndjson"}


def test_the_package_says_that_it_is_typed() -> None:
    """Without the marker, type checkers of others ignore every annotation."""
    assert (PACKAGE / "py.typed").is_file()
