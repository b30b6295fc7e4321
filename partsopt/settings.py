"""One frozen parameter dataclass per stage, read from one TOML file.

The defaults stand here and nowhere else; :func:`settings_text` prints the commented file that
``partsopt init`` and ``partsopt sample`` write. ``PARTSOPT__SECTION__KEY`` in the environment
overrides the file; an unknown key is refused with the nearest name.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from partsopt.bands import bands_of, kilometres
from partsopt.errors import SettingsError

ENVIRONMENT_PREFIX = "PARTSOPT__"


def setting(default: Any, says: str, unit: str = "") -> Any:
    """Declare a setting: its default, what it means and in what unit."""
    metadata = {"says": says, "unit": unit}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def _need(holds: bool, key: str, value: object, rule: str) -> None:
    if not holds:
        raise SettingsError(f"{key} is {value!r}; it must be {rule}.")


def _share(key: str, value: float) -> None:
    _need(0 <= value <= 1, key, value, "between 0 and 1")


def _by_class(key: str, values: Mapping[str, float], rule: str, holds: Any) -> None:
    _need(set(values) == {"A", "B", "C"}, key, dict(values), "given for A, B and C")
    for name, value in values.items():
        _need(holds(value), f"{key}.{name}", value, rule)


def _choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    _need(value in choices, key, value, "one of " + ", ".join(choices))


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """What makes a run repeatable."""

    today: str = setting("", "the day that is planned; blank: the machine's date", "YYYY-MM-DD")
    seed: int = setting(1, "seed of every random choice")

    def __post_init__(self) -> None:
        _need(self.seed >= 0, "run.seed", self.seed, "0 or more")


@dataclass(frozen=True, kw_only=True)
class ReadParams:
    """How input files are read."""

    encoding: str = setting("utf-8", "encoding of CSV files, utf-8 (with or without BOM) or gb18030")
    encoding_of: dict[str, str] = setting({}, "encoding of single tables, such as {parts = 'gb18030'}")
    max_rejected_share: float = setting(0.02, "the run stops when a larger share of a table's rows is refused", "share")
    max_cells: int = setting(400_000_000, "a file with more cells than this is refused unread", "rows x columns")
    max_bytes: int = setting(4_000_000_000, "a file that takes more memory than this is refused", "bytes")

    def __post_init__(self) -> None:
        _share("read.max_rejected_share", self.max_rejected_share)
        _need(self.max_cells >= 1, "read.max_cells", self.max_cells, "1 or more")
        _need(self.max_bytes >= 1, "read.max_bytes", self.max_bytes, "1 or more")
        _choice("read.encoding", self.encoding, ("utf-8", "gb18030"))
        for table, encoding in self.encoding_of.items():
            _choice(f"read.encoding_of.{table}", encoding, ("utf-8", "gb18030"))


@dataclass(frozen=True, kw_only=True)
class DemandParams:
    """How demand lines become series."""

    period: str = setting("month", "length of a period: month or week (weeks start on Monday)")
    max_periods: int = setting(156, "older history than this is not used", "periods")
    censored_from_share: float = setting(
        0.25, "a period without stock for at least this share of its days is marked censored", "share of days"
    )
    left_out_purposes: list[str] = setting(
        ["campaign"], "demand for these purposes is not part of the rate; it is listed as an exception"
    )
    outlier_mads: float = setting(
        8.0, "a period this many median absolute deviations above the median size is an exception", "MADs"
    )
    told_for_periods: int = setting(
        3, "outliers and demand left out are exceptions for this long; later they are no news", "periods"
    )
    missing_lines: float = setting(
        20.0, "a site is an exception when it is silent for as long as it usually asks for this many lines", "lines"
    )

    cut_share: float = setting(0.4, "last periods with less of a DC's usual lines are not seen (0: off)", "share")

    def __post_init__(self) -> None:
        _choice("demand.period", self.period, ("month", "week"))
        _need(0 <= self.cut_share < 1, "demand.cut_share", self.cut_share, "0 or more and below 1")
        _need(self.told_for_periods >= 1, "demand.told_for_periods", self.told_for_periods, "1 or more")
        _need(self.missing_lines >= 1, "demand.missing_lines", self.missing_lines, "1 or more")
        _need(self.max_periods >= 1, "demand.max_periods", self.max_periods, "1 or more")
        _need(
            0 < self.censored_from_share <= 1,
            "demand.censored_from_share",
            self.censored_from_share,
            "above 0, at most 1",
        )
        _need(self.outlier_mads > 0, "demand.outlier_mads", self.outlier_mads, "above 0")
        for purpose in self.left_out_purposes:
            _choice("demand.left_out_purposes", purpose, ("repair", "maintenance", "warranty", "accident", "campaign"))


@dataclass(frozen=True, kw_only=True)
class ForecastParams:
    """How series become distributions."""

    adi_cut: float = setting(1.32, "average demand interval from which demand is intermittent", "periods")
    cv2_cut: float = setting(0.49, "squared coefficient of variation from which sizes are erratic")
    min_periods: int = setting(4, "shorter series take the naive mean of what there is", "periods")
    warm_up_periods: int = setting(6, "periods at the start of a series that choose no smoothing constant", "periods")
    ets_min_periods: int = setting(30, "history an exponential smoothing model with trend or season needs", "periods")
    ets_max_series: int = setting(150, "such models tried a night, on the series of highest usage value", "series")
    ets_origins: int = setting(4, "rolling origins on which such a model must win", "origins")
    ets_horizon: int = setting(3, "periods ahead whose total is compared at each origin", "periods")
    ets_margin: float = setting(
        0.25, "by how much such a model's loss at 0.8 to 0.99 must be smaller than the flat forecast's", "share"
    )
    max_steps: int = setting(12, "periods ahead for which a trend or season is carried on", "periods")
    pool_series: bool = setting(
        True, "series of a kind of site learn from each other; false: each takes SES, Croston, SBA or TSB of its own"
    )
    pool_dealers: bool = setting(True, "dealers get a share of their DC's forecast, learnt from who ordered what")
    causal: bool = setting(
        True, "parts of the maintenance plan are forecast from the cars around, too, where that has foretold better"
    )
    learner: bool = setting(
        False,
        "average gradient boosting over all series into the pooled forecast of DCs, by what it gained on the last "
        "total; needs pip install 'partsopt[ml]'",
    )
    lifecycle: bool = setting(True, "parts whose lifecycle has ended fade: halved every 90 days, 0 after a year")

    def __post_init__(self) -> None:
        _need(self.adi_cut >= 1, "forecast.adi_cut", self.adi_cut, "1 or more")
        _need(self.cv2_cut > 0, "forecast.cv2_cut", self.cv2_cut, "above 0")
        for name in ("min_periods", "warm_up_periods", "ets_min_periods", "ets_origins", "ets_horizon", "max_steps"):
            _need(getattr(self, name) >= 1, f"forecast.{name}", getattr(self, name), "1 or more")
        _need(self.ets_max_series >= 0, "forecast.ets_max_series", self.ets_max_series, "0 or more")
        _need(0 <= self.ets_margin < 1, "forecast.ets_margin", self.ets_margin, "0 or more and below 1")


@dataclass(frozen=True, kw_only=True)
class ClassifyParams:
    """How parts are classed."""

    usage_value_weight: float = setting(0.6, "weight of usage value in the score", "share")
    frequency_weight: float = setting(0.25, "weight of the frequency of demand in the score", "share")
    criticality_weight: float = setting(0.15, "weight of criticality in the score", "share")
    criticality_scores: dict[str, float] = setting(
        {"vital": 1.0, "essential": 0.4, "desirable": 0.0}, "score of each criticality, 0 to 1"
    )
    a_share: float = setting(0.8, "share of the score that class A makes up", "cumulative share")
    b_share: float = setting(0.95, "share of the score that classes A and B make up", "cumulative share")
    x_cv2: float = setting(0.25, "X: demand per period varies less than this", "squared coefficient of variation")
    y_cv2: float = setting(
        1.0, "Y: demand per period varies less than this; Z: more", "squared coefficient of variation"
    )
    dc_min_demands_per_year: float = setting(1.0, "a DC stocks a part from this on", "periods with demand a year")
    dealer_min_demands_per_year: float = setting(
        3.0, "a dealer stocks a part from this on", "periods with demand a year"
    )
    stock_vital_at_dc: bool = setting(True, "a DC stocks every vital part that sold at all")

    def __post_init__(self) -> None:
        for name in ("usage_value_weight", "frequency_weight", "criticality_weight"):
            _share(f"classify.{name}", getattr(self, name))
        total = self.usage_value_weight + self.frequency_weight + self.criticality_weight
        _need(abs(total - 1) < 1e-9, "classify: the sum of the three weights", round(total, 9), "1")
        _need(
            set(self.criticality_scores) == {"vital", "essential", "desirable"},
            "classify.criticality_scores",
            self.criticality_scores,
            "given for vital, essential and desirable",
        )
        _need(
            0 < self.a_share < self.b_share < 1,
            "classify.a_share and b_share",
            (self.a_share, self.b_share),
            "0 < a < b < 1",
        )
        _need(0 < self.x_cv2 < self.y_cv2, "classify.x_cv2 and y_cv2", (self.x_cv2, self.y_cv2), "0 < x < y")
        for name in ("dc_min_demands_per_year", "dealer_min_demands_per_year"):
            _need(getattr(self, name) >= 0, f"classify.{name}", getattr(self, name), "0 or more")


@dataclass(frozen=True, kw_only=True)
class ReplenishParams:
    """How levels and orders are set."""

    dc_review_period_days: dict[str, int] = setting({"A": 7, "B": 7, "C": 14}, "T of a DC by class", "calendar days")
    dealer_review_period_days: dict[str, int] = setting(
        {"A": 7, "B": 7, "C": 14}, "T of a dealer by class", "calendar days"
    )
    review_rule: str = setting(
        "class",
        "how T is set: class (the days above) or cost (of each source and class, where orders and stock cost least)",
    )
    order_cost: dict[str, float] = setting(
        {"dc": 50.0, "dealer": 20.0}, "cost: of an order, whatever its lines, without supply.shared_order_cost", "money"
    )
    order_line_cost: dict[str, float] = setting(
        {"dc": 5.0, "dealer": 2.0}, "cost: of placing and receiving a line where supply.order_cost is 0", "money"
    )
    level_review_days: bool = setting(
        True, "place reviews so that docks have the same work every day; false: by the hash of their names"
    )
    keep_review_days: bool = setting(
        True,
        "reviews stay on the days of the last night's run unless a dock then had half as much again as on its mean "
        "day; false: all are placed anew every night",
    )
    service_measure: str = setting("fill_rate", "what the targets are about: fill_rate or cycle_service_level")
    dc_service_target: dict[str, float] = setting({"A": 0.98, "B": 0.95, "C": 0.90}, "target of a DC by class", "share")
    dealer_service_target: dict[str, float] = setting(
        {"A": 0.95, "B": 0.92, "C": 0.85}, "target of a dealer by class", "share"
    )
    target_rule: str = setting(
        "class", "how levels are set: class (each part reaches its class target) or system (all parts together)"
    )
    system_service_target: dict[str, float] = setting(
        {"dc": 0.95, "dealer": 0.92},
        "system: weighted fill rate that the DCs, and the dealers, reach at least cost",
        "share",
    )
    system_budget: dict[str, float] = setting(
        {"dc": 0.0, "dealer": 0.0},
        "system: money that the levels may cost, instead of that target; 0: by target",
        "money",
    )
    system_scope: str = setting(
        "kind",
        "system: kind (the DCs together, then the dealers together) or network (all for one target or budget, with "
        "service as customers see it)",
    )
    network_service_target: float = setting(
        0.94, "system, network: weighted fill rate of all customers that is reached at least cost", "share"
    )
    network_budget: float = setting(
        0.0, "system, network: money that all levels may cost, instead of that target; 0: by target", "money"
    )
    budget_counts: str = setting(
        "stock",
        "system: what a budget pays for: stock (the levels and what is expected to be owed, which together lie on "
        "shelves or are on order) or levels (their worth alone)",
    )
    system_weights: dict[str, float] = setting(
        {"lines": 0.5, "units": 0.0, "value": 0.5, "criticality": 0.0},
        "system: what a part's fill rate counts for: its demands, pieces, value, or demands times criticality",
        "share",
    )
    system_criticality_scores: dict[str, float] = setting(
        {"vital": 1.0, "essential": 0.4, "desirable": 0.1}, "system: score of each criticality in its weight"
    )
    fill_rate_floor: dict[str, float] = setting(
        {"A": 0.0, "B": 0.0, "C": 0.0}, "system: no part of the class promises less", "share"
    )
    fill_rate_cap: dict[str, float] = setting(
        {"A": 0.9999, "B": 0.9999, "C": 0.9999},
        "system: no part of the class gets a level above what this needs",
        "share",
    )
    largest_rate_factor: float = setting(
        25.0,
        "levels know that some parts sell more or less than forecast, by class as it was seen lately; a rate turns out "
        "at most so many times as high; 0: forecasts are taken to be right",
    )
    record_days: int = setting(
        90, "promises of so many days are held against what happened, by the runs of earlier nights; 0: none", "days"
    )
    smallest_shortfall_factor: float = setting(
        0.5,
        "where promises of a class failed its target (system: its weight) is raised: 1 - target is multiplied by this "
        "at least; 1: never",
    )
    dealer_handling_days: float = setting(1.0, "picking and packing of a stock order at the DC", "calendar days")
    dealer_lane_days: float = setting(3.0, "travel from the DC where no lane says otherwise", "calendar days")
    holding_rate_per_year: float = setting(0.22, "cost of holding stock", "share of its value")
    obsolescence_per_year: dict[str, float] = setting(
        {"new": 0.0, "active": 0.0, "phase_out": 0.2, "ended": 0.5},
        "chance that stock becomes worthless, by the part's lifecycle; it is added to the cost of holding",
        "share a year",
    )
    unsold_after_months: dict[str, float] = setting(
        {"new": 24.0, "active": 36.0, "phase_out": 18.0, "ended": 6.0},
        "horizon by which stock should be sold, by the part's lifecycle",
        "months",
    )
    unsold_probability: float = setting(
        0.8,
        "levels are cut to the stock of which a piece is still unsold after that with at most this chance; 1: never",
        "share",
    )
    last_buy_notice_days: int = setting(120, "a last buy is told so long before its day", "calendar days")
    last_buy_years: float = setting(10.0, "a last buy covers so long where parts.served_until_on is not given", "years")
    last_buy_decline_per_year: float = setting(0.1, "by how much demand falls every year after a last buy", "share")
    last_buy_shortage_share: float = setting(
        2.0, "what a piece that is missing after a last buy costs over its price", "share of unit cost"
    )
    left_over_value: float = setting(
        100.0, "pieces of a replaced number left over are told when they are worth this", "money"
    )
    discount_share: float = setting(
        0.3, "what excess stock brings when it is sold below price, where anybody still asks for it", "share of cost"
    )
    scrap_share: float = setting(0.0, "what scrapped stock brings", "share of cost")
    move_cost_fixed: float = setting(20.0, "price of moving one line of excess to a DC", "money")
    move_cost_per_kg: float = setting(2.0, "price of moving excess to a DC", "money per kg")
    lateness_cost_share: float = setting(
        0.10, "cost of a late receipt, when sources are compared", "share of the order's value"
    )
    order_budget: float = setting(0.0, "money a night's purchase orders may cost; 0: no limit", "money")
    emergency_cost_share: float = setting(
        0.5, "extra cost of an emergency purchase, when a budget is shared out", "share of unit cost"
    )
    emergency_cost_fixed: float = setting(
        0.0, "extra cost of a piece bought in an emergency, whatever its price", "money"
    )
    stocking_rule: str = setting(
        "hits",
        "what is stocked: hits (classify's demands a year) or economics (where stock costs less than emergency orders)",
    )
    tell_stocking: bool = setting(True, "list as exceptions the parts on which the other rule disagrees by the margin")
    stocking_margin: float = setting(
        0.2, "by how much stock must save more than it costs to start, or less to stop, by economics", "share"
    )
    excess_horizon_days: int = setting(365, "stock above what this horizon will use is excess", "calendar days")
    max_cover_days: int = setting(
        1095, "an order that minimum or pack raise above the demand of so long is held for a person", "calendar days"
    )
    held_order_value: float = setting(1000.0, "unless what they add is worth no more than this", "money")
    max_order_quantity: int = setting(10_000_000, "a larger order quantity is refused as an error", "pieces")

    def __post_init__(self) -> None:
        for name in ("dc_review_period_days", "dealer_review_period_days"):
            _by_class(
                f"replenish.{name}", getattr(self, name), "between 1 and 365 (days)", lambda days: 1 <= days <= 365
            )
        for name in ("dc_service_target", "dealer_service_target"):
            _by_class(f"replenish.{name}", getattr(self, name), "above 0 and below 1", lambda share: 0 < share < 1)
        _choice("replenish.review_rule", self.review_rule, ("class", "cost"))
        for name in ("order_cost", "order_line_cost"):
            for kind, value in getattr(self, name).items():
                _need(value >= 0, f"replenish.{name}.{kind}", value, "0 or more")
        _choice("replenish.service_measure", self.service_measure, ("fill_rate", "cycle_service_level"))
        self._check_system()
        _need(
            self.largest_rate_factor == 0 or 4 < self.largest_rate_factor <= 100,
            "replenish.largest_rate_factor",
            self.largest_rate_factor,
            "0, or above 4 and at most 100",
        )
        _need(self.record_days >= 0, "replenish.record_days", self.record_days, "0 or more")
        _need(
            0.1 <= self.smallest_shortfall_factor <= 1,
            "replenish.smallest_shortfall_factor",
            self.smallest_shortfall_factor,
            "between 0.1 and 1",
        )
        for name in ("dealer_handling_days", "dealer_lane_days", "holding_rate_per_year", "order_budget"):
            _need(getattr(self, name) >= 0, f"replenish.{name}", getattr(self, name), "0 or more")
        self._check_lifecycle()
        _choice("replenish.stocking_rule", self.stocking_rule, ("hits", "economics"))
        for name in ("lateness_cost_share", "emergency_cost_share", "emergency_cost_fixed"):
            _need(getattr(self, name) >= 0, f"replenish.{name}", getattr(self, name), "0 or more")
        _need(0 <= self.stocking_margin < 1, "replenish.stocking_margin", self.stocking_margin, "0 or more and below 1")
        _need(self.excess_horizon_days >= 1, "replenish.excess_horizon_days", self.excess_horizon_days, "1 or more")
        _need(self.max_cover_days >= 1, "replenish.max_cover_days", self.max_cover_days, "1 or more")
        _need(self.held_order_value >= 0, "replenish.held_order_value", self.held_order_value, "0 or more")
        _need(self.max_order_quantity >= 1, "replenish.max_order_quantity", self.max_order_quantity, "1 or more")

    def _check_lifecycle(self) -> None:
        for name, rule, least in (
            ("obsolescence_per_year", "0 or more", 0.0),
            ("unsold_after_months", "1 or more", 1.0),
        ):
            for life, value in getattr(self, name).items():
                _need(value >= least, f"replenish.{name}.{life}", value, rule)
        for name in ("unsold_probability", "discount_share", "scrap_share"):
            _share(f"replenish.{name}", getattr(self, name))
        for name in ("last_buy_years", "last_buy_shortage_share"):
            _need(getattr(self, name) > 0, f"replenish.{name}", getattr(self, name), "above 0")
        not_negative = ("move_cost_fixed", "move_cost_per_kg", "left_over_value", "last_buy_notice_days")
        for name in (*not_negative, "last_buy_decline_per_year"):
            _need(getattr(self, name) >= 0, f"replenish.{name}", getattr(self, name), "0 or more")

    def _check_system(self) -> None:
        _choice("replenish.target_rule", self.target_rule, ("class", "system"))
        _need(
            self.target_rule == "class" or self.service_measure == "fill_rate",
            "replenish.service_measure",
            self.service_measure,
            "fill_rate where replenish.target_rule is system",
        )
        for name in ("system_service_target", "system_budget"):
            _need(
                set(getattr(self, name)) == {"dc", "dealer"},
                f"replenish.{name}",
                getattr(self, name),
                "given for dc and dealer",
            )
        for kind in ("dc", "dealer"):
            target, budget = self.system_service_target[kind], self.system_budget[kind]
            _need(
                0 < target < 1, f"replenish.system_service_target.{kind}", target, "above 0 and below 1, such as 0.99"
            )
            _need(budget >= 0, f"replenish.system_budget.{kind}", budget, "0 or more")
        _choice("replenish.system_scope", self.system_scope, ("kind", "network"))
        _choice("replenish.budget_counts", self.budget_counts, ("stock", "levels"))
        target, budget = self.network_service_target, self.network_budget
        _need(0 < target < 1, "replenish.network_service_target", target, "above 0 and below 1, such as 0.99")
        _need(budget >= 0, "replenish.network_budget", budget, "0 or more")
        of_kinds = [money for money in self.system_budget.values() if money > 0]
        _need(
            self.system_scope == "kind" or not of_kinds,
            "replenish.system_budget",
            self.system_budget,
            "0 where replenish.system_scope is network, which has replenish.network_budget",
        )
        for name in ("system_weights", "system_criticality_scores"):
            for key, value in getattr(self, name).items():
                _need(value >= 0, f"replenish.{name}.{key}", value, "0 or more")
        _need(sum(self.system_weights.values()) > 0, "replenish.system_weights", self.system_weights, "above 0 for one")
        _by_class(
            "replenish.fill_rate_floor", self.fill_rate_floor, "0 or more and below 1", lambda share: 0 <= share < 1
        )
        _by_class("replenish.fill_rate_cap", self.fill_rate_cap, "above 0, at most 1", lambda share: 0 < share <= 1)
        for name, floor in self.fill_rate_floor.items():
            cap = self.fill_rate_cap[name]
            _need(floor <= cap, f"replenish.fill_rate_floor.{name}", floor, f"at most the class's cap, {cap:g}")


@dataclass(frozen=True, kw_only=True)
class AllocateParams:
    """How scarce stock is shared."""

    protected_days: float = setting(
        3.0, "days of expected urgent demand kept from the stock tier at a short DC", "calendar days"
    )
    urgent_share: float = setting(0.1, "share of a DC's demand that is urgent", "share")
    rebalance: bool = setting(True, "meet shortages from the excess of other sites")
    freight_cost_per_kg: float = setting(2.0, "price of moving a part between sites of equal rank", "money per kg")
    freight_cost_fixed: float = setting(20.0, "price of a consignment between sites of equal rank", "money")
    courier_days: int = setting(
        2, "a move between sites without a carrier lane goes by a courier at that price and takes", "calendar days"
    )
    shortage_cost_share: float = setting(
        0.5, "what a missing piece costs, when a move is weighed", "share of unit cost"
    )
    rebalance_node_limit: int = setting(
        1000, "where the search for the moves of one part stops; stopping before the proof is reported", "nodes"
    )
    rebalance_time_limit_s: int = setting(60, "safety net of that search; hitting it is reported", "seconds")

    def __post_init__(self) -> None:
        for name in ("rebalance_node_limit", "rebalance_time_limit_s"):
            _need(getattr(self, name) >= 1, f"allocate.{name}", getattr(self, name), "1 or more")
        _need(self.courier_days >= 0, "allocate.courier_days", self.courier_days, "0 or more")
        _share("allocate.urgent_share", self.urgent_share)
        for name in ("protected_days", "freight_cost_per_kg", "freight_cost_fixed", "shortage_cost_share"):
            _need(getattr(self, name) >= 0, f"allocate.{name}", getattr(self, name), "0 or more")


@dataclass(frozen=True, kw_only=True)
class RoutingParams:
    """How deliveries are planned."""

    vor_pick_min: float = setting(90.0, "picking and packing of a vehicle-off-road order", "minutes of the DC's hours")
    urgent_pick_min: float = setting(180.0, "picking and packing of an urgent order", "minutes of the DC's hours")
    stock_wave_at: str = setting("10:00", "stock orders of the night are packed by", "HH:MM at the DC")
    stock_within_working_days: int = setting(3, "a stock order leaves within; planned together", "working days")
    unloading_s_per_piece: int = setting(0, "unloading time of each piece, on top of the stop's service_min", "seconds")
    detour_factor: float = setting(1.3, "road distance over great-circle distance, where no travel row is given")
    speed_km_per_hour: float = setting(55.0, "average speed, where no travel row is given", "km per hour")
    estimate_travel: bool = setting(True, "false: a pair of sites that lacks in travel is refused by name")
    road_engine: str = setting("none", "who completes travel: none, osrm, valhalla (servers), valhalla_in_process")
    road_engine_at: str = setting("", "address of that server, or Valhalla's configuration file")
    speed_bands: str = setting(
        "",
        "instead: speed from so many km of a leg on, such as 0=35, 15=60, 80=85 (town, country road, motorway)",
        "km=km per hour",
    )
    time_of_day: str = setting(
        "",
        "travel takes so many times as long from then on, such as 07:00=1.3, 09:30=1, 17:00=1.4, 19:00=1; a leg takes "
        "the mean over the hours in which its destination accepts goods",
        "HH:MM=factor",
    )
    own_vehicle_radius_km: float = setting(400.0, "dealers farther from the DC by road than this go by carrier", "km")
    first_loading_min: float = setting(
        30.0,
        "a dispatch changes no vehicle's first trip from so long before it leaves (later ones: reload_min)",
        "minutes",
    )
    rest_after_driving_min: int = setting(
        240, "driving after which a rest is due by law (China: 4 hours); 0: no rests", "minutes"
    )
    rest_min: int = setting(20, "length of that rest (China: 20 minutes)", "minutes")
    return_detour_cost: float = setting(
        20.0, "a return that can wait is collected where that adds no more than this", "money"
    )
    late_cost_per_hour: float = setting(500.0, "penalty of lateness of the vor and urgent tiers", "money per hour")
    wait_cost_per_day: float = setting(5.0, "a parcel waits for a later day only if that saves more", "money per day")
    solution_limit: int = setting(
        100, "solutions each search of a DC may visit (the plan does not depend on the clock)", "solutions"
    )
    compiled_from_parcels: int = setting(
        60, "a pass with this many parcels is searched by the compiled ruin and recreate", "parcels"
    )
    iterations_per_parcel: int = setting(
        160, "steps of that search for each parcel (the plan does not depend on the clock)", "iterations"
    )
    time_limit_s: int = setting(300, "safety net of a DC's search; hitting it is reported", "seconds")

    def __post_init__(self) -> None:
        for name in (
            "vor_pick_min",
            "urgent_pick_min",
            "unloading_s_per_piece",
            "first_loading_min",
            "late_cost_per_hour",
            "wait_cost_per_day",
            "rest_after_driving_min",
            "rest_min",
            "return_detour_cost",
        ):
            _need(getattr(self, name) >= 0, f"routing.{name}", getattr(self, name), "0 or more")
        for name in (
            "solution_limit",
            "compiled_from_parcels",
            "iterations_per_parcel",
            "time_limit_s",
            "stock_within_working_days",
        ):
            _need(getattr(self, name) >= 1, f"routing.{name}", getattr(self, name), "1 or more")
        _need(self.detour_factor >= 1, "routing.detour_factor", self.detour_factor, "1 or more")
        for name in ("speed_km_per_hour", "own_vehicle_radius_km"):
            _need(getattr(self, name) > 0, f"routing.{name}", getattr(self, name), "above 0")
        clock_minutes("routing.stock_wave_at", self.stock_wave_at)
        _choice("routing.road_engine", self.road_engine, ("none", "osrm", "valhalla", "valhalla_in_process"))
        if self.road_engine in ("osrm", "valhalla"):
            is_address = self.road_engine_at.startswith(("http://", "https://"))
            _need(is_address, "routing.road_engine_at", self.road_engine_at, "the address of the server, http://...")
        speeds = bands_of("routing.speed_bands", self.speed_bands, kilometres)
        _need(not speeds or speeds[0][0] == 0, "routing.speed_bands", self.speed_bands, "given from 0 km on")
        bands_of("routing.time_of_day", self.time_of_day, clock_minutes)


@dataclass(frozen=True, kw_only=True)
class WriteParams:
    """How a run is written."""

    profile: str = setting("machine", "CSV for machines, or excel (BOM, CRLF, formula-neutral text)")
    exceptions_per_code: int = setting(
        100, "exceptions.csv shows this many of a code, by money, and sums up the rest", "lines"
    )

    def __post_init__(self) -> None:
        _choice("write.profile", self.profile, ("machine", "excel"))
        _need(self.exceptions_per_code >= 1, "write.exceptions_per_code", self.exceptions_per_code, "1 or more")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a run, one section for each stage."""

    run: RunParams = field(default_factory=RunParams)
    read: ReadParams = field(default_factory=ReadParams)
    demand: DemandParams = field(default_factory=DemandParams)
    forecast: ForecastParams = field(default_factory=ForecastParams)
    classify: ClassifyParams = field(default_factory=ClassifyParams)
    replenish: ReplenishParams = field(default_factory=ReplenishParams)
    allocate: AllocateParams = field(default_factory=AllocateParams)
    routing: RoutingParams = field(default_factory=RoutingParams)
    write: WriteParams = field(default_factory=WriteParams)


