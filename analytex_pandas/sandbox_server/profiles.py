"""The profiles of an account: upserted, and read back as DataFrames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from analytex_pandas.sandbox_server.records import ID_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytex_pandas.sandbox_server.records import Kind, Profile

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Profiles:
    """All profiles of one kind.

    Properties are kept as JSON text, a third of the size of a dict: a rehearsal with a million rows fits into
    the memory of a notebook.
    """

    def __init__(self, kind: Kind) -> None:
        self._id_key = ID_KEYS[kind]
        self._has_company = kind == "users"
        self._companies: dict[str, str] = {}
        self._properties: dict[str, bytes] = {}

    def upsert(self, profiles: Iterable[Profile]) -> None:
        """Create profiles, or write the properties that are named and leave the others alone."""
        for profile in profiles:
            known = self._properties.get(profile.id)
            if profile.company_id is not None:
                self._companies[profile.id] = profile.company_id
            if known is None:
                self._properties[profile.id] = _encode(profile.properties).encode()
            elif profile.properties:
                self._properties[profile.id] = _encode({**json.loads(known), **profile.properties}).encode()

    def frame(self) -> pd.DataFrame:
        """Return the profiles, one a row, in the order in which they were created.

        Cells hold what JSON held (so the dtype is object): None where null was sent, NaN where nothing was. A
        property that is named like an id column stands as ``metadata.<name>``.
        """
        ids = [self._id_key, "company_id"] if self._has_company else [self._id_key]
        columns: dict[str, list[Any]] = {self._id_key: list(self._properties)}
        if self._has_company:
            columns["company_id"] = [self._companies.get(profile_id) for profile_id in self._properties]
        size = len(self._properties)
        for row, text in enumerate(self._properties.values()):
            for name, value in json.loads(text).items():
                column = f"metadata.{name}" if name in ids else name
                if column not in columns:
                    columns[column] = [float("nan")] * size
                columns[column][row] = value
        return pd.DataFrame({name: pd.Series(cells, dtype="object") for name, cells in columns.items()})
