"""Every table declared once: columns, types, key, bounds, meaning.

``docs/tables.md`` is printed from these declarations (``partsopt schema``), the reader casts
by them, and each stage passes what it gives through :func:`conform`. Inside the program a
column has one of these types:

===========  =======================================  =====================================
kind         in a file                                in a frame
===========  =======================================  =====================================
``text``     as it stands; blank is missing           ``str``; missing is ``""``
``whole``    ``-12`` (no point, no exponent)          ``int64``; never missing
``number``   ``12.5``                                 ``float64``; missing is ``NaN``
``flag``     ``true`` / ``false``                     ``bool``; never missing
``day``      ``2026-11-02``                           ``datetime64[us]``; missing is ``NaT``
``moment``   ``2026-11-02T08:30`` (site's own time)   ``datetime64[us, UTC]``; missing is ``NaT``
``clock``    ``08:30``                                ``int64``, minutes after midnight
===========  =======================================  =====================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from partsopt.errors import TableError

Kind: TypeAlias = Literal["text", "whole", "number", "flag", "day", "moment", "clock"]
Role: TypeAlias = Literal["input", "derived", "output"]
Tables: TypeAlias = Mapping[str, pd.DataFrame]
Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

DTYPES: Mapping[Kind, str] = {
    "text": "str",
    "whole": "int64",
    "number": "float64",
    "flag": "bool",
    "day": "datetime64[us]",
    "moment": "datetime64[us, UTC]",
    "clock": "int64",
}
_DTYPES = {kind: pd.Series(dtype=name).dtype for kind, name in DTYPES.items()}
SITE_PART = ["site_id", "part_id"]
TIERS = ("vor", "urgent", "reservation", "backorder", "stock")
ABC_CLASSES = ("A", "B", "C")
LIFECYCLES = ("new", "active", "phase_out", "ended")
CHANNELS = ("maker", "third_party", "local", "dc")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table: what it holds, in what unit, and which values are allowed.

    A column that is not ``required`` may be absent from a file or blank in a row: it then takes
    ``default``, or is missing where ``default`` is None. ``refers_to`` names the table and column
    in which every value must be found. ``decimals`` is how many a CSV file shows. ``free_text`` is
    read by people only: blanks around it and line breaks are kept, which other text may not have.
    """

    kind: Kind
    says: str
    unit: str = ""
    required: bool = True
    default: Any = None
    min: float | None = None
    above: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    refers_to: tuple[str, str] | None = None
    remedy: str = ""
    decimals: int = 6
    free_text: bool = False

    def rule(self) -> str:
        """Say what a value must be, as the end of the sentence "it ..."."""
        if self.choices:
            return "must be one of " + ", ".join(self.choices)
        parts = []
        if self.min is not None and self.max is not None:
            parts.append(f"must be between {self.min:.15g} and {self.max:.15g}")
        elif self.above is not None and self.max is not None:
            parts.append(f"must be above {self.above:.15g} and at most {self.max:.15g}")
        elif self.min is not None:
            parts.append(f"must be {self.min:.15g} or more")
        elif self.above is not None:
            parts.append(f"must be above {self.above:.15g}")
        elif self.max is not None:
            parts.append(f"must be {self.max:.15g} or less")
        return " and ".join(parts)


def text(says: str, **rest: Any) -> Column:
    return Column(kind="text", says=says, **rest)


def whole(says: str, **rest: Any) -> Column:
    return Column(kind="whole", says=says, **rest)


def number(says: str, **rest: Any) -> Column:
    return Column(kind="number", says=says, **rest)


def money(says: str, **rest: Any) -> Column:
    return Column(kind="number", says=says, unit="money", decimals=2, **rest)


def flag(says: str, **rest: Any) -> Column:
    return Column(kind="flag", says=says, **rest)


def day(says: str, **rest: Any) -> Column:
    return Column(kind="day", says=says, **rest)


def moment(says: str, **rest: Any) -> Column:
    return Column(kind="moment", says=says, **rest)


def clock(says: str, **rest: Any) -> Column:
    return Column(kind="clock", says=says, unit="HH:MM", **rest)


def site(says: str, **rest: Any) -> Column:
    return Column(kind="text", says=says, refers_to=("sites", "site_id"), **rest)


def part(says: str = "the part", **rest: Any) -> Column:
    return Column(kind="text", says=says, refers_to=("parts", "part_id"), **rest)


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """A rule between columns of one row; ``broken`` gives True for each row that breaks it."""

    column: str
    rule: str
    remedy: str
    broken: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table's declaration. An empty ``key`` means that rows may repeat."""

    name: str
    says: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    role: Role = "derived"
    is_required: bool = False
    rules: tuple[RowRule, ...] = ()
    zone_of: str = ""
    file: str = ""

    @property
    def sorted_by(self) -> list[str]:
        """Columns that give rows their only order: the key, or every column where there is none."""
        return list(self.key) if self.key else list(self.columns)


# --------------------------------------------------------------------------- input tables

PARTS = Table(
    name="parts",
    role="input",
    is_required=True,
    key=("part_id",),
    says="every part that is or was sold",
    columns={
        "part_id": text("the part number, as the ERP writes it"),
        "description": text("what it is, for people", required=False, free_text=True),
        "unit_cost": money("purchase cost per piece", above=0),
        "weight_kg": number("weight of a piece", unit="kg", min=0),
        "volume_m3": number("volume of a piece", unit="m3", min=0),
        "criticality": text(
            "how much a car needs it", choices=("vital", "essential", "desirable"), required=False, default="essential"
        ),
        "part_group": text("parts that behave alike, such as filters", required=False),
        "introduced_on": day("first day on sale", required=False),
        "lifecycle": text(
            "where it stands in its life",
            choices=LIFECYCLES,
            required=False,
            default="active",
        ),
        "served_until_on": day("last day on which customers must be served; blank: no end known", required=False),
    },
)

SITES = Table(
    name="sites",
    role="input",
    is_required=True,
    key=("site_id",),
    says="distribution centres and dealers",
    columns={
        "site_id": text("the site"),
        "site_kind": text("dc supplies other sites, dealer serves customers", choices=("dc", "dealer")),
        "name": text("for people", required=False, free_text=True),
        "address": text("for route sheets", required=False, free_text=True),
        "latitude": number("degrees north", unit="degree", min=-90, max=90),
        "longitude": number("degrees east", unit="degree", min=-180, max=180),
        "detour_factor": number(
            "road distance over great-circle distance around it, where no travel row is given; a pair takes "
            "the mean of both; blank: routing.detour_factor",
            min=1,
            required=False,
        ),
        "supplied_by": text("the DC that supplies a dealer; blank for a DC", required=False),
        "opens_at": clock("goods are accepted from", required=False, default=480),
        "closes_at": clock("goods are accepted until: unloading may start no later", required=False, default=1080),
        "service_min": number("unloading time of a stop", unit="minutes", min=0, required=False, default=15.0),
        "largest_vehicle_kg": number(
            "only vehicles of at most this payload can come; blank: any", unit="kg", above=0, required=False
        ),
        "time_zone": text("IANA zone of the site's clocks", required=False, default="Asia/Shanghai"),
        "calendar": text("working-day calendar, see holidays", required=False, default="CN"),
        "order_lines_per_day": number(
            "order lines that can be placed and received on a working day; blank: any number",
            above=0,
            required=False,
        ),
        "pick_lines_per_day": number(
            "order lines that a DC can pick for other sites on a working day; blank: any number",
            above=0,
            required=False,
        ),
        "storage_m3": number("room for stock, net of aisles; blank: any", unit="m3", above=0, required=False),
    },
    rules=(
        RowRule(
            column="closes_at",
            rule="must be later than opens_at",
            remedy="give both as HH:MM on the same day",
            broken=lambda rows: rows["closes_at"] <= rows["opens_at"],
        ),
        RowRule(
            column="supplied_by",
            rule="must name the DC of a dealer",
            remedy="fill in the site_id of the distribution centre that supplies this dealer",
            broken=lambda rows: rows["site_kind"].eq("dealer") & rows["supplied_by"].eq(""),
        ),
        RowRule(
            column="supplied_by",
            rule="must be blank for a distribution centre",
            remedy="leave it blank; name a DC's sources in supply",
            broken=lambda rows: rows["site_kind"].eq("dc") & rows["supplied_by"].ne(""),
        ),
    ),
)

