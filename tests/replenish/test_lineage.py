"""Terms of lines."""

import numpy as np

from partsopt.replenish.lineage import Term, lineage_of, terms_at


def test_terms_of_zero_are_left_out_and_the_others_numbered():
    terms = [
        Term("order_up_to_level", np.array([5, 0]), np.array(["a", "b"], dtype=object)),
        Term("on_hand", np.array([-2, 0]), "shelf"),
        Term("backordered", np.array([0, 3]), "owed"),
    ]
    rows = lineage_of(["x/1", "x/2"], terms)
    assert rows.to_numpy().tolist() == [
        ["x/1", 1, "order_up_to_level", 5, "a"],
        ["x/1", 2, "on_hand", -2, "shelf"],
        ["x/2", 1, "backordered", 3, "owed"],
    ]
    one = lineage_of(["x/2"], terms_at(terms, np.array([False, True])))
    assert one.to_numpy().tolist() == [["x/2", 1, "backordered", 3, "owed"]]


def test_no_lines_have_no_terms():
    assert len(lineage_of([], [])) == 0
