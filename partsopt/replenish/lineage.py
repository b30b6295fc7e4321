"""The signed terms of order lines and requests; their sum is the quantity of the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.tables import LINEAGE, empty

Wholes = npt.NDArray[np.int64]


class Term(NamedTuple):
    """One term for many lines: signed pieces of each line, and a note for all or for each."""

    name: str
    quantity: Wholes
    note: str | npt.NDArray[np.str_]


def lineage_of(line_id: npt.ArrayLike, terms: Sequence[Term]) -> pd.DataFrame:
    """Rows of lineage for lines of the same make; a term of zero is left out.

    Examples
    --------
    >>> rows = lineage_of(["a/1"], [Term("on_hand", np.array([-2]), "shelf"), Term("reserved", np.array([0]), "")])
    >>> rows[["line_id", "term_number", "term", "quantity"]].to_numpy().tolist()
    [['a/1', 1, 'on_hand', -2]]
    """
    ids = np.asarray(line_id, dtype=object)
    if not len(ids) or not terms:
        return empty(LINEAGE)
    quantity = np.stack([term.quantity for term in terms], axis=1)
    line, place = np.nonzero(quantity)
    number = (quantity != 0).cumsum(axis=1)[line, place]
    notes = np.stack([np.broadcast_to(np.asarray(term.note, dtype=object), len(ids)) for term in terms], axis=1)
    return pd.DataFrame(
        {
            "line_id": ids[line],
            "term_number": number,
            "term": np.array([term.name for term in terms], dtype=object)[place],
            "quantity": quantity[line, place],
            "note": notes[line, place],
        }
    )


def terms_at(terms: Sequence[Term], rows: npt.NDArray[np.bool_]) -> list[Term]:
    """The same terms for some of the lines."""
    return [
        term._replace(quantity=term.quantity[rows], note=term.note if isinstance(term.note, str) else term.note[rows])
        for term in terms
    ]