DEMAND_LINES = Table(
    name="demand_lines",
    role="input",
    is_required=True,
    says="what customers asked for, met or not; one requested quantity on one date",
    columns={
        "demanded_on": day("the day it was asked for"),
        "site_id": site("where it was asked for"),
        "part_id": part(),
        "quantity": whole("pieces asked for; a return is negative", unit="pieces", max=1_000_000_000),
        "order_type": text("urgency", choices=("stock", "urgent", "vor"), required=False, default="stock"),
        "purpose": text(
            "what it was for",
            choices=("repair", "maintenance", "warranty", "accident", "campaign"),
            required=False,
            default="repair",
        ),
        "is_return": flag("pieces came back; quantity is then negative", required=False, default=False),
        "filled_quantity": number(
            "pieces met from the shelf at once; blank: all, or none on a day without stock",
            unit="pieces",
            min=0,
            required=False,
        ),
    },
    rules=(
        RowRule(
            column="quantity",
            rule="must be 1 or more where is_return is false",
            remedy="set is_return to true for pieces that came back",
            broken=lambda rows: ~rows["is_return"] & (rows["quantity"] < 1),
        ),
        RowRule(
            column="quantity",
            rule="must be -1 or less where is_return is true",
            remedy="give a return as a negative quantity",
            broken=lambda rows: rows["is_return"] & (rows["quantity"] > -1),
        ),
    ),
)

STOCK = Table(
    name="stock",
    role="input",
    is_required=True,
    key=("site_id", "part_id"),
    says="what lies where at the start of the day; a pair without a row has none",
    columns={
        "site_id": site("where it lies"),
        "part_id": part(),
        "on_hand": whole(
            "pieces on the shelf", unit="pieces", min=0, remedy='put promised pieces in "backordered" instead'
        ),
        "backordered": whole("pieces promised, not delivered", unit="pieces", min=0, required=False, default=0),
        "reserved": whole("pieces on hand promised to a named order", unit="pieces", min=0, required=False, default=0),
        "bin": text("where on the site's shelves, such as A-03-2; pick lists go by it as text", required=False),
    },
)

SUPPLY = Table(
    name="supply",
    role="input",
    is_required=True,
    key=("site_id", "part_id", "source_id"),
    says="who can supply a part to a site; a dealer without a row is supplied by its DC",
    columns={
        "site_id": site("the site that buys"),
        "part_id": part(),
        "source_id": text("the supplier, or the site_id of a DC where channel is dc"),
        "channel": text("kind of source", choices=CHANNELS),
        "lead_time_days": number("order to shelf", unit="calendar days", min=0, max=1000),
        "lead_time_sd_days": number(
            "standard deviation of the lead time", unit="calendar days", min=0, max=1000, required=False, default=0.0
        ),
        "unit_cost": money("purchase cost per piece from this source", above=0),
        "order_cost": money("fixed cost of an order line", min=0, required=False, default=0.0),
        "shared_order_cost": money(
            "cost of an order on this source whatever its lines; blank: replenish.order_cost", min=0, required=False
        ),
        "min_order_quantity": whole("smallest order", unit="pieces", min=1, required=False, default=1),
        "order_multiple": whole(
            "pack size; orders are multiples of it", unit="pieces", min=1, required=False, default=1
        ),
        "on_time_share": number("share of orders that came by their date", min=0, max=1, required=False, default=1.0),
        "is_preferred": flag("the planner's choice: taken whatever it costs", required=False, default=False),
        "source_lines_per_day": number(
            "order lines that the source takes from the site on a working day, by the least of its rows; blank: any",
            above=0,
            required=False,
        ),
        "source_calendar": text("working-day calendar of the source; blank: the site's", required=False),
        "return_share": number(
            "share of its price that the source gives back for a piece; 0: takes none back",
            min=0,
            max=1,
            required=False,
            default=0.0,
        ),
        "last_order_on": day("last day on which the source takes an order; blank: no end known", required=False),
    },
)

PRICE_BREAKS = Table(
    name="price_breaks",
    role="input",
    key=("source_id", "part_id", "min_quantity"),
    says="a source's lower price from a quantity on, for all pieces of the order",
    columns={
        "source_id": text("the supplier"),
        "part_id": part(),
        "min_quantity": whole("smallest quantity at this price", unit="pieces", min=1),
        "unit_cost": money("purchase cost per piece", above=0),
    },
)

OPEN_ORDERS = Table(
    name="open_orders",
    role="input",
    key=("order_id", "line"),
    says="ordered, not received; proposals of earlier nights included",
    columns={
        "order_id": text("the order"),
        "line": whole("line of the order", min=1),
        "source_id": text("the supplier, or the site it comes from"),
        "site_id": site("where it will be received"),
        "part_id": part(),
        "quantity": whole("pieces still to come", unit="pieces", min=1),
        "due_on": day("expected on the shelf"),
        "status": text("how far it is", choices=("proposed", "confirmed", "shipped")),
        "for_order_id": text("the urgent order or appointment it serves, if any", required=False),
        "for_line": whole("line of the urgent order it serves; 0 where none", min=0, required=False, default=0),
    },
)

URGENT_ORDERS = Table(
    name="urgent_orders",
    role="input",
    key=("order_id", "line"),
    zone_of="site_id",
    says="orders that cannot wait for the review",
    columns={
        "order_id": text("the order"),
        "line": whole("line of the order", min=1),
        "site_id": site("the dealer that needs it"),
        "part_id": part(),
        "quantity": whole(
            "pieces needed", unit="pieces", min=1, remedy="leave out a line of which nothing is needed any more"
        ),
        "tier": text("vor: vehicle off road", choices=("vor", "urgent")),
        "placed_at": moment("when it was placed"),
        "deliver_by": moment("when it is needed; blank: as soon as can be", required=False),
    },
    rules=(
        RowRule(
            column="deliver_by",
            rule="must not be before placed_at",
            remedy="check both date-times; leave deliver_by blank where no time was promised",
            broken=lambda rows: rows["deliver_by"] < rows["placed_at"],
        ),
    ),
)

RESERVATIONS = Table(
    name="reservations",
    role="input",
    key=("appointment_id", "part_id"),
    says="parts set aside for booked repairs",
    columns={
        "appointment_id": text("the booked repair"),
        "part_id": part(),
        "site_id": site("where the repair is booked"),
        "quantity": whole("pieces needed", unit="pieces", min=1),
        "needed_on": day("day of the repair"),
    },
)

SUPERSESSIONS = Table(
    name="supersessions",
    role="input",
    key=("old_part_id",),
    says="history of the old number counts for the new one",
    columns={
        "old_part_id": part("the number replaced"),
        "new_part_id": part("the number that replaces it"),
        "effective_on": day("first day of the new number"),
        "use_up_old_first": flag("old pieces are sold before new ones", required=False, default=True),
    },
    rules=(
        RowRule(
            column="new_part_id",
            rule="must differ from old_part_id",
            remedy="delete the line or name the successor",
            broken=lambda rows: rows["new_part_id"].eq(rows["old_part_id"]),
        ),
    ),
)

STOCKOUTS = Table(
    name="stockouts",
    role="input",
    key=("site_id", "part_id", "from_on"),
    says="days without stock: demand seen then is a lower bound",
    columns={
        "site_id": site("where it was out"),
        "part_id": part(),
        "from_on": day("first day without stock"),
        "until_on": day("last day without stock; blank: still out", required=False),
    },
    rules=(
        RowRule(
            column="until_on",
            rule="must not be before from_on",
            remedy="swap the two dates or leave until_on blank",
            broken=lambda rows: rows["until_on"] < rows["from_on"],
        ),
    ),
)

MAINTENANCE_PLAN = Table(
    name="maintenance_plan",
    role="input",
    key=("model_id", "part_id"),
    says="known service intervals",
    columns={
        "model_id": text("the vehicle model"),
        "part_id": part(),
        "every_km": number("distance between services", unit="km", above=0, required=False),
        "every_months": number("time between services", unit="months", above=0, required=False),
        "quantity": whole("pieces per service", unit="pieces", min=1),
    },
    rules=(
        RowRule(
            column="every_km",
            rule="must be given where every_months is blank",
            remedy="give at least one of the two intervals",
            broken=lambda rows: rows["every_km"].isna() & rows["every_months"].isna(),
        ),
    ),
)

VEHICLE_PARC = Table(
    name="vehicle_parc",
    role="input",
    key=("site_id", "model_id", "registered_month"),
    says="vehicles on the road around a dealer",
    columns={
        "site_id": site("the dealer that serves them"),
        "model_id": text("the vehicle model"),
        "registered_month": day("first day of the month of registration"),
        "vehicles": whole("how many", min=0),
        "km_per_month": number("distance a vehicle drives", unit="km", min=0),
    },
)

VEHICLES = Table(
    name="vehicles",
    role="input",
    key=("vehicle_id",),
    says="own vans and lorries",
    columns={
        "vehicle_id": text("the vehicle"),
        "depot_id": site("the DC where it starts and ends"),
        "capacity_kg": number("payload", unit="kg", above=0),
        "capacity_m3": number("loading space", unit="m3", above=0),
        "fixed_cost": money("cost of a day on which it drives", min=0),
        "cost_per_km": money("cost per km", min=0),
        "cost_per_hour": money("cost per hour on the road, waiting and unloading included", min=0),
        "shift_start": clock("leaves the depot no earlier", required=False, default=480),
        "shift_end": clock("is back no later", required=False, default=1140),
        "max_trips": whole("trips a day", min=1, max=20, required=False, default=1),
        "reload_min": number("loading time of a trip", unit="minutes", min=0, required=False, default=30.0),
    },
    rules=(
        RowRule(
            column="shift_end",
            rule="must be later than shift_start",
            remedy="give both as HH:MM on the same day",
            broken=lambda rows: rows["shift_end"] <= rows["shift_start"],
        ),
    ),
)

