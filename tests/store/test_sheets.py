from partsopt.store.sheets import check_header, shortened
from partsopt.tables import STOCK


def test_columns_may_stand_in_any_order_and_further_ones_are_noted():
    header = check_header(["on_hand", "note", "note", "part_id", "site_id"], STOCK, "stock.csv", 1)
    assert header.faults == ()
    assert header.notes == ('stock.csv: "note" is not a column of stock and is not read.',)


def test_a_long_text_is_shown_by_its_beginning():
    assert shortened("x" * 200) == "x" * 200
    assert shortened("x" * 201) == "x" * 200 + "…"
