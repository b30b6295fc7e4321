"""The parts of the sample network: numbers, names, prices, sizes, and how each one sells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from partsopt.sample.draws import Array, lognormal, normal, pick, sample_without_repeat, spread_normal, steady, stream
from partsopt.tables import PARTS, conform

# Rates at one DC of the full network (fifty dealers): demands a year, lognormal over parts
MEDIAN_DEMANDS_PER_YEAR = 3.9
SIGMA_OF_RATE = 1.62
PRICE_MEDIAN = 78.0
SIGMA_OF_PRICE = 1.5  # as in the MAN set
GROUP_PART_OF_PRICE = 0.5  # of the variance of log price
PRICE_TO_RATE = -0.27  # correlation of log price and log usage in the MAN set
SHARE_STOPPED = 0.13  # sold, and stops during the history
SHARE_STARTED = 0.10  # begins during the history
SHARE_NEVER = 0.06  # no demand in the whole history: stock of old cars
SHARE_SUPERSEDED = 0.045  # parts that are the old number of another
NUMBERS = 1_000_000  # part numbers are a permutation of the numbers below this

MODELS = ("S3", "S5", "X5", "X7", "M9", "E2")


class Group(NamedTuple):
    """A part group: names, share of all parts, kg, relative price, pieces per job, purpose, season, criticality."""

    name: str
    english: str
    chinese: str
    share: float
    weight_kg: float
    price: float
    per_job: int
    purpose: str
    season: str
    criticality: str


GROUPS = tuple(
    Group(*row)
    for row in (
        ("filters", "Oil filter", "机油滤清器", 2.0, 0.35, 0.6, 1, "maintenance", "", "essential"),
        ("filters", "Air filter", "空气滤芯", 2.0, 0.45, 0.8, 1, "maintenance", "", "essential"),
        ("filters", "Cabin filter", "空调滤芯", 2.0, 0.30, 0.7, 1, "maintenance", "summer", "desirable"),
        ("ignition", "Spark plug", "火花塞", 2.0, 0.06, 0.5, 4, "maintenance", "", "vital"),
        ("ignition", "Ignition coil", "点火线圈", 2.0, 0.40, 1.8, 1, "repair", "", "vital"),
        ("brakes", "Brake pad set, front", "前制动片", 3.0, 2.1, 2.5, 1, "repair", "", "vital"),
        ("brakes", "Brake disc", "制动盘", 3.0, 8.5, 3.0, 2, "repair", "", "vital"),
        ("brakes", "Brake hose", "制动软管", 1.5, 0.2, 0.8, 2, "repair", "", "vital"),
        ("battery", "Starter battery 12 V", "蓄电池", 1.0, 17.0, 5.0, 1, "repair", "winter", "vital"),
        ("wipers", "Wiper blade", "雨刮片", 1.5, 0.3, 0.7, 2, "maintenance", "winter", "desirable"),
        ("climate", "A/C compressor", "空调压缩机", 1.0, 6.5, 14.0, 1, "repair", "summer", "essential"),
        ("climate", "Heater valve", "暖风水阀", 1.0, 0.3, 2.0, 1, "repair", "winter", "desirable"),
        ("body", "Bumper cover, front", "前保险杠", 3.0, 6.0, 9.0, 1, "accident", "", "desirable"),
        ("body", "Fender, left", "左前翼子板", 3.0, 4.5, 7.0, 1, "accident", "", "desirable"),
        ("body", "Door mirror", "外后视镜", 3.0, 1.8, 6.0, 1, "accident", "", "essential"),
        ("body", "Windscreen", "前挡风玻璃", 1.5, 14.0, 8.0, 1, "accident", "", "vital"),
        ("lighting", "Headlamp LED", "前大灯总成", 3.0, 4.2, 22.0, 1, "accident", "", "vital"),
        ("lighting", "Rear lamp", "尾灯", 3.0, 1.6, 6.0, 1, "accident", "", "essential"),
        ("chassis", "Shock absorber", "减振器", 3.5, 3.2, 5.0, 2, "repair", "", "essential"),
        ("chassis", "Control arm", "控制臂", 3.5, 3.6, 4.5, 1, "repair", "", "essential"),
        ("chassis", "Wheel bearing", "轮毂轴承", 3.0, 1.9, 3.2, 1, "repair", "", "vital"),
        ("chassis", 'Alloy wheel 18"', "铝合金轮毂", 1.5, 11.0, 9.0, 1, "accident", "", "desirable"),
        ("engine", "Water pump", "水泵", 3.0, 1.7, 4.0, 1, "repair", "", "vital"),
        ("engine", "Timing belt kit", "正时皮带组件", 2.0, 1.2, 4.0, 1, "maintenance", "", "vital"),
        ("engine", "Engine mount", "发动机支架", 3.0, 2.4, 3.0, 1, "repair", "", "essential"),
        ("engine", "Turbocharger", "涡轮增压器", 1.0, 9.0, 35.0, 1, "warranty", "", "vital"),
        ("engine", "Cylinder head gasket", "气缸垫", 3.0, 0.5, 1.5, 1, "repair", "", "vital"),
        ("electrics", "Alternator", "发电机", 2.0, 6.8, 12.0, 1, "repair", "", "vital"),
        ("electrics", "Oxygen sensor", "氧传感器", 4.0, 0.2, 3.5, 1, "repair", "", "essential"),
        ("electrics", "Control unit (ECU)", "控制单元", 3.0, 0.6, 28.0, 1, "warranty", "", "vital"),
        ("electrics", "Wiring harness", "线束", 3.0, 1.8, 6.0, 1, "warranty", "", "vital"),
        ("transmission", "Clutch kit", "离合器套件", 2.0, 7.5, 8.0, 1, "repair", "", "vital"),
        ("transmission", "Drive shaft", "传动轴", 2.0, 6.5, 9.0, 1, "repair", "", "vital"),
        ("fuel", "Fuel pump", "燃油泵", 2.0, 0.9, 6.0, 1, "repair", "", "vital"),
        ("fuel", "Injector", "喷油嘴", 2.0, 0.2, 5.0, 4, "repair", "", "vital"),
        ("trim", "Trim panel, door", "车门饰板", 5.0, 1.5, 2.5, 1, "accident", "", "desirable"),
        ("trim", "Seat cover", "座椅套", 3.0, 1.2, 5.0, 1, "warranty", "", "desirable"),
        ("trim", "Emblem", "车标", 2.0, 0.1, 0.5, 1, "accident", "", "desirable"),
        ("fasteners", "Clip", "卡扣", 4.0, 0.01, 0.04, 6, "accident", "", "desirable"),
        ("fasteners", "Hex bolt M8x25, zinc", "六角螺栓", 4.0, 0.03, 0.05, 4, "repair", "", "essential"),
        ("seals", "O-ring", "O形圈", 4.0, 0.005, 0.06, 3, "repair", "", "essential"),
        ("seals", "Door seal", "车门密封条", 3.0, 0.9, 1.2, 1, "repair", "", "desirable"),
        ("fluids", "Coolant 1.5 L", "冷却液", 0.7, 1.7, 0.4, 4, "maintenance", "winter", "essential"),
        ("fluids", "Engine oil 5W-30, 4 L", "机油", 0.7, 3.6, 1.2, 2, "maintenance", "", "essential"),
    )
)


@dataclass(frozen=True)
class Assortment:
    """Parts as arrays, shape (parts,); positions in these arrays are "part" elsewhere.

    ``stops_at`` and ``starts_at`` are shares of the history, outside 0 to 1 where the part sells all through.
    """

    part_ids: Array
    group: Array
    unit_cost: Array
    weight_kg: Array
    volume_m3: Array
    criticality: Array
    demands_per_year: Array  # at one DC of the full network, at the middle of the history
    pieces_per_demand: Array
    growth_per_year: Array  # of the logarithm
    starts_at: Array
    stops_at: Array
    has_lulls: Array
    successor: Array  # position of the part that replaces it, or -1

    def __len__(self) -> int:
        return len(self.part_ids)

    def texts(self, attribute: str) -> Array:
        """An attribute of each part's group."""
        return np.array([getattr(group, attribute) for group in GROUPS])[self.group]