CARRIER_LANES = Table(
    name="carrier_lanes",
    role="input",
    key=("origin_id", "destination_id", "service"),
    says="carriers between two sites",
    columns={
        "origin_id": site("where the carrier collects"),
        "destination_id": site("where it delivers"),
        "service": text("the carrier's product, such as air or road"),
        "days": whole("delivered this many days after collection", unit="calendar days", min=0, max=60),
        "cutoff_at": clock("handed over by, to leave the same day", required=False, default=1020),
        "cost_fixed": money("price of a consignment", min=0),
        "cost_per_kg": money("price per kg", min=0),
    },
)

TRAVEL = Table(
    name="travel",
    role="input",
    key=("from_id", "to_id"),
    says="road distance and time; pairs without a row are estimated by great circle",
    columns={
        "from_id": site("from"),
        "to_id": site("to"),
        "distance_m": number("distance", unit="metres", min=0),
        "travel_min": number("time", unit="minutes", min=0),
    },
)

HOLIDAYS = Table(
    name="holidays",
    role="input",
    key=("calendar", "day"),
    says="days that differ from Monday to Friday",
    columns={
        "calendar": text("the calendar, named in sites"),
        "day": day("the day"),
        "is_working": flag("false: a holiday; true: a make-up working day"),
    },
)

WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weekdays_of(names: str) -> tuple[int, ...] | None:
    """Numbers of weekdays written like ``Mon, Thu``, Monday being 0; None where a name is none or comes twice.

    Examples
    --------
    >>> weekdays_of("Mon,Thu"), weekdays_of("Monday"), weekdays_of("")
    ((0, 3), None, ())
    """
    words = names.replace(",", " ").split()
    known = [WEEKDAY_NAMES.index(word) for word in words if word in WEEKDAY_NAMES]
    return tuple(sorted(known)) if len(known) == len(words) == len(set(known)) else None


REVIEW_CALENDAR = Table(
    name="review_calendar",
    role="input",
    key=("site_id", "source_id", "abc_class", "starts_on", "weekdays", "every_weeks", "every_days"),
    says="days on which a planner wants a source's parts reviewed; they win over review periods and spreading; "
    "several rows of one class add up",
    columns={
        "site_id": site("the site that orders"),
        "source_id": text("the supplier, or the DC"),
        "abc_class": text("class; blank: every class without a row of its own", choices=ABC_CLASSES, required=False),
        "starts_on": day("weeks and days are counted from the week, or the day, of this date"),
        "weekdays": text("such as Mon or Mon,Thu", required=False),
        "every_weeks": whole("on these weekdays of every so many weeks", min=1, max=52, required=False, default=1),
        "every_days": whole(
            "instead of weekdays: every so many days; 0: none",
            unit="calendar days",
            min=0,
            max=365,
            required=False,
            default=0,
        ),
    },
    rules=(
        RowRule(
            column="weekdays",
            rule="must be weekdays such as Mon or Mon,Thu",
            remedy="write Mon, Tue, Wed, Thu, Fri, Sat or Sun, each once, with commas between",
            broken=lambda rows: rows["weekdays"].map(lambda names: weekdays_of(names) is None).astype(bool),
        ),
        RowRule(
            column="every_days",
            rule="must be given where weekdays is blank, and only there",
            remedy="give either weekdays or every_days",
            broken=lambda rows: rows["weekdays"].eq("") == rows["every_days"].eq(0),
        ),
    ),
)

FIXED_LEVELS = Table(
    name="fixed_levels",
    role="input",
    key=("site_id", "part_id"),
    says="order-up-to levels that a planner has set; they win over targets, and what they cost is told",
    columns={
        "site_id": site("where the part is kept"),
        "part_id": part(),
        "order_up_to_level": whole("the level; 0: not to be kept", unit="pieces", min=0, max=1_000_000_000),
        "until_on": day("last day on which it holds; blank: until the row is taken out", required=False),
        "note": text("why, for people", required=False, free_text=True),
    },
)

DOCK_HOURS = Table(
    name="dock_hours",
    role="input",
    key=("site_id", "opens_at"),
    says="hours in which a site's dock is open, several rows for several times a day; without a row: at a dealer its "
    "opens_at to closes_at, at a DC the shifts of its vehicles alone",
    columns={
        "site_id": site("a dealer: unloading starts within; a DC: trips leave and return from the first to the last"),
        "opens_at": clock("from"),
        "closes_at": clock("until"),
    },
    rules=(
        RowRule(
            column="closes_at",
            rule="must be later than opens_at",
            remedy="give both as HH:MM on the same day",
            broken=lambda rows: rows["closes_at"] <= rows["opens_at"],
        ),
    ),
)

SELF_COLLECTION = Table(
    name="self_collection",
    role="input",
    key=("origin_id", "site_id"),
    says="dealers that collect their goods themselves, free of charge",
    columns={
        "origin_id": site("where they collect"),
        "site_id": site("the dealer"),
        "weekdays": text("such as Tue,Thu; blank: every working day of both", required=False),
        "collects_at": clock("goods must be packed by then"),
        "home_after_min": number(
            "the goods are at the dealer after", unit="minutes", min=0, max=1440, required=False, default=120.0
        ),
    },
    rules=(
        RowRule(
            column="weekdays",
            rule="must be weekdays such as Tue or Tue,Thu",
            remedy="write Mon, Tue, Wed, Thu, Fri, Sat or Sun, each once, with commas between",
            broken=lambda rows: rows["weekdays"].map(lambda names: weekdays_of(names) is None).astype(bool),
        ),
    ),
)

RETURNS = Table(
    name="returns",
    role="input",
    key=("return_id",),
    says="returned parts and old cores that wait at dealers for a vehicle of their DC",
    columns={
        "return_id": text("the return"),
        "site_id": site("the dealer where it lies"),
        "what": text("for people", required=False, free_text=True),
        "load_kg": number("weight", unit="kg", min=0),
        "load_m3": number("volume", unit="m3", min=0),
        "loading_min": number("time to load it", unit="minutes", min=0, required=False, default=5.0),
        "collect_by": day(
            "a vehicle comes by this day, whatever it costs; blank: as soon as one passes by", required=False
        ),
    },
)

INPUT_TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        PARTS,
        SITES,
        DEMAND_LINES,
        STOCK,
        SUPPLY,
        PRICE_BREAKS,
        OPEN_ORDERS,
        URGENT_ORDERS,
        RESERVATIONS,
        SUPERSESSIONS,
        STOCKOUTS,
        MAINTENANCE_PLAN,
        VEHICLE_PARC,
        VEHICLES,
        CARRIER_LANES,
        TRAVEL,
        HOLIDAYS,
        REVIEW_CALENDAR,
        FIXED_LEVELS,
        DOCK_HOURS,
        SELF_COLLECTION,
        RETURNS,
    )
}

USED_TABLES = (
    "parts",
    "sites",
    "stock",
    "open_orders",
    "urgent_orders",
    "reservations",
    "supersessions",
    "vehicles",
    "carrier_lanes",
    "travel",
    "holidays",
    "dock_hours",
    "self_collection",
    "returns",
)
"""Input tables that a run's deliveries rest on: they are published with it, in its folder ``used``."""

# --------------------------------------------------------------------------- derived tables

_SITE = text("the site")
_PART = text("the part")

DEMAND_SERIES = Table(
    name="demand_series",
    key=("site_id", "part_id", "period"),
    says="demand by period, sparse: a period of a series without a row here had none and was not censored",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "period": day("first day of the period"),
        "demand": whole("pieces requested, met or not, returns not deducted", unit="pieces", min=0),
        "returned": whole("pieces that came back", unit="pieces", min=0),
        "is_censored": flag("a stock-out, or an export that was cut: demand is a lower bound"),
        "in_stock_share": number(
            "share of the period's days with stock, times that of its lines in the export", min=0, max=1
        ),
    },
)

SERIES = Table(
    name="series",
    key=("site_id", "part_id"),
    says="one row for each site and part with a history; its periods run from first_period without a gap",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "first_period": day("first day of the first period"),
        "n_periods": whole("periods up to the last complete one before today", unit="periods", min=1),
        "last_demand_on": day("last day with demand; missing where there was none", required=False),
        "history_of": text("older part numbers whose history is counted here, joined by ;", required=False),
    },
)

