"""Nights one after the other on a made network: orders are imported, goods arrive, customers take theirs."""

import pandas as pd

from partsopt.commands import answer

COLUMNS = ["order_id", "line", "source_id", "site_id", "part_id", "quantity", "due_on", "status"]
KEY = ["site_id", "part_id"]


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)


def moved(stock, rows, sign):
    """The shelves after pieces came or went; what is missing is owed, and what comes serves that first."""
    change = rows.groupby(KEY)["quantity"].sum() * sign
    net = (stock["on_hand"] - stock["backordered"]).add(change, fill_value=0).astype(int)
    return pd.DataFrame({"on_hand": net.clip(lower=0), "backordered": (-net).clip(lower=0)})


def test_four_nights_order_each_need_once(tmp_path, capsys):
    """No order number comes twice, no position is raised above its level but for packs, and no shelf goes below zero."""
    night, runs = tmp_path / "night", tmp_path / "runs"
    made = ["--dcs", "1", "--dealers", "2", "--parts", "60", "--months", "12", "--seed", "7"]
    assert answer(["sample", str(night), *made]) == 0
    for name in ("urgent_orders", "reservations", "vehicle_parc", "maintenance_plan", "fixed_levels"):
        (night / f"{name}.csv").unlink(missing_ok=True)
    demand = read(night, "demand_lines").astype({"quantity": int})
    days = pd.bdate_range(end=demand["demanded_on"].max(), periods=4).strftime("%Y-%m-%d")
    shelves = read(night, "stock").astype({"on_hand": int, "backordered": int}).set_index(KEY)
    shelves = shelves[["on_hand", "backordered"]]
    orders = read(night, "open_orders").reindex(columns=COLUMNS).astype({"quantity": int}).assign(status="confirmed")
    numbers = set()
    for day in days:
        shelves = moved(shelves, orders[orders["due_on"] <= day], 1)
        orders = orders[orders["due_on"] > day]
        shelves.reset_index().to_csv(night / "stock.csv", index=False)
        orders.to_csv(night / "open_orders.csv", index=False)
        assert answer(["run", str(night), "--out", str(runs), "--today", day, "--json"]) == 0
        run = runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()
        bought, sent = (
            read(run, name)[COLUMNS].astype({"quantity": int}) for name in ("purchase_orders", "transfer_orders")
        )
        new = pd.concat([bought, sent]).assign(status="confirmed")
        lines = set(new["order_id"] + "/" + new["line"])
        assert not lines & numbers
        numbers |= lines
        levels = pd.read_parquet(run / "levels.parquet").set_index(KEY)
        levels["position"] = pd.read_parquet(run / "positions.parquet").set_index(KEY)["inventory_position"]
        levels["after"] = levels["position"] + bought.groupby(KEY)["quantity"].sum()
        pack = levels[["min_order_quantity", "order_multiple"]].max(axis=1)
        assert (levels["after"].dropna() < (levels["order_up_to_level"] + pack)[levels["after"].notna()]).all()
        before = shelves["on_hand"]
        shelves = moved(shelves, sent.assign(site_id=sent["source_id"]), -1)
        assert (before.reindex(sent.set_index(["source_id", "part_id"]).index) > 0).all()
        orders = pd.concat([orders, new], ignore_index=True)
        customers = demand[(demand["demanded_on"] == day) & (demand["quantity"] > 0)]
        shelves = moved(shelves, customers, -1)
    capsys.readouterr()
    assert len(numbers) > 0
