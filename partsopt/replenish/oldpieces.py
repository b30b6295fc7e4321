"""Old numbers ship first: what a site asks of its DC is asked for in the numbers that run out, as long as they last.

A dealer sells a part under its present number and asks for that. Where the DC still has pieces of a number that it
replaced, and old pieces are sold first, the request names the old number instead, so that dealers help to use them up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.excess import matched
from partsopt.replenish.pairs import Pairs, rows_at
from partsopt.replenish.requests import Asked
from partsopt.replenish.runout import Chain
from partsopt.tables import LINEAGE, TIERS

Wholes = npt.NDArray[np.int64]

USED_UP = "used_up"


def with_old_pieces(pairs: Pairs, asked: Asked, free: Wholes, chain: Chain) -> Asked:
    """The requests of a wave in old numbers that the DC has, the most urgent tier and the oldest number first.

    Parameters
    ----------
    pairs
        The pairs.
    asked
        Requests with ``row`` and ``parent``, and their lineage.
    free
        Pieces of each pair on hand that nobody was promised.
    chain
        The supersessions, of which the depth tells which number is the oldest.

    Returns
    -------
    Asked
        A request that is met in part by old pieces keeps its name for the rest; the old number's request has that name
        and the old number. Packs of the stock tier stay whole. Lineage moves with the pieces.
    """
    part, site = pairs.rows["part"].to_numpy(), pairs.rows["site"].to_numpy()
    depth = np.zeros(len(pairs.part_ids), dtype=np.int64)
    depth[chain.old] = chain.depth
    goes_first = pairs.rows["is_superseded"].to_numpy() & pairs.successors.uses_up[part]
    old = np.flatnonzero(goes_first & (free > 0))
    requests = asked.requests
    if not len(old) or not len(requests):
        return asked
    heir = rows_at(pairs, site[old], pairs.successors.successor[part[old]])
    old = old[np.lexsort((part[old], -depth[part[old]], heir))]
    heir = rows_at(pairs, site[old], pairs.successors.successor[part[old]])
    tier = pd.Index(TIERS).get_indexer(requests["tier"])
    order = np.lexsort((requests["request_id"].to_numpy(dtype=str), tier, requests["parent"].to_numpy()))
    order = order[np.isin(requests["parent"].to_numpy()[order], heir)]
    wants = requests.iloc[order]
    heirs = np.unique(heir)
    got = matched(
        np.searchsorted(heirs, heir),
        free[old],
        np.searchsorted(heirs, wants["parent"].to_numpy()),
        wants["quantity"].to_numpy(),
    )
    pack = wants["order_multiple"].to_numpy()[got.taker]
    quantity = got.quantity // pack * pack
    taken = pd.DataFrame({"at": order[got.taker], "old": old[got.giver], "quantity": quantity})
    return _renamed(pairs, asked, taken[taken["quantity"] > 0].reset_index(drop=True))


def _renamed(pairs: Pairs, asked: Asked, taken: pd.DataFrame) -> Asked:
    """Requests of which some pieces are taken from old pairs: ``at`` their place, ``old`` the pair, ``quantity``."""
    if taken.empty:
        return asked
    requests = asked.requests
    first = ~taken["at"].duplicated()
    new = requests.iloc[taken["at"].to_numpy()].reset_index(drop=True)
    known = pairs.rows.iloc[taken["old"].to_numpy()]
    was = new["request_id"].to_numpy(dtype=object)
    sold_as = new["part_id"].to_numpy(dtype=object)
    new = new.assign(
        part_id=known["part_id"].to_numpy(),
        parent=taken["old"].to_numpy(),
        quantity=taken["quantity"].to_numpy(),
        unit_cost=known["part_cost"].to_numpy(),
        request_id=was + "-" + known["part_id"].to_numpy(dtype=object),
    )
    sums = taken.groupby("at")["quantity"].sum()
    rest = requests["quantity"] - sums.reindex(range(len(requests)), fill_value=0).to_numpy()
    gone = (rest == 0).to_numpy()

    # the terms of a request that is gone go on under its first old number
    heir_id = requests["request_id"].to_numpy(dtype=object).copy()
    heir_id[taken.loc[first, "at"]] = np.where(
        gone[taken.loc[first, "at"]],
        new.loc[first, "request_id"].to_numpy(dtype=object),
        heir_id[taken.loc[first, "at"]],
    )
    names = dict(zip(requests["request_id"], heir_id, strict=True))
    moved = asked.lineage.assign(line_id=asked.lineage["line_id"].map(names))
    given = sums.index.to_numpy()
    kept = np.where(gone[given], taken.loc[first].set_index("at")["quantity"].reindex(given).to_numpy(), 0)
    less = pd.DataFrame(
        {
            "line_id": heir_id[given],
            "quantity": -(sums.to_numpy() - kept),
            "note": "sent as an older number that is sold first",
        }
    )
    is_heir = first & gone[taken["at"].to_numpy()]
    more = pd.DataFrame(
        {
            "line_id": new["request_id"],
            "quantity": taken["quantity"],
            "note": "old pieces are sold first; asked for as " + pd.Series(sold_as, dtype=object).astype(str),
        }
    )[~is_heir.to_numpy()]
    added = pd.concat([less[less["quantity"] != 0], more], ignore_index=True).assign(term=USED_UP)
    place = moved.groupby("line_id")["term_number"].max()
    added["term_number"] = added["line_id"].map(place).fillna(0).astype("int64") + 1
    lineage = pd.concat([moved, added[[*LINEAGE.columns]]], ignore_index=True)
    return Asked(
        pd.concat([requests.assign(quantity=rest)[~gone], new], ignore_index=True).astype(requests.dtypes.to_dict()),
        lineage.astype(asked.lineage.dtypes.to_dict()),
    )