FORECASTS = Table(
    name="forecasts",
    key=("site_id", "part_id"),
    says="distribution of demand over any horizon: negative binomial with the mean of the horizon; variance to mean is "
    "variance_to_mean over a month (1: Poisson) and variance_growth more for each period beyond",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "period_days": number("length of a period", unit="days", above=0),
        "mean_per_period": number("expected demand per period", unit="pieces", min=0),
        "sd_per_period": number("standard deviation of the one-step forecast error", unit="pieces", min=0),
        "variance_to_mean": number("of the demand over a month", min=1),
        "variance_growth": number(
            "what variance to mean rises by with each period of the horizon: the rate moves and is not known",
            required=False,
            default=0.0,
            min=0,
        ),
        "method": text(
            "how the mean was found",
            choices=("ses", "croston", "sba", "tsb", "pooled", "ets", "naive", "network", "causal", "zero"),
        ),
        "why": text("why this method"),
        "sbc_class": text("demand pattern", choices=("smooth", "erratic", "intermittent", "lumpy", "none")),
        "adi": number("average demand interval; missing without demand", unit="periods", required=False),
        "cv2": number("squared coefficient of variation of the demand sizes; missing without demand", required=False),
        "alpha": number("smoothing constant of size or level; missing where the method has none", required=False),
        "beta": number("smoothing constant of interval or probability; missing where none", required=False),
        "n_periods": whole("periods of history", min=0),
        "n_demands": whole("periods with demand", min=0),
    },
)

FORECAST_STEPS = Table(
    name="forecast_steps",
    key=("site_id", "part_id", "step"),
    says="mean of each coming period, only for parts whose forecast is not flat (trend or season); "
    "beyond the last step mean_per_period holds",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "step": whole("periods ahead: 1 is the period that has begun", min=1),
        "mean": number("expected demand of that period", unit="pieces", min=0),
    },
)

MARKET_STEPS = Table(
    name="market_steps",
    key=("site_kind", "step"),
    says="how demand at a kind of site is expected to move, trend and season of all parts together: the mean of a "
    "coming period is mean_per_period times this, for pooled forecasts and shares of them; beyond the last step the "
    "mean of all steps holds",
    columns={
        "site_kind": text("kind of site", choices=("dc", "dealer")),
        "step": whole("periods ahead: 1 is the period that has begun", min=1),
        "factor": number("demand of that period over mean_per_period", min=0),
    },
)

NETWORK_REST = Table(
    name="network_rest",
    key=("site_id", "part_id"),
    says="what a DC's forecast holds beside its dealers' rows in forecasts and unlisted_rates: its counter, and the "
    "dealers that never asked for the part, each selling rate_per_share times its dealer_shares.share",
    columns={
        "site_id": text("the DC"),
        "part_id": _PART,
        "counter_mean": number("demand per period at the DC's own counter", unit="pieces", min=0),
        "n_dealers": whole("dealers of the DC without a row of their own", min=0),
        "rest_mean": number("what they sell together per period", unit="pieces", min=0),
        "rate_per_share": number("what a dealer with all of the orders would sell per period", unit="pieces", min=0),
        "variance_to_mean": number("of the demand of one of them", min=1),
        "share_group": whole("group of parts by part_group and decade of price, as in dealer_shares", min=0),
    },
)

DEALER_SHARES = Table(
    name="dealer_shares",
    key=("site_id", "share_group"),
    says="share of a dealer in what is asked for of a group of parts at its DC",
    columns={
        "site_id": text("the dealer"),
        "share_group": whole("group of parts, as in network_rest", min=0),
        "share": number("share; with the counter's these add up to 1 at a DC", min=0, max=1),
    },
)

UNLISTED_RATES = Table(
    name="unlisted_rates",
    key=("site_id", "part_id"),
    says="demand of dealers that never asked for a part, where the cars around them say more than their size",
    columns={
        "site_id": text("the dealer"),
        "part_id": _PART,
        "mean_per_period": number("expected demand per period", unit="pieces", min=0),
        "variance_to_mean": number("of the demand over a month", min=1),
    },
)

CLASSES = Table(
    name="classes",
    key=("site_id", "part_id"),
    says="how much attention a part deserves at a site",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "usage_value": money("yearly demand times unit cost", min=0),
        "demands_per_year": number("periods with demand in a year", min=0),
        "criticality": text("as given", choices=("vital", "essential", "desirable")),
        "score": number("weighted score of the criteria", min=0),
        "cumulative_share": number("share of the site's score up to and including this part", min=0, max=1.000001),
        "abc_class": text("class", choices=ABC_CLASSES),
        "xyz_class": text("X steady, Y variable, Z sporadic", choices=("X", "Y", "Z")),
        "is_stocked": flag("whether the site keeps it in stock"),
        "why": text("why it is stocked or not"),
    },
)

SOURCE_OPTIONS = Table(
    name="source_options",
    key=("site_id", "part_id", "source_id"),
    says="every source weighed for a part, and why it was taken or not",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "source_id": text("the source"),
        "channel": text("kind of source", choices=CHANNELS),
        "lead_time_days": number("order to shelf", unit="calendar days", min=0),
        "unit_cost": money("per piece at the quantity that would be ordered", min=0),
        "cost_per_year": money("expected price, order, holding and lateness cost", min=0),
        "is_chosen": flag("this is the source"),
        "why": text("why it was taken or rejected"),
    },
)

REVIEW_DAYS = Table(
    name="review_days",
    key=("site_id", "source_id", "abc_class", "starts_on", "weekdays", "every_weeks", "every_days"),
    says="the days on which each source's parts are reviewed; as the input table review_calendar it keeps them so",
    columns={
        "site_id": _SITE,
        "source_id": text("the source"),
        "abc_class": text("class", choices=ABC_CLASSES),
        "starts_on": day("weeks and days are counted from the week, or the day, of this date"),
        "weekdays": text("days of the week; blank where reviews are every so many days", required=False),
        "every_weeks": whole("of every so many weeks", min=1),
        "every_days": whole("reviews are every so many days; 0: on weekdays", unit="calendar days", min=0),
        "review_period_days": number("T: mean days between reviews", unit="calendar days", above=0),
        "parts": whole("parts kept in stock", min=0),
        "lines_per_review": number("order lines expected of a review", min=0),
        "lines_per_day": number("order lines expected a working day", min=0),
        "set_by": text(
            "planner: review_calendar; cost, class: replenish.review_rule", choices=("planner", "cost", "class")
        ),
    },
)

PUT_OFF = Table(
    name="put_off",
    key=("site_id", "part_id"),
    says="order lines that wait for hands: they are reviewed again on the next working day",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "source_id": text("the source"),
        "quantity": whole("pieces missing", unit="pieces", min=1),
        "value": money("their value at the part's unit cost", min=0),
        "cost_of_a_day": money("emergency purchases expected of one more day's wait", min=0),
        "since_on": day("first night that put it off"),
    },
)

LEVELS = Table(
    name="levels",
    key=("site_id", "part_id"),
    says="review period, order-up-to level and what service it promises",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "source_id": text("the chosen source"),
        "channel": text("kind of source", choices=CHANNELS),
        "abc_class": text("class", choices=ABC_CLASSES),
        "is_stocked": flag("whether the site keeps it in stock"),
        "is_due": flag("reviewed today"),
        "reviewed_on": day("the review the level is for: today where due, else the next one"),
        "next_review_on": day("the review after that"),
        "review_period_days": number("from the review to the one after", unit="calendar days", above=0),
        "lead_time_days": number("order to shelf", unit="calendar days", min=0),
        "lead_time_sd_days": number("its standard deviation", unit="calendar days", min=0),
        "protection_days": number("review period plus lead time", unit="calendar days", above=0),
        "mean_over_lead_time": number("expected demand", unit="pieces", min=0),
        "mean_over_protection": number("expected demand", unit="pieces", min=0),
        "sd_over_protection": number("standard deviation of that demand", unit="pieces", min=0),
        "service_measure": text("what the target is about", choices=("cycle_service_level", "fill_rate", "none")),
        "service_target": number(
            "the target; under the system approach the weighted fill rate of all; 0 where not stocked", min=0, max=1
        ),
        "shortfall_factor": number(
            "what 1 - target is multiplied by because promises of the class failed; 1: kept", above=0, max=1
        ),
        "order_up_to_level": whole("target inventory position", unit="pieces", min=0),
        "safety_stock": number("order_up_to_level minus mean_over_protection", unit="pieces"),
        "promised_fill_rate": number(
            "share of demand met from shelf; at a dealer of the whole chain, its DC short at times", min=0, max=1
        ),
        "promised_cycle_service_level": number("probability of no stock-out in a cycle, likewise", min=0, max=1),
        "dc_delay_days": number("mean wait of the dealer's orders at its DC; counted in the promise", min=0),
        "free_level": whole(
            "the level by the rule; it differs from order_up_to_level where a planner set that", unit="pieces", min=0
        ),
        "is_fixed": flag("a planner set the level, see fixed_levels"),
        "cap_cut": whole(
            "pieces the level was cut by, for the chance of being unsold (replenish.unsold_probability)",
            unit="pieces",
            min=0,
        ),
        "room_cut": whole(
            "pieces the level lacks because its site is full (sites.storage_m3)",
            unit="pieces",
            min=0,
        ),
        "min_order_quantity": whole("smallest order", unit="pieces", min=1),
        "order_multiple": whole("pack size", unit="pieces", min=1),
        "unit_cost": money("purchase cost per piece", min=0),
    },
)

