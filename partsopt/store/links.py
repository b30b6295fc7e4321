"""Rules that bind rows to other rows and other tables: references, repeated keys, cycles.

Each function takes rows that are sound by themselves and names the rows that break a rule; the
reader refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from partsopt.store.casts import is_time_zone
from partsopt.tables import Column, Table, Tables

Array: TypeAlias = np.ndarray[Any, Any]


class BrokenLink(NamedTuple):
    """Rows, by their index, that break one rule: each with the value, the rule and the remedy."""

    rows: Array
    column: str
    values: Sequence[str]
    rules: Sequence[str]
    remedies: Sequence[str]


class Referred(NamedTuple):
    """Ids that can be referred to, and those whose row was refused, with the place of that row."""

    ids: pd.Index
    refused: Mapping[str, str]


def broken_references(ids: pd.Series, name: str, column: Column, referred: Referred) -> BrokenLink:
    """Rows whose id is not in the table it refers to, or only in a row that was refused.

    Examples
    --------
    >>> from partsopt.tables import part
    >>> link = broken_references(pd.Series(["00123", "123"]), "part_id", part(), Referred(pd.Index(["00123"]), {}))
    >>> link.values, link.remedies
    (['123'], ['"00123" exists: its leading zeros were lost; export it as text'])
    """
    assert column.refers_to is not None  # noqa: S101 - the caller asks only for columns that refer
    table, key = column.refers_to
    known = pc.is_in(pa.array(ids, pa.large_string()), pa.array(referred.ids, pa.large_string()))
    unknown = ids.ne("").to_numpy() & ~known.to_numpy(zero_copy_only=False)
    rows = ids.index[unknown].to_numpy()
    values = ids[unknown].tolist()
    plain = {_plain_id(one): one for one in reversed(referred.ids.tolist())} if values else {}
    said: dict[str, tuple[str, str]] = {}
    for value in dict.fromkeys(values):
        if value in referred.refused:
            rule = f"must be a {key} of {table}, and the row that has it was refused ({referred.refused[value]})"
            said[value] = rule, "correct that row first"
        else:
            said[value] = f"must be a {key} of {table}", _reference_remedy(value, table, plain)
    return BrokenLink(rows, name, values, [said[one][0] for one in values], [said[one][1] for one in values])


def _plain_id(text: str) -> str:
    return text.strip().casefold().lstrip("0")


def _reference_remedy(value: str, table: str, plain: Mapping[str, str]) -> str:
    match = plain.get(_plain_id(value), "")
    if not match:
        return f"add it to {table}, or correct it"
    if match.casefold().lstrip("0") == value.casefold() and match.startswith("0"):
        return f'"{match}" exists: its leading zeros were lost; export it as text'
    return f'"{match}" exists: write it so'


def repeated_keys(rows: pd.DataFrame, lines: pd.Series, table: Table) -> BrokenLink:
    """Rows whose key an earlier row of the file has already; the first is kept.

    Parameters
    ----------
    rows
        Sound rows in the order of the file.
    lines
        Physical line of each row, of the same index.
    table
        The declaration.
    """
    key = list(table.key)
    name = ", ".join(key)
    is_repeated = rows.duplicated(key) if key else pd.Series(data=False, index=rows.index)
    if not is_repeated.any():
        return BrokenLink(np.zeros(0, dtype=np.int64), name, [], [], [])
    involved = rows[rows.duplicated(key, keep=False)]
    places = involved.groupby(key, sort=False, dropna=False).ngroup()
    first_of = pd.Series(involved.index, index=places.to_numpy()).groupby(level=0).first()
    further = rows[is_repeated]
    firsts = first_of.loc[places[further.index]].to_numpy()
    same = _same_values(further, rows.loc[firsts])
    rules = [
        f"must not repeat; line {line} has it already, with {'the same' if is_same else 'other'} values"
        for line, is_same in zip(lines[firsts], same, strict=True)
    ]
    values = _joined(further, key)
    return BrokenLink(further.index.to_numpy(), name, values, rules, ["keep one of the two lines"] * len(rules))


def _same_values(left: pd.DataFrame, right: pd.DataFrame) -> Array:
    same = np.ones(len(left), dtype=bool)
    for name in left:
        one, other = left[name].reset_index(drop=True), right[name].reset_index(drop=True)
        same &= (one.eq(other) | (one.isna() & other.isna())).to_numpy(dtype=bool)
    return same


def _joined(rows: pd.DataFrame, names: Iterable[str]) -> list[str]:
    columns = [
        rows[name].dt.strftime("%Y-%m-%d") if str(rows[name].dtype).startswith("datetime64") else rows[name].astype(str)
        for name in names
    ]
    return [", ".join(parts) for parts in zip(*columns, strict=True)]


# --------------------------------------------------------------------------- rules of single tables


def _dcs(sites: pd.DataFrame) -> pd.Series:
    return sites.loc[sites["site_kind"].eq("dc"), "site_id"]


def _broken(rows: pd.DataFrame, broken: pd.Series, column: str, rule: str, remedy: str) -> BrokenLink:
    found = rows[broken]
    n = len(found)
    return BrokenLink(found.index.to_numpy(), column, found[column].tolist(), [rule] * n, [remedy] * n)


def _check_sites(sites: pd.DataFrame, _: Tables) -> list[BrokenLink]:
    known = {name: is_time_zone(name) for name in sites["time_zone"].unique()}
    unknown_zone = ~sites["time_zone"].map(known).astype(bool)
    sound = sites[~unknown_zone]
    dealers = sound["site_kind"].eq("dealer")
    return [
        _broken(sites, unknown_zone, "time_zone", "must be an IANA time zone", "write it like Asia/Shanghai"),
        _broken(
            sound,
            dealers & ~sound["supplied_by"].isin(_dcs(sound)),
            "supplied_by",
            "must be the site_id of a dc that is not refused",
            "name the distribution centre that supplies this dealer",
        ),
    ]


def _check_supply(supply: pd.DataFrame, tables: Tables) -> list[BrokenLink]:
    from_dc = supply["channel"].eq("dc")
    is_itself = from_dc & supply["source_id"].eq(supply["site_id"])
    return [
        _broken(
            supply,
            from_dc & ~supply["source_id"].isin(_dcs(tables["sites"])),
            "source_id",
            "must be the site_id of a dc where channel is dc",
            "name a distribution centre, or correct the channel",
        ),
        _broken(
            supply, is_itself, "source_id", "must differ from site_id", "a site cannot supply itself; delete the line"
        ),
    ]


def _check_vehicles(vehicles: pd.DataFrame, tables: Tables) -> list[BrokenLink]:
    at_dealer = ~vehicles["depot_id"].isin(_dcs(tables["sites"]))
    remedy = "name the distribution centre where the vehicle starts"
    return [_broken(vehicles, at_dealer, "depot_id", "must be the site_id of a dc", remedy)]


def _check_supersessions(supersessions: pd.DataFrame, _: Tables) -> list[BrokenLink]:
    cycle_of = cycles(dict(zip(supersessions["old_part_id"], supersessions["new_part_id"], strict=True)))
    found = supersessions[supersessions["old_part_id"].isin(cycle_of)]
    rules = [
        "must not lead back to itself: " + " -> ".join([*cycle_of[old], cycle_of[old][0]])
        for old in found["old_part_id"]
    ]
    remedy = "delete the line that points back to an older number"
    values = found["new_part_id"].tolist()
    return [BrokenLink(found.index.to_numpy(), "new_part_id", values, rules, [remedy] * len(rules))]


def cycles(successor: Mapping[str, str]) -> dict[str, list[str]]:
    """Members of each cycle of successors, in order from the smallest, for each member.

    Examples
    --------
    >>> cycles({"B": "C", "C": "A", "A": "B", "X": "A"})
    {'A': ['A', 'B', 'C'], 'B': ['A', 'B', 'C'], 'C': ['A', 'B', 'C']}
    """
    settled: set[str] = set()
    found: dict[str, list[str]] = {}
    for start in sorted(successor):
        chain: dict[str, int] = {}
        one = start
        while one in successor and one not in settled and one not in chain:
            chain[one] = len(chain)
            one = successor[one]
        if one in chain:
            members = list(chain)[chain[one] :]
            turn = members.index(min(members))
            members = members[turn:] + members[:turn]
            found |= dict.fromkeys(members, members)
        settled.update(chain)
    return found


LINK_RULES: Mapping[str, Callable[[pd.DataFrame, Tables], list[BrokenLink]]] = {
    "sites": _check_sites,
    "supply": _check_supply,
    "vehicles": _check_vehicles,
    "supersessions": _check_supersessions,
}