def make_assortment(n_parts: int, seed: int) -> Assortment:
    """Parts with lognormal prices and rates, weakly and negatively correlated, and lives of all kinds."""
    random = stream(seed, "assortment")
    group = pick(_spread(random, n_parts), np.array([one.share for one in GROUPS]))
    z_rate = spread_normal(random, n_parts)
    z_price = PRICE_TO_RATE * z_rate + (1 - PRICE_TO_RATE**2) ** 0.5 * spread_normal(random, n_parts)
    group_price = np.log(np.array([one.price for one in GROUPS]))
    shares = np.array([one.share for one in GROUPS])
    group_price -= steady(np.average(group_price, weights=shares))
    spread_of_groups = float(steady(np.average(group_price**2, weights=shares))) ** 0.5
    group_price *= SIGMA_OF_PRICE * GROUP_PART_OF_PRICE**0.5 / spread_of_groups
    within = SIGMA_OF_PRICE * (1 - GROUP_PART_OF_PRICE) ** 0.5
    unit_cost = np.maximum(np.round(lognormal(z_price * within + group_price[group], PRICE_MEDIAN, 1.0), 2), 0.05)
    weight = np.array([one.weight_kg for one in GROUPS])[group] * lognormal(normal(random, n_parts), 1.0, 0.35)
    density = lognormal(normal(random, n_parts), np.where(np.isin(group, _bulky()), 60.0, 350.0), 0.4)
    per_job = np.array([one.per_job for one in GROUPS])[group]
    life = random.random(n_parts)
    edges = np.cumsum([SHARE_STOPPED, SHARE_STARTED, SHARE_NEVER])
    stopped, never = life < edges[0], (life >= edges[1]) & (life < edges[2])
    started = (life >= edges[0]) & (life < edges[1])
    moment = random.random(n_parts)
    kind_of_trend = random.random(n_parts)
    centre = np.select([kind_of_trend < 0.31, kind_of_trend < 0.46], [-0.40, 0.44], default=-0.03)
    growth = np.round(centre + 0.16 * normal(random, n_parts), 6)
    made = Assortment(
        part_ids=np.array([_part_number(n, seed) for n in range(n_parts)]),
        group=group,
        unit_cost=unit_cost,
        weight_kg=np.maximum(np.round(weight, 3), 0.001),
        volume_m3=np.maximum(np.round(weight / density, 6), 0.000001),
        criticality=_criticality(random, group),
        demands_per_year=np.where(never, 0.0, lognormal(z_rate, MEDIAN_DEMANDS_PER_YEAR, SIGMA_OF_RATE)),
        pieces_per_demand=_pieces(random, per_job),
        growth_per_year=growth,
        starts_at=np.where(started, 0.05 + 0.9 * moment, -1.0),
        stops_at=np.where(stopped, 0.05 + 0.9 * moment, 2.0),
        has_lulls=random.random(n_parts) < 0.45,
        successor=np.full(n_parts, -1),
    )
    return _with_predecessors(made, random)