RATE_FACTORS = Table(
    name="rate_factors",
    key=("site_kind", "abc_class", "factor"),
    says="what the rate of a forecast turns out to be multiplied by, learnt by forecasting again from an earlier day",
    columns={
        "site_kind": text("kind of site", choices=("dc", "dealer")),
        "abc_class": text("class on the earlier day", choices=ABC_CLASSES),
        "factor": number("of the rate; the factors of a class average 1", min=0),
        "share": number("of the parts at sites that turn out so", min=0, max=1.000001),
        "n_totals": whole("quarters of parts at sites that taught it", min=1),
    },
)

PAST_PROMISES = Table(
    name="past_promises",
    key=("demanded_on", "site_id", "part_id"),
    says="what was promised on each day with demand, read from the runs of earlier nights",
    columns={
        "demanded_on": day("the day of the demand"),
        "site_id": _SITE,
        "part_id": _PART,
        "abc_class": text("class in that run", choices=ABC_CLASSES),
        "promised_fill_rate": number("share of demand met from shelf", min=0, max=1),
        "shortfall_factor": number("the widening in force, see levels", above=0, max=1),
    },
)

SERVICE_RECORD = Table(
    name="service_record",
    key=("site_kind", "site_id", "abc_class"),
    says="promised beside realised service since the earlier nights that count",
    columns={
        "site_kind": text("kind of site", choices=("dc", "dealer")),
        "site_id": text("the site, or all"),
        "abc_class": text("class in the run that promised", choices=ABC_CLASSES),
        "lines": whole("demand lines", min=1),
        "parts": whole("parts asked for; what fewer than ten show is no evidence", min=1),
        "pieces": whole("pieces asked for", unit="pieces", min=1),
        "promised_fill_rate": number("share promised, weighted by pieces asked for", min=0, max=1),
        "realised_fill_rate": number("share met from the shelf at once", min=0, max=1),
        "gap": number("promised minus realised"),
        "standard_error": number(
            "of the gap, parts being independent: as they show it, or as chance alone makes it, the larger", min=0
        ),
        "money": money("pieces promised and not met, at unit cost", min=0),
        "shortfall_factor": number("what 1 - target of the class is to be multiplied by", above=0, max=1),
    },
)

LEVELS_FILE = Table(
    name="levels_file",
    key=("site_id", "part_id"),
    says="what partsopt levels writes",
    columns={
        name: LEVELS.columns[name]
        for name in (
            "site_id",
            "part_id",
            "review_period_days",
            "lead_time_days",
            "order_up_to_level",
            "promised_fill_rate",
            "abc_class",
            "unit_cost",
        )
    },
)

CURVE_LIMITS = ("money", "money and room", "room", "levels")

EXCHANGE_CURVE = Table(
    name="exchange_curve",
    key=("scope", "point"),
    says="the best service for every amount of money in levels, what stops it there, and where tonight's levels stand",
    columns={
        "scope": text("network, or a DC with its dealers"),
        "point": whole("number of the point, by rising money", min=0),
        "money": money("order-up-to levels at unit cost", min=0),
        "owed": money("worth of the pieces customers are owed; budget_counts = stock pays it too", min=0),
        "service": number("weighted fill rate of customers (replenish.system_weights)", min=0, max=1.000001),
        "bound": number("service that no levels of this money exceed, of the levels of DCs that were weighed", min=0),
        "room_takes": number("what the bound would be more, were there room for any stock", min=0),
        "is_here": flag("the levels of tonight; the other points are the best for their money"),
        "stopped_by": text(
            "what stops service there; levels: the highest allowed are reached. Tonight's: as at the point above",
            choices=CURVE_LIMITS,
        ),
        "service_per_money": number("service that one more unit of money would bring", min=0),
        "full_sites": whole("sites whose room (sites.storage_m3) is full", min=0),
        "full_site_id": text("where one more m3 would bring most; blank where none is full", required=False),
        "service_per_m3": number("service that one more m3 there would bring", unit="1/m3", min=0),
        "pairs_lower": whole("parts at sites whose level falls on the way down to the point before", min=0),
        "pairs_higher": whole("parts at sites whose level rises on that way: they had made room", min=0),
        "site_id": text("where the service falls most on that way; blank where nothing falls", required=False),
        "part_id": text("the part whose service falls most; blank where nothing falls", required=False),
        "service_lost": number("by how much, in weighted fill rate", min=0),
    },
)

POSITIONS = Table(
    name="positions",
    key=("site_id", "part_id"),
    says="inventory_position = on_hand + on_order - backordered - reserved - committed - requested + superseded",
    columns={
        "site_id": _SITE,
        "part_id": _PART,
        "on_hand": whole("pieces on the shelf", unit="pieces", min=0),
        "on_order": whole("receipts due within the protection interval", unit="pieces", min=0),
        "on_order_later": whole("receipts due after it: not counted", unit="pieces", min=0),
        "backordered": whole("pieces promised, not delivered", unit="pieces", min=0),
        "reserved": whole("pieces for booked repairs and named orders", unit="pieces", min=0),
        "committed": whole("proposed transfers out of the site, not yet in its stock figures", unit="pieces", min=0),
        "requested": whole("at a DC: what dealers ask for tonight", unit="pieces", min=0),
        "superseded": whole("net stock of older numbers that this part replaces", unit="pieces"),
        "inventory_position": whole("what orders are computed from", unit="pieces"),
        "excess_quantity": whole("on hand above what the horizon will use", unit="pieces", min=0),
    },
)

ORDERS = Table(
    name="orders",
    key=("line_id",),
    says="what to buy tonight",
    columns={
        "line_id": text("the order line, order_id/line"),
        "order_id": text("the order: one for each site and source"),
        "line": whole("line of the order", min=1),
        "site_id": text("where it will be received"),
        "part_id": _PART,
        "source_id": text("the supplier"),
        "channel": text("kind of source", choices=CHANNELS),
        "abc_class": text("class at the site", choices=ABC_CLASSES),
        "ordered_on": day("the review day"),
        "order_quantity": whole("pieces", unit="pieces", min=1),
        "due_on": day("expected on the shelf"),
        "unit_cost": money("purchase cost per piece", min=0),
        "order_value": money("order_quantity times unit_cost", min=0),
        "limited_by": text("what bound the quantity", choices=("nothing", "minimum", "multiple", "budget")),
        "promised_fill_rate": number("service the level promises", min=0, max=1),
        "why": text("in a sentence"),
    },
)

REQUESTS = Table(
    name="requests",
    key=("request_id",),
    says="what dealers ask of their DC tonight, before allocation",
    columns={
        "request_id": text("the request"),
        "site_id": text("the dealer"),
        "part_id": _PART,
        "source_id": text("the DC asked"),
        "tier": text("urgency", choices=TIERS),
        "quantity": whole("pieces asked for", unit="pieces", min=1),
        "order_multiple": whole("pack size of the stock tier; 1 elsewhere", unit="pieces", min=1),
        "needed_on": day("day it is needed; missing where as soon as can be", required=False),
        "placed_at": moment("when it was placed; missing for requests of tonight's review", required=False),
        "deliver_by": moment("promise made; missing where none", required=False),
        "position_before": whole("the dealer's inventory position before the request", unit="pieces"),
        "mean_per_day": number("the dealer's expected demand", unit="pieces per day", min=0),
        "unit_cost": money("value of a piece", min=0),
        "for_order_id": text("urgent order or appointment it serves", required=False),
        "for_line": whole("line of the urgent order; 0 where none", min=0),
    },
)

SHIPMENTS = Table(
    name="shipments",
    key=("line_id",),
    says="stock that moves from a site to a site",
    columns={
        "line_id": text("the transfer line, order_id/line"),
        "order_id": text("the transfer order: one for each pair of sites"),
        "line": whole("line of the order", min=1),
        "origin_id": text("from"),
        "destination_id": text("to"),
        "part_id": _PART,
        "tier": text("urgency", choices=TIERS),
        "shipment_kind": text("why it moves", choices=("replenishment", "transshipment", "vor")),
        "requested_quantity": whole("pieces asked for", unit="pieces", min=1),
        "shipped_quantity": whole("pieces sent", unit="pieces", min=1),
        "shortage": whole("asked minus sent, over all shipments of the request", unit="pieces", min=0),
        "fair_share": number("pieces an equal run-out time would give", unit="pieces", min=0),
        "request_id": text("the request served"),
        "needed_on": day("day it is needed; missing where as soon as can be", required=False),
        "placed_at": moment("when the order was placed; missing for tonight's review", required=False),
        "deliver_by": moment("promise made; missing where none", required=False),
        "load_kg": number("weight of the line", unit="kg", min=0),
        "load_m3": number("volume of the line", unit="m3", min=0),
        "unit_cost": money("value of a piece", min=0),
        "for_order_id": text("urgent order or appointment it serves", required=False),
        "for_line": whole("line of the urgent order; 0 where none", min=0),
        "dispatched_at": moment("when a dispatch of the day took it up; missing for the night's", required=False),
        "since_on": day("the earlier night that first planned it; missing for tonight's", required=False),
        "leave_by": day("last day on which it may leave, as that night set it; missing for tonight's", required=False),
        "packed_at": moment("when it was picked and packed, if on an earlier day", required=False),
        "told_on": day(
            "day on which its open order tells the dealer that it comes; missing for tonight's", required=False
        ),
        "why": text("in a sentence"),
    },
)