SECTIONS: Mapping[str, type] = get_type_hints(Settings)


def clock_minutes(key: str, value: str) -> int:
    """Minutes after midnight of a setting written HH:MM.

    Examples
    --------
    >>> clock_minutes("routing.stock_wave_at", "10:30")
    630
    """
    hours, _, minutes = value.partition(":")
    valid = hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and int(hours) < 24 and int(minutes) < 60
    _need(valid, key, value, "a time of day written HH:MM")
    return int(hours) * 60 + int(minutes)


def read_settings(file: Path, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings file, then the environment, then ``overrides`` ("section.key" to value).

    A file that does not exist leaves the defaults.

    Raises
    ------
    SettingsError
        The file is no TOML, a section or key is unknown, a value is of another type or out of bounds.
    """
    given: dict[str, Any] = {}
    if file.exists():
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{file.name} is not valid TOML: {error}. Compare it with a fresh one from partsopt init."
            ) from error
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX):
            path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            _place(given, path, _value_of(environment[name]), name)
    for key, value in (overrides or {}).items():
        _place(given, key.split("."), value, key)
    return settings_from(given)


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Make settings of nested mappings; what is absent takes its default.

    Examples
    --------
    >>> settings_from({"demand": {"period": "week"}}).demand.period
    'week'
    >>> settings_from({"demand": {"perid": "week"}})
    Traceback (most recent call last):
    ...
    partsopt.errors.SettingsError: demand.perid is not a setting; the nearest name is demand.period.
    """
    sections = {}
    for section, values in given.items():
        if section not in SECTIONS:
            raise SettingsError(f"{section} is not a section of the settings; {_nearest(section, SECTIONS)}.")
        if not isinstance(values, Mapping):
            raise SettingsError(f"{section} is {values!r}; it must be a section of settings: [{section}].")
        sections[section] = _section_from(section, SECTIONS[section], values)
    return Settings(**sections)


def _section_from(section: str, params: type, values: Mapping[str, Any]) -> Any:
    known = {one.name: one for one in dataclasses.fields(params)}
    defaults = params()
    checked = {}
    for key, value in values.items():
        if key not in known:
            nearest = _nearest(key, known, prefix=f"{section}.")
            raise SettingsError(f"{section}.{key} is not a setting; {nearest}.")
        checked[key] = _typed(f"{section}.{key}", value, getattr(defaults, key))
    return params(**checked)


def _typed(key: str, value: Any, default: Any) -> Any:
    if isinstance(default, dict):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{key} is {value!r}; it must be a table such as {_toml(default) or '{}'}.")
        for name in value:
            if default and name not in default:
                raise SettingsError(f"{key}.{name} is not a setting; {_nearest(name, default, prefix=f'{key}.')}.")
        like = next(iter(default.values()), "")
        return {**default, **{name: _typed(f"{key}.{name}", one, like) for name, one in value.items()}}
    if isinstance(default, bool):
        right, kind = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        right, kind = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(default, float):
        right, kind = isinstance(value, int | float) and not isinstance(value, bool), "a number"
        value = float(value) if right else value
        right = right and value == value and abs(value) != float("inf")
    elif isinstance(default, list):
        right, kind = isinstance(value, list) and all(isinstance(one, str) for one in value), "a list of texts"
    else:
        value = value.isoformat() if hasattr(value, "isoformat") else value
        right, kind = isinstance(value, str), "a text"
    if not right:
        raise SettingsError(f"{key} is {value!r}; it must be {kind}.")
    return value


def _place(given: dict[str, Any], path: list[str], value: Any, name: str) -> None:
    if len(path) < 2:
        raise SettingsError(f"{name} names no setting; write PARTSOPT__SECTION__KEY, such as PARTSOPT__DEMAND__PERIOD.")
    place: Any = given
    for step in path[:-1]:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise SettingsError(f"{name} names a setting below {step}, which has none.")
    last = path[-1]
    wanted = next((key for key in place if key.lower() == last), last.upper() if len(last) == 1 else last)
    place[wanted] = value


def _value_of(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nearest(name: str, known: Mapping[str, Any], prefix: str = "") -> str:
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    if match:
        return f"the nearest name is {prefix}{match[0]}"
    return "the names are " + ", ".join(known)


def settings_text(settings: Settings | None = None) -> str:
    """The commented TOML file of settings, one section for each stage."""
    settings = settings or Settings()
    lines = ["# Settings of a night. Every setting is shown with its value; a comment gives its meaning and unit."]
    for section in SECTIONS:
        params = getattr(settings, section)
        lines += ["", f"# {type(params).__doc__}", f"[{section}]"]
        for one in dataclasses.fields(params):
            unit = f" [{one.metadata['unit']}]" if one.metadata["unit"] else ""
            lines += [f"# {one.metadata['says']}{unit}", f"{one.name} = {_toml(getattr(params, one.name))}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