def _with_predecessors(made: Assortment, random: np.random.Generator) -> Assortment:
    """Turn some parts into old numbers of others: two in three replaced once, the rest links of longer chains."""
    n = round(len(made) * SHARE_SUPERSEDED)
    sells = np.flatnonzero((made.demands_per_year > np.median(made.demands_per_year)) & (made.stops_at > 1))
    heads = sample_without_repeat(random, sells, min(max(n, 0), len(sells) // 2))
    rest = np.setdiff1d(np.arange(len(made)), heads)
    old = sample_without_repeat(random, rest, min(n, len(rest), len(heads)))
    if not len(old):
        return made
    old = old[np.argsort(random.random(len(old)), kind="stable")]
    successor = made.successor.copy()
    n_long = len(old) // 3
    heads_used = heads[: len(old) - n_long]
    successor[old[: len(heads_used)]] = heads_used
    successor[old[len(heads_used) :]] = old[:n_long]
    head = heads_used.tolist()
    head_of_old = np.concatenate([heads_used, np.array(head[:n_long], dtype=np.int64)])
    changes: dict[str, Array] = {"successor": successor}
    for name in ("group", "weight_kg", "volume_m3", "criticality", "pieces_per_demand"):
        values = getattr(made, name).copy()
        values[old] = values[head_of_old]
        changes[name] = values
    cost, rate, starts, stops = (
        getattr(made, name).copy() for name in ("unit_cost", "demands_per_year", "starts_at", "stops_at")
    )
    cost[old] = np.maximum(np.round(cost[head_of_old] * 0.94, 2), 0.05)
    rate[old] = 0.0
    starts[head_of_old], stops[head_of_old] = -1.0, 2.0
    return replace(made, **changes, unit_cost=cost, demands_per_year=rate, starts_at=starts, stops_at=stops)


def parts_table(
    made: Assortment, first_asked: Array, last_asked: Array, history_starts: date, today: date, seed: int
) -> pd.DataFrame:
    """The parts table; life cycle and first day on sale agree with the demand.

    Parameters
    ----------
    made
        The parts.
    first_asked, last_asked
        First and last day with demand, days after ``history_starts``, shape (parts,); -1 without demand.
    history_starts, today
        The history runs from the first to the day before the second.
    seed
        The network's seed.
    """
    random = stream(seed, "parts table")
    n = len(made)
    length = max((today - history_starts).days, 1)
    older = np.round(random.random(n) * 4500 + 60).astype(np.int64)
    is_late = first_asked > 120
    introduced = np.where(is_late & (made.starts_at > 0), first_asked - np.round(random.random(n) * 40), -older)
    silent = np.where(last_asked < 0, length, length - last_asked)
    shrinking = (made.growth_per_year < -0.25) | (silent > 270)
    lifecycle = np.select(
        [
            made.successor >= 0,
            introduced > length - 365,
            (silent > 450) & (random.random(n) < 0.75),
            shrinking & (random.random(n) < 0.6),
        ],
        ["ended", "new", "ended", "phase_out"],
        default="active",
    )
    english, chinese = made.texts("english"), made.texts("chinese")
    model = np.array(MODELS)[np.floor(random.random(n) * len(MODELS)).astype(np.int64)]
    frame = pd.DataFrame(
        {
            "part_id": made.part_ids,
            "description": [f"{c} {e} {m}" for c, e, m in zip(chinese, english, model, strict=True)],
            "unit_cost": made.unit_cost,
            "weight_kg": made.weight_kg,
            "volume_m3": made.volume_m3,
            "criticality": made.criticality,
            "part_group": made.texts("name"),
            "introduced_on": [pd.Timestamp(history_starts + timedelta(days=int(days))) for days in introduced],
            "lifecycle": lifecycle,
        }
    )
    return conform(frame, PARTS)


def _spread(random: np.random.Generator, n: int) -> Array:
    return (np.argsort(random.random(n), kind="stable") + random.random(n)) / max(n, 1)


def _bulky() -> Array:
    return np.array([k for k, one in enumerate(GROUPS) if one.name in ("body", "trim", "lighting")])


def _criticality(random: np.random.Generator, group: Array) -> Array:
    usual = np.array([one.criticality for one in GROUPS])[group]
    other = np.array(["vital", "essential", "desirable"])[np.floor(random.random(len(group)) * 3).astype(np.int64)]
    return np.where(random.random(len(group)) < 0.2, other, usual)


def _pieces(random: np.random.Generator, per_job: Array) -> Array:
    """Mean pieces of one demand: most jobs need one piece; jobs that need several, and workshops that stock up."""
    stocking_up = -np.log1p(-random.random(len(per_job)))
    bulk = np.where(random.random(len(per_job)) < 0.08, 4.0, 0.0)
    return np.round(1 + 0.5 * (per_job - 1) + 0.3 * stocking_up + bulk, 6)


def _part_number(n: int, seed: int) -> str:
    """The n-th part number: several makers' styles, among them those that spreadsheets like to spoil.

    Examples
    --------
    >>> _part_number(0, 1) == _part_number(0, 1)
    True
    """
    number = (n * 606_997 + 10_007 * (seed % 997) + 271_828) % NUMBERS
    digits = f"{number:06d}"
    match number % 8:
        case 0 | 1:
            return f"00{digits}"
        case 2:
            return f"{digits[0]}E{digits[1:]}"
        case 3:
            return f"8K0-{digits[:3]}-{digits[3:]}-{'ABCDEFG'[number % 7]}"
        case 4:
            return f"A{digits}0004"
        case 5:
            return f"{digits[:5]}-YZZ{digits[5]}"
        case 6:
            return f"5Q0{digits}{'ABCD'[number % 4]}"
        case _:
            return f"{digits[:3]}.{digits[3:]}.{number % 10}0"