TAKEN_UP = Table(
    name="taken_up",
    key=("line_id",),
    says="lines of earlier nights that waited and are planned again: they are not allocated or ordered again",
    columns=SHIPMENTS.columns,
)

SHORTAGES = Table(
    name="shortages",
    key=("request_id",),
    says="requests that could not be met in full",
    columns={
        "request_id": text("the request"),
        "site_id": text("who asked"),
        "part_id": _PART,
        "source_id": text("the DC asked"),
        "tier": text("urgency", choices=TIERS),
        "quantity": whole("pieces asked for", unit="pieces", min=1),
        "shipped_quantity": whole("pieces sent", unit="pieces", min=0),
        "shortage": whole("pieces missing", unit="pieces", min=1),
        "shortage_because": text("why"),
        "next_receipt_on": day("next open order of the DC due; missing where none", required=False),
        "shortage_value": money("pieces missing times unit cost", min=0),
    },
)

ROUTES = Table(
    name="routes",
    key=("route_id", "trip"),
    says="trips of each vehicle on each planned day; those of later days are planned again by the next night",
    columns={
        "route_id": text("all trips of one vehicle on one day, which is in its name"),
        "trip": whole("number of the trip in the vehicle's day", min=1),
        "depot_id": text("the DC"),
        "vehicle_id": text("the vehicle"),
        "departs_at": moment("leaves the depot, loaded"),
        "returns_at": moment("back at the depot"),
        "n_stops": whole("stops", min=1),
        "rest_min": number("rests by law, the way back included", unit="minutes", min=0, required=False, default=0.0),
        "load_kg": number("on the vehicle when it leaves", unit="kg", min=0),
        "load_m3": number("on the vehicle when it leaves", unit="m3", min=0),
        "load_share": number("the fuller of kg and m3, of the capacity", min=0),
        "distance_m": number("distance", unit="metres", min=0),
        "cost": money("fixed cost (on the first trip), distance and time", min=0),
    },
)

STOPS = Table(
    name="stops",
    key=("route_id", "trip", "position"),
    says="one vehicle at one site once; several shipments",
    columns={
        "route_id": text("the route"),
        "trip": whole("trip in the vehicle's day", min=1),
        "position": whole("stop in the trip", min=1),
        "vehicle_id": text("the vehicle"),
        "depot_id": text("the DC it started from"),
        "site_id": text("where it stops"),
        "tier": text("the most urgent on board for this stop", choices=TIERS),
        "arrives_at": moment("wheels stop"),
        "starts_at": moment("unloading starts, within the site's window"),
        "leaves_at": moment("wheels turn"),
        "distance_m": number("from the stop before", unit="metres", min=0),
        "travel_min": number("from the stop before, rests left aside", unit="minutes", min=0),
        "rest_min": number("rests by law on that way", unit="minutes", min=0, required=False, default=0.0),
        "load_kg": number("unloaded here", unit="kg", min=0),
        "load_m3": number("unloaded here", unit="m3", min=0),
        "n_lines": whole("shipment lines unloaded", min=0),
        "n_returns": whole("returns loaded", min=0, required=False, default=0),
        "returns_kg": number("weight of the returns loaded", unit="kg", min=0, required=False, default=0.0),
    },
)

COLLECTIONS = Table(
    name="collections",
    key=("return_id",),
    says="how each return comes back: on a stop of a vehicle, or left, with the reason",
    columns={
        "return_id": text("the return"),
        "carried_by": text("how", choices=("vehicle", "left")),
        "route_id": text("the route; blank where left", required=False),
        "trip": whole("the trip; 0 where left", min=0),
        "position": whole("the stop; 0 where left", min=0),
        "left_because": text("reason; blank where collected", required=False),
    },
)

DELIVERY_LINES = Table(
    name="delivery_lines",
    key=("line_id",),
    says="how each shipment line travels: on a stop, on a lane, or unserved with the reason",
    columns={
        "line_id": text("the transfer line"),
        "carried_by": text("how", choices=("vehicle", "lane", "unserved")),
        "released_at": moment("picked and packed"),
        "route_id": text("the route; blank where not on a vehicle", required=False),
        "trip": whole("the trip; 0 where not on a vehicle", min=0),
        "position": whole("the stop; 0 where not on a vehicle", min=0),
        "service": text("the carrier's product; blank where not on a lane", required=False),
        "departs_at": moment("leaves the DC; missing where unserved", required=False),
        "arrives_at": moment("unloading starts, or the carrier's promise; missing where unserved", required=False),
        "leaves_on": day("the day at its origin on which it leaves; missing where unserved", required=False),
        "leave_by": day("last day on which it may leave; missing where a promise or its urgency says", required=False),
        "waits": flag(
            "it leaves on a later day than the first that is planned: the next night plans it again",
            required=False,
            default=False,
        ),
        "is_picked": flag("on the first day's pick list: to be packed, or loaded", required=False, default=True),
        "is_late": flag("after deliver_by, or after the day a booked repair needs it"),
        "cost": money("share of the lane's price; 0 on a vehicle, whose cost is the route's", min=0),
        "unserved_because": text("reason; blank when served", required=False),
        "waits_because": text("why it does not leave on the first day; blank where it does", required=False),
    },
)

WAITING_LINES = Table(
    name="waiting_lines",
    key=("line_id",),
    says="lines that do not leave on the first day planned: the next night takes up those still open",
    columns=SHIPMENTS.columns,
)

SOLVER_RUNS = Table(
    name="solver_runs",
    key=("stage", "name"),
    says="what each solver answered",
    columns={
        "stage": text("the stage that asked"),
        "name": text("what was solved, such as the DC"),
        "solver": text("the solver"),
        "status": text(
            "optimal; feasible: a limit of iterations was reached; time_limit: the safety net was hit; "
            "fallback: a substitute answered; nothing_to_do",
            choices=("optimal", "feasible", "time_limit", "fallback", "nothing_to_do"),
        ),
        "objective": number("value of the answer; missing where there is none", required=False),
        "bound": number("best bound; missing where the solver gives none", required=False),
        "gap": number("relative distance to the bound; missing where there is none", required=False),
        "solutions": whole("solutions visited", min=0),
        "why": text("in a sentence"),
    },
)

EXCEPTIONS = Table(
    name="exceptions",
    role="output",
    file="exceptions.csv",
    key=("code", "site_id", "part_id", "line_id", "what"),
    says="the lines a person should look at; all_exceptions.parquet has those beyond write.exceptions_per_code too",
    columns={
        "code": text("kind of exception, see the operating guide"),
        "stage": text("where in the night it was seen"),
        "site_id": text("the site; blank where none", required=False),
        "part_id": text("the part; blank where none", required=False),
        "line_id": text("the order or transfer line; blank where none", required=False),
        "what": text("what was seen"),
        "money": money("money at stake; 0 where it is service only", min=0),
        "action": text("what to do"),
        "since_on": day(
            "first of the nights in a row that told it; blank on the line of what is beyond", required=False
        ),
    },
)

LINEAGE = Table(
    name="lineage",
    role="output",
    file="lineage.parquet",
    key=("line_id", "term_number"),
    says="what each order and transfer line was made of; the quantities of a line add up to its quantity",
    columns={
        "line_id": text("the order or transfer line"),
        "term_number": whole("place in the sum", min=1),
        "term": text("name of the term"),
        "quantity": whole("signed pieces", unit="pieces"),
        "note": text("where the number came from", required=False),
    },
)

REJECTS = Table(
    name="rejects",
    role="output",
    file="rejects.csv",
    key=(),
    says="input rows refused",
    columns={
        "table": text("the table"),
        "file": text("the file"),
        "line": whole("physical line, the header being 1; row number in a Parquet file", min=0),
        "column": text("the column; blank where the rule concerns the row", required=False),
        "value": text("what stood there", required=False),
        "rule": text("what it breaks"),
        "remedy": text("what to do"),
        "row_text": text("the whole row as it stood", required=False),
    },
)

PURCHASE_ORDERS = Table(
    name="purchase_orders",
    role="output",
    file="purchase_orders.csv",
    key=("order_id", "line"),
    says="what to buy; its first columns are those of open_orders, so that it can be imported as proposals",
    columns={
        **{name: OPEN_ORDERS.columns[name] for name in OPEN_ORDERS.columns},
        "line_id": text("the line, as in lineage.parquet"),
        "channel": text("kind of source", choices=CHANNELS),
        "abc_class": text("class at the site", choices=ABC_CLASSES),
        "ordered_on": day("the review day"),
        "unit_cost": money("purchase cost per piece"),
        "order_value": money("quantity times unit cost"),
        "limited_by": text("what bound the quantity", choices=("nothing", "minimum", "multiple", "budget")),
        "promised_fill_rate": number("service the level promises", decimals=4),
        "why": text("in a sentence"),
    },
)

TRANSFER_ORDERS = Table(
    name="transfer_orders",
    role="output",
    file="transfer_orders.csv",
    key=("order_id", "line"),
    says="what to send from site to site; its first columns are those of open_orders",
    columns={
        **{name: OPEN_ORDERS.columns[name] for name in OPEN_ORDERS.columns},
        "line_id": text("the line, as in lineage.parquet"),
        "tier": text("urgency", choices=TIERS),
        "shipment_kind": text("why it moves", choices=("replenishment", "transshipment", "vor")),
        "requested_quantity": whole("pieces asked for"),
        "shortage": whole("asked minus sent"),
        "carried_by": text("how it travels", choices=("vehicle", "lane", "unserved")),
        "why": text("in a sentence"),
    },
)

DELIVERIES = Table(
    name="deliveries",
    role="output",
    file="deliveries.csv",
    zone_of="site_id",
    key=("depot_id", "carried_by", "route_id", "trip", "position", "site_id", "service"),
    says="the first day's stops in order and consignments given to carriers, and what nobody carries",
    columns={
        "depot_id": text("the DC"),
        "carried_by": text("how", choices=("vehicle", "lane", "unserved")),
        "route_id": text("the route; blank where not on a vehicle", required=False),
        "vehicle_id": text("the vehicle; blank where not on a vehicle", required=False),
        "trip": whole("the trip; 0 where not on a vehicle"),
        "position": whole("the stop; 0 where not on a vehicle"),
        "site_id": text("where it goes"),
        "service": text("the carrier's product; for what is unserved, the reason", required=False),
        "tier": text("the most urgent line", choices=TIERS),
        "departs_at": moment("leaves the DC; missing where unserved", required=False),
        "arrives_at": moment("reaches the site; missing where unserved", required=False),
        "starts_at": moment("unloading starts; missing where not on a vehicle", required=False),
        "leaves_at": moment("leaves the site; missing where not on a vehicle", required=False),
        "distance_m": number("from the stop before", decimals=0),
        "n_lines": whole("shipment lines"),
        "load_kg": number("unloaded here", decimals=3),
        "load_m3": number("unloaded here", decimals=4),
        "n_returns": whole("returns loaded here", required=False, default=0),
        "returns_kg": number("weight of the returns loaded here", decimals=3, required=False, default=0.0),
        "cost": money("the carrier's price; a vehicle's cost is in routes"),
    },
)

PICK_LISTS = Table(
    name="pick_lists",
    role="output",
    file="pick_lists.csv",
    zone_of="depot_id",
    key=("depot_id", "pick_by", "bin", "part_id", "line_id"),
    says="what to pick on the first day: wave by wave in the order they must be ready, each along the bins",
    columns={
        "depot_id": text("the site that picks"),
        "pick_by": moment("the wave: the trip's or carrier's departure; the release where unserved"),
        "bin": text("where it lies; blank where stock does not say", required=False),
        "line_id": text("the transfer line"),
        "tier": text("urgency", choices=TIERS),
        "released_at": moment("picked and packed by, as its tier demands"),
        "deliver_by": moment("promise made; missing where none", required=False),
        "carried_by": text("how it travels", choices=("vehicle", "lane", "unserved")),
        "route_id": text("the route; blank where none", required=False),
        "trip": whole("the trip; 0 where none"),
        "position": whole("the stop; 0 where none"),
        "service": text("the carrier's product; blank where none", required=False),
        "destination_id": text("where it goes"),
        "part_id": _PART,
        "description": text("what it is", required=False),
        "quantity": whole("pieces"),
        "is_packed": flag("packed on an earlier day: only to be loaded"),
    },
)

WAITING = Table(
    name="waiting",
    role="output",
    file="waiting.csv",
    zone_of="depot_id",
    key=("depot_id", "leaves_on", "line_id"),
    says="what does not leave on the first day: the day for which it is planned, and why",
    columns={
        "depot_id": text("the site it leaves"),
        "leaves_on": day("the day for which it is planned; blank where nobody carries it yet", required=False),
        "leave_by": day("last day on which it may leave; blank where a promise or its urgency says", required=False),
        "since_on": day("night that first planned it"),
        "told_on": day(
            "day the dealer expects it, by its open order; blank where tonight's line tells it", required=False
        ),
        "line_id": text("the transfer line"),
        "tier": text("urgency", choices=TIERS),
        "site_id": text("where it goes"),
        "part_id": _PART,
        "quantity": whole("pieces"),
        "value": money("their value"),
        "carried_by": text("how", choices=("vehicle", "lane", "unserved")),
        "departs_at": moment("planned departure; blank where nobody carries it yet", required=False),
        "arrives_at": moment("planned arrival; blank where nobody carries it yet", required=False),
        "is_late": flag("after its promise"),
        "why": text("why it does not leave on the first day"),
    },
)

EXCESS_ACTIONS = Table(
    name="excess_actions",
    role="output",
    file="excess_actions.csv",
    key=("rank",),
    says="what to do with stock above the level and the demand of the horizon, the largest saving first",
    columns={
        "rank": whole("1 is the largest saving", min=1),
        "site_id": text("where it lies"),
        "part_id": _PART,
        "lifecycle": text("where the part stands in its life", choices=LIFECYCLES),
        "action": text(
            "the best of moving it to a DC that needs it, giving it back to the source, selling it below price, "
            "scrapping it and keeping it",
            choices=("rebalance", "return", "discount", "scrap", "keep"),
        ),
        "to_site_id": text("the DC it goes to; blank where it does not move", required=False),
        "excess_quantity": whole("pieces this line is about", unit="pieces", min=1),
        "value": money("their purchase cost", min=0),
        "recovered": money("what the action brings: purchases spared, price given back, sale; freight deducted"),
        "sales_if_kept": money("purchases that its sales by the horizon would spare, and scrap of the rest", min=0),
        "holding_if_kept": money("holding and obsolescence until it is sold, or to the horizon", min=0),
        "keeping_is_worth": money("sales_if_kept less holding_if_kept"),
        "saving": money("recovered less what keeping is worth: proceeds and holding avoided; 0 where kept", min=0),
        "write_off": money("purchase cost that does not come back; 0 where the piece stays in the network", min=0),
        "why": text("in a sentence"),
    },
)

CHANGES = Table(
    name="changes",
    role="output",
    file="changes.csv",
    key=("line_id",),
    zone_of="site_id",
    says="what a dispatch of the day changed for whom; a night has none",
    columns={
        "line_id": text("the transfer line; the request where nothing could be sent"),
        "site_id": text("who waits for it"),
        "part_id": _PART,
        "tier": text("urgency", choices=TIERS),
        "quantity": whole("pieces"),
        "change": text(
            "new; earlier, later; moved: as early as before, on another trip or lane; off: nobody carries it; short",
            choices=("new", "earlier", "later", "moved", "off", "short"),
        ),
        "before": text("how it was to travel", required=False),
        "after": text("how it travels now", required=False),
        "arrives_before": moment("arrival before; missing where there was none", required=False),
        "arrives_at": moment("arrival now; missing where there is none", required=False),
        "is_late": flag("after its promise, now"),
        "why": text("in a sentence"),
    },
)

RUN_OUTS = Table(
    name="run_outs",
    role="output",
    file="run_outs.csv",
    key=("old_part_id", "site_id"),
    says="when pieces of replaced numbers will be gone, in the network and at each site that has any, and what is left",
    columns={
        "old_part_id": text("the number replaced"),
        "site_id": text("the site, a DC with the dealers it supplies; blank: the whole network", required=False),
        "new_part_id": text("the number that takes its place"),
        "effective_on": day("first day of the new number"),
        "use_up_old_first": flag("old pieces are sold before new ones"),
        "quantity": whole("pieces there and coming, less what is owed", unit="pieces", min=0),
        "demand_per_year": number("expected demand of both numbers", unit="pieces", min=0),
        "run_out_early_on": day("gone by then with a chance of 10 %; missing: not within ten years", required=False),
        "run_out_on": day("gone by then with a chance of 50 %; missing: not within ten years", required=False),
        "run_out_late_on": day("gone by then with a chance of 90 %; missing: not within ten years", required=False),
        "last_order_on": day(
            "last safe day to order the old number: what is ordered later comes after the new one's first day",
            required=False,
        ),
        "new_order_on": day(
            "day by which the new number must be ordered to be there when the old one is gone early; today where it "
            "is past, missing where it never is",
            required=False,
        ),
        "left_over": number("pieces expected to be unsold after replenish.unsold_after_months", unit="pieces", min=0),
        "left_over_value": money("their purchase cost", min=0),
        "action": text(
            "clear_old: return or sell off what will be left; order_new: the new number's day has come; stop_old: "
            "order no more of the old; use_up: nothing",
            choices=("clear_old", "order_new", "stop_old", "use_up"),
        ),
    },
)

DERIVED_TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        DEMAND_SERIES,
        SERIES,
        FORECASTS,
        FORECAST_STEPS,
        MARKET_STEPS,
        NETWORK_REST,
        DEALER_SHARES,
        UNLISTED_RATES,
        CLASSES,
        RATE_FACTORS,
        PAST_PROMISES,
        SERVICE_RECORD,
        SOURCE_OPTIONS,
        REVIEW_DAYS,
        PUT_OFF,
        LEVELS,
        POSITIONS,
        ORDERS,
        REQUESTS,
        SHIPMENTS,
        TAKEN_UP,
        SHORTAGES,
        ROUTES,
        STOPS,
        DELIVERY_LINES,
        COLLECTIONS,
        WAITING_LINES,
        SOLVER_RUNS,
    )
}
OUTPUT_TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        PURCHASE_ORDERS,
        TRANSFER_ORDERS,
        DELIVERIES,
        PICK_LISTS,
        WAITING,
        CHANGES,
        EXCEPTIONS,
        EXCESS_ACTIONS,
        RUN_OUTS,
        REJECTS,
        LINEAGE,
    )
}

# --------------------------------------------------------------------------- exceptions


@dataclass(frozen=True, kw_only=True)
class ExceptionCode:
    """What a code in ``exceptions.csv`` means and what a planner does about it."""

    code: str
    stage: str
    says: str
    action: str


EXCEPTION_CODES: dict[str, ExceptionCode] = {}


def declare_exception(code: str, *, stage: str, says: str, action: str) -> str:
    """Register an exception code; the operating guide is printed from the register."""
    EXCEPTION_CODES[code] = ExceptionCode(code=code, stage=stage, says=says, action=action)
    return code


def exceptions_of(code: str, rows: pd.DataFrame, *, what: Sequence[str] | pd.Series, money: Any = 0.0) -> pd.DataFrame:
    """Make lines of ``exceptions.csv`` from rows that may have site_id, part_id and line_id.

    Parameters
    ----------
    code
        A declared code.
    rows
        The rows in question; those of the columns site_id, part_id and line_id it lacks are left blank.
    what
        What was seen, one sentence for each row.
    money
        Money at stake, one number for each row or one for all.

    Examples
    --------
    >>> code = declare_exception("example", stage="none", says="an example", action="nothing")
    >>> exceptions_of(code, pd.DataFrame({"site_id": ["D01"]}), what=["seen"])["what"].tolist()
    ['seen']
    >>> del EXCEPTION_CODES["example"]
    """
    meaning = EXCEPTION_CODES[code]
    lines = pd.DataFrame({name: rows[name].to_numpy() for name in ("site_id", "part_id", "line_id") if name in rows})
    lines = lines.reindex(range(len(rows)), fill_value="")
    for name in ("site_id", "part_id", "line_id"):
        if name not in lines:
            lines[name] = ""
    lines["code"], lines["stage"], lines["action"] = code, meaning.stage, meaning.action
    lines["what"] = list(what)
    lines["money"] = np.broadcast_to(np.asarray(money, dtype=np.float64), len(rows)).copy()
    return conform(lines, EXCEPTIONS)


# --------------------------------------------------------------------------- conforming


def empty(table: Table) -> pd.DataFrame:
    """A table without rows, of the declared types."""
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[column.kind]) for name, column in table.columns.items()})


def stacked(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several frames, one below the other; a frame without rows has no say in their types."""
    given = list(frames)
    return pd.concat([frame for frame in given if len(frame)] or given[:1], ignore_index=True)


def together(frames: Iterable[pd.DataFrame], table: Table) -> pd.DataFrame:
    """The rows of several frames as one table."""
    return conform(stacked([empty(table), *frames]), table)


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as Python values by column: what ``to_dict("records")`` gives, in a quarter of the time.

    Examples
    --------
    >>> records_of(pd.DataFrame({"site_id": ["D01", "D02"], "on_hand": [3, 0]}))
    [{'site_id': 'D01', 'on_hand': 3}, {'site_id': 'D02', 'on_hand': 0}]
    """
    names = list(frame.columns)  # an index of text is slow to go through for each row
    columns = [
        (values.to_numpy() if values.dtype == _DTYPES["text"] else values).tolist() for _, values in frame.items()
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Give the declared columns in their order and types, sorted by the key; refuse what breaks the declaration.

    Parameters
    ----------
    frame
        Rows; further columns are dropped, optional columns that lack are filled.
    table
        The declaration.

    Raises
    ------
    TableError
        A column lacks, a value is missing or out of bounds, or a key repeats.

    Examples
    --------
    >>> rows = pd.DataFrame({"calendar": ["CN"], "day": pd.to_datetime(["2026-10-01"]), "is_working": [False]})
    >>> conform(rows, HOLIDAYS).dtypes.astype(str).tolist()
    ['str', 'datetime64[us]', 'bool']
    """
    given = {}
    for name, column in table.columns.items():
        if name in frame:
            given[name] = _cast(frame[name], name, column, table)
        elif not column.required:
            given[name] = _filled(len(frame), column, frame.index)
        else:
            raise TableError(
                table=table.name,
                column=name,
                value="absent",
                rule="must be a column of the table",
                remedy=f"give the columns {', '.join(table.columns)}",
            )
    rows = pd.DataFrame(given, index=frame.index)
    for name, column in table.columns.items():
        broken = broken_values(given[name], column)
        if broken.any():
            _refuse(rows, table, name, broken, column.rule() or "must be given", column.remedy or "correct the stage")
    if _is_in_order(rows, table.sorted_by):
        rows = rows.reset_index(drop=True)
    else:
        rows = rows.sort_values(table.sorted_by, kind="stable", ignore_index=True)
    if table.key:
        repeated = _as_the_row_before(rows, table.key)
        if repeated.any():
            _refuse(
                rows, table, table.key[-1], repeated, "must not repeat within the key", f"key: {', '.join(table.key)}"
            )
    return rows


def _is_in_order(rows: pd.DataFrame, key: Sequence[str]) -> bool:
    """Whether no row stands before one that sorts below it; False too where that takes knowing where missing sorts."""
    undecided = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for name in key:
        if not undecided.any():
            break
        if rows[name].hasnans:
            return False
        values = rows[name].array
        if (undecided & np.asarray(values[1:] < values[:-1], dtype=bool)).any():
            return False
        undecided &= np.asarray(values[1:] == values[:-1], dtype=bool)
    return True


def _as_the_row_before(rows: pd.DataFrame, key: Sequence[str]) -> Flags:
    """Rows of a table in the order of its key that have the key of the row before."""
    same = np.arange(len(rows)) > 0
    for name in key:
        values = rows[name].array
        same[1:] &= np.asarray(values[1:] == values[:-1], dtype=bool)
    return same


def broken_values(values: pd.Series, column: Column) -> Flags:
    """True where a value of the declared type is missing though required, or out of the declared bounds."""
    broken = np.zeros(len(values), dtype=bool)
    if column.kind == "text":
        if column.required or column.choices:
            blank = np.asarray(values.array == "", dtype=bool)
            if column.required:
                broken |= blank
            if column.choices:
                broken |= ~values.isin(column.choices).to_numpy() & ~blank
        return broken
    if column.required and column.kind in ("number", "day", "moment"):
        broken |= values.isna().to_numpy()
    if column.kind in ("number", "whole", "clock"):
        numbers = values.to_numpy()
        if column.kind == "number":
            broken |= np.isinf(numbers)
        if column.min is not None:
            broken |= numbers < column.min
        if column.above is not None:
            broken |= numbers <= column.above
        if column.max is not None:
            broken |= numbers > column.max
    return broken


def _filled(n: int, column: Column, index: pd.Index) -> pd.Series:
    missing: Any = {"text": "", "number": np.nan, "day": pd.NaT, "moment": pd.NaT}.get(column.kind)
    value = column.default if column.default is not None else missing
    return pd.Series([value] * n, index=index, dtype=DTYPES[column.kind])


def _cast(values: pd.Series, name: str, column: Column, table: Table) -> pd.Series:
    try:
        cast = values if values.dtype == _DTYPES[column.kind] else values.astype(DTYPES[column.kind])
        return cast.fillna("") if column.kind == "text" and cast.hasnans else cast
    except (TypeError, ValueError) as error:
        raise TableError(
            table=table.name,
            column=name,
            value=str(values.dtype),
            rule=f"must hold {column.kind} ({DTYPES[column.kind]}): {error}",
            remedy="cast it in the stage",
        ) from error


def _refuse(rows: pd.DataFrame, table: Table, column: str, broken: Flags, rule: str, remedy: str) -> None:
    first = rows[broken].iloc[0]
    place = ", ".join(str(first[name]) for name in table.key) or str(rows.index[broken][0])
    raise TableError(
        table=table.name,
        row=place,
        column=column,
        value=first[column],
        rule=rule,
        remedy=remedy,
        more=int(broken.sum()) - 1,
    )
