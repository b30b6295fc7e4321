"""Dealers borrow from their network: a dealer's demand is its DC's, times a share that few orders hardly move.

A dealer's orders for a part arrive at a rate with a gamma prior of shape ``concentration * prior_share`` and mean
``network rate * prior_share``. Given the network's rate, the shares of all dealers then follow a Dirichlet
distribution: they add up to one before and after any evidence, whether a pair is listed or not. So the dealers' means
and the DC's direct demand add up to the DC's forecast exactly, and no pair of a part that sells is without a rate.

*Network part* is a part in the region of one DC; *dealer* is whoever asks there, the DC's own counter included; an
*order* is a period in which a dealer asked for the part.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.special import gammaln

from partsopt.forecast.rates import exposure

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

BANDS = np.array([1.0, 4.0, 16.0, 64.0])
"""Edges of the bands of orders per network part, discounted, within each of which one concentration is learnt."""
CONCENTRATIONS = 2.0 ** np.arange(-2.0, 13.0)
"""Concentrations tried: so many orders of a network part weigh as much as the prior shares do."""
BAND_ORDERS = 100.0
"""A band's own orders weigh as much as those of all bands when it has so many."""
GROUP_ORDERS = 2.0 ** np.arange(0.0, 15.0)
"""Concentrations tried for the shares within a group around the dealer's share in everything."""
NEEDS_EVIDENCE = 2.0
"""By how much, in log-likelihood, needs must have foretold who ordered better than orders alone, to count at all."""
OWN_ORDERS = 8.0
"""A pair's own order size weighs as much as the network part's when it has shown so many orders."""
SIZE_ORDERS = 8.0
"""A network part's own spread of order sizes weighs as much as that of all when it has shown so many orders."""
REFERENCE_PERIODS = 3.0
"""Horizon for which the uncertainty of a share is counted into the variance to mean where none is given, periods."""
SEED_ORDERS = 0.5
"""Orders that every dealer is given in its share of everything, so that none is 0."""


class Orders(NamedTuple):
    """What dealers asked for, one row for each dealer, network part and period with demand or a stock-out.

    ``age`` counts periods back, 0 for the last; ``share`` is the part of the period with stock.
    """

    dealer: Array
    network: Array
    age: Array
    pieces: Array
    share: Array


class Region(NamedTuple):
    """Who asks, and for what.

    ``dealer_dc`` and ``dealer_periods``: the DC of each dealer and the periods since it first asked for anything, shape
    (dealers,). ``network_dc``, ``network_group`` and ``network_periods``: the DC, the group of parts (0, 1, ..) and
    the length of the history of each network part, shape (networks,).
    """

    dealer_dc: Array
    dealer_periods: Array
    network_dc: Array
    network_group: Array
    network_periods: Array


class Needs(NamedTuple):
    """Who should be asking, by what else is known: a dealer's cars, for a maintenance part.

    ``key`` is network * n_dealers + dealer, rising; ``share`` is above 0 and adds up to 1 over the
    pairs of a network part.
    """

    key: Array
    share: Array


class Evidence(NamedTuple):
    """Discounted orders by listed pair, in order of key = network * n_dealers + dealer, and by network part.

    ``time`` is the discounted exposure of a pair, ``orders`` and ``pieces`` what it asked for in it; ``in_all`` and
    ``time_in_all`` are the orders and the exposure of a network part.
    """

    key: Array
    orders: Array
    pieces: Array
    squares: Array
    time: Array
    in_all: Array
    time_in_all: Array


class Shares(NamedTuple):
    """What was learnt: everything :func:`rate_of_pairs` needs.

    ``prior`` holds the share of a dealer in each group of parts, shape (dealers, groups), adding up to 1 over the
    dealers of a DC. ``concentration`` is the weight of the prior shares, orders, shape (networks,); ``in_all`` the
    orders of each network part, completed for stock-outs; ``needs_weight`` the orders that needs count for.
    ``key``, ``orders``, ``size`` and ``merging`` belong to the listed pairs: completed orders, those that needs count
    for included, pieces per order, and :func:`unmerged`. ``network_size`` and ``size_cv2`` are the mean order size,
    pieces, and the squared coefficient of variation of sizes, shape (networks,); ``total`` is the sum over all dealers
    of the share in orders times the size.
    """

    half_life: float
    prior: Array
    concentration: Array
    band_concentration: Array
    in_all: Array
    needs_weight: float
    key: Array
    orders: Array
    size: Array
    merging: Array
    network_size: Array
    size_cv2: Array
    total: Array


class PairRates(NamedTuple):
    """The demand of each pair: mean per period, variance to mean, its share in the network's demand and its orders.

    ``variance_growth`` is what the variance to mean rises by with each period of the horizon.
    """

    mean: Array
    variance_to_mean: Array
    variance_growth: Array
    share: Array
    orders: Array


def evidence_of(orders: Orders, region: Region, half_life: float, origin: int = 0) -> Evidence:
    """Add up orders by pair, older ones counting less.

    Parameters
    ----------
    orders, region
        What was asked for, and by whom.
    half_life
        Periods after which an order counts half; infinite: never.
    origin
        Only what was known so many periods ago is used.

    Notes
    -----
    Power discounting: Smith (1979), Journal of the Royal Statistical Society B 41, 375-387; Harvey & Fernandes
    (1989), Journal of Business & Economic Statistics 7, 407-422.

    Examples
    --------
    >>> orders = Orders(*(np.array(one) for one in ([0, 0], [0, 0], [0, 1], [3.0, 2.0], [1.0, 1.0])))
    >>> region = Region(*(np.array([one]) for one in (0, 2, 0, 0, 2)))
    >>> evidence_of(orders, region, half_life=1.0).orders.tolist()
    [1.5]
    """
    discount = 0.5 ** (1.0 / half_life)
    n_dealers = len(region.dealer_dc)
    known = np.flatnonzero(orders.age >= origin)
    row_key = orders.network[known].astype(np.int64) * n_dealers + orders.dealer[known]
    key, pair = np.unique(row_key, return_inverse=True)
    pieces = orders.pieces[known].astype(np.float64)
    weight = discount ** (orders.age[known] - origin).astype(np.float64)
    network, dealer = key // max(n_dealers, 1), key % max(n_dealers, 1)
    lasted = np.maximum(region.network_periods - origin, 0)
    time = _discounted(np.minimum(lasted[network], np.maximum(region.dealer_periods[dealer] - origin, 0)), discount)
    unseen = weight * (1.0 - exposure(pieces, orders.share[known]))
    n = len(key)
    is_order = pieces > 0
    in_pair = np.bincount(pair, weights=weight * is_order, minlength=n)
    return Evidence(
        key,
        in_pair,
        np.bincount(pair, weights=weight * pieces, minlength=n),
        np.bincount(pair, weights=weight * pieces**2, minlength=n),
        np.maximum(time - np.bincount(pair, weights=unseen, minlength=n), 0.0),
        np.bincount(network, weights=in_pair, minlength=len(region.network_dc)),
        _discounted(lasted, discount),
    )


def _discounted(periods: Array, discount: float) -> Array:
    return periods.astype(np.float64) if discount == 1.0 else (1.0 - discount**periods) / (1.0 - discount)


def prior_shares(evidence: Evidence, region: Region) -> Array:
    """The share of each dealer in the orders of each group of parts, shrunk to its share in everything.

    Parameters
    ----------
    evidence
        Orders by pair.
    region
        Who asks, and for what.

    Returns
    -------
    Array
        Shape (dealers, groups), above 0, adding up to 1 over the dealers of each DC.

    Notes
    -----
    How far a group is trusted is the concentration of a Dirichlet-multinomial distribution with the largest
    likelihood over all groups (Minka 2000, Estimating a Dirichlet distribution). A dealer that asks since lately is
    measured by its orders per period.

    Examples
    --------
    >>> orders = Orders(*(np.array(one) for one in ([0, 0, 1], [0, 0, 0], [0, 1, 1], [3.0, 2.0, 1.0], [1.0] * 3)))
    >>> region = Region(np.zeros(2, int), np.full(2, 2), np.zeros(1, int), np.zeros(1, int), np.full(1, 2))
    >>> prior_shares(evidence_of(orders, region, np.inf), region).round(3).tolist()
    [[0.625], [0.375]]
    """
    n_dealers, n_dcs = len(region.dealer_dc), int(region.dealer_dc.max(initial=-1)) + 1
    n_groups = int(region.network_group.max(initial=0)) + 1
    dealer = evidence.key % max(n_dealers, 1)
    group = region.network_group[evidence.key // max(n_dealers, 1)]
    orders = np.bincount(dealer * n_groups + group, weights=evidence.orders, minlength=n_dealers * n_groups)
    counts = orders.reshape(n_dealers, n_groups)
    longest = np.zeros(n_dcs)
    np.maximum.at(longest, region.dealer_dc, region.dealer_periods.astype(np.float64))
    late = np.maximum(longest[region.dealer_dc], 1.0) / np.maximum(region.dealer_periods, 1.0)
    per_dealer = (counts.sum(axis=1) + SEED_ORDERS) * late
    overall = per_dealer / np.bincount(region.dealer_dc, weights=per_dealer, minlength=n_dcs)[region.dealer_dc]

    of_dc = np.zeros((n_dcs, n_groups))
    np.add.at(of_dc, region.dealer_dc, counts)
    seen = np.nonzero(counts)
    score = np.array([_allocation_score(one, counts[seen], overall[seen[0]], of_dc).sum() for one in GROUP_ORDERS])
    trust = GROUP_ORDERS[int(score.argmax())]
    raw = (counts * late[:, None] + trust * overall[:, None]) / (of_dc[region.dealer_dc] + trust)
    sums = np.zeros((n_dcs, n_groups))
    np.add.at(sums, region.dealer_dc, raw)
    return raw / sums[region.dealer_dc]


def _allocation_score(concentration: float, counts: Array, shares: Array, totals: Array) -> Array:
    """Log-likelihood of how totals were shared out, up to what the concentration does not change, as two numbers."""
    own = gammaln(concentration * shares + counts) - gammaln(concentration * shares)
    whole = gammaln(concentration) - gammaln(concentration + totals)
    return np.array([own.sum(), whole.sum()])


def foretold_by_concentration(
    evidence: Evidence, prior: Array, region: Region, later_key: Array, later_orders: Array
) -> Array:
    """How well each concentration foretold who placed the orders that came later.

    Parameters
    ----------
    evidence
        Orders before.
    prior
        Prior shares from them, shape (dealers, groups).
    region
        Who asks, and for what.
    later_key, later_orders
        The pairs that ordered later, each once, and how often.

    Returns
    -------
    Array
        Log-likelihood for each of CONCENTRATIONS and each network part, shape (concentrations, networks).

    Notes
    -----
    Dirichlet-multinomial: Mosimann (1962), Biometrika 49, 65-82. Pairs without orders drop out of it.
    """
    n_networks, n_dealers = len(region.network_dc), max(len(region.dealer_dc), 1)
    network, dealer = later_key // n_dealers, later_key % n_dealers
    share = prior[dealer, region.network_group[network]]
    before = _at_keys(evidence.key, evidence.orders, later_key)
    total = np.bincount(network, weights=later_orders, minlength=n_networks)
    asked = np.flatnonzero(total)
    score = np.zeros((len(CONCENTRATIONS), n_networks))
    for place, one in enumerate(CONCENTRATIONS):
        own = gammaln(one * share + before + later_orders) - gammaln(one * share + before)
        whole = one + evidence.in_all[asked]
        score[place] = np.bincount(network, weights=own, minlength=n_networks)
        score[place, asked] += gammaln(whole) - gammaln(whole + total[asked])
    return score


def _at_keys(key: Array, values: Array, wanted: Array) -> Array:
    if not len(key):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where(key[place] == wanted, values[place], 0.0)


def fit_shares(
    orders: Orders,
    region: Region,
    *,
    half_lives: tuple[float, ...],
    tuning_periods: int,
    needs: Needs | None = None,
) -> Shares:
    """Learn from the data how far a dealer's own orders, its group and its network are to be believed.

    Parameters
    ----------
    orders, region
        What was asked for, and by whom. At least one row; every network part and dealer is within ``region``.
    half_lives
        Periods after which an order counts half, to choose from.
    tuning_periods
        The half-life and the concentrations are those that best foretell who orders in the last so many periods, from
        what was known before.

    Returns
    -------
    Shares
        For :func:`rate_of_pairs`.

    Raises
    ------
    ValueError
        There are no orders, or ``tuning_periods`` is below 1.
    """
    if not (orders.pieces > 0).any():
        raise ValueError("There are no orders; a network without demand has no shares to learn.")
    if tuning_periods < 1:
        raise ValueError(f"tuning_periods is {tuning_periods}; it must be 1 or more.")
    n_dealers = len(region.dealer_dc)
    later = (orders.age < tuning_periods) & (orders.pieces > 0)
    later_key, later_orders = np.unique(
        orders.network[later].astype(np.int64) * n_dealers + orders.dealer[later], return_counts=True
    )
    fits = []
    for half_life in half_lives:
        before = evidence_of(orders, region, half_life, tuning_periods)
        score = foretold_by_concentration(before, prior_shares(before, region), region, later_key, later_orders)
        placed = np.bincount(later_key // n_dealers, weights=later_orders, minlength=len(region.network_dc))
        best, reached = _best_by_band(score, placed, np.digitize(before.in_all, BANDS))
        fits.append((reached, half_life, best))
    _, half_life, best = max(fits, key=lambda fit: fit[0])  # the first of equals, in order of preference
    by_band = CONCENTRATIONS[best]
    needs = needs or Needs(np.empty(0, dtype=np.int64), np.empty(0))
    before = evidence_of(orders, region, half_life, tuning_periods)
    weight = _weight_of_needs(before, region, by_band, needs, later_key, later_orders) if len(needs.key) else 0.0
    evidence = evidence_of(orders, region, half_life)
    return _learnt(evidence, prior_shares(evidence, region), region, half_life, by_band, needs, weight)


def _weight_of_needs(
    before: Evidence, region: Region, by_band: Array, needs: Needs, later_key: Array, later_orders: Array
) -> float:
    """The orders that needs are worth: those under which who ordered later was likeliest, 0 if none clearly helps."""
    n_dealers = len(region.dealer_dc)
    is_needed = np.zeros(len(region.network_dc), dtype=bool)
    is_needed[needs.key // n_dealers] = True
    counts = is_needed[later_key // n_dealers]
    key, later = later_key[counts], later_orders[counts]
    network, dealer = key // n_dealers, key % n_dealers
    concentration = by_band[np.digitize(before.in_all, BANDS)]
    own = concentration[network] * prior_shares(before, region)[dealer, region.network_group[network]]
    own += _at_keys(before.key, before.orders, key)
    share = _at_keys(needs.key, needs.share, key)
    total = np.bincount(network, weights=later, minlength=len(region.network_dc))[is_needed]
    whole = (concentration + before.in_all)[is_needed]
    tried = np.concatenate([[0.0], CONCENTRATIONS])
    scores = [
        float(
            (gammaln(own + one * share + later) - gammaln(own + one * share)).sum()
            + (gammaln(whole + one) - gammaln(whole + one + total)).sum()
        )
        for one in tried
    ]
    best = int(np.argmax(scores))
    return float(tried[best]) if scores[best] > scores[0] + NEEDS_EVIDENCE else 0.0


def _with_needs(evidence: Evidence, region: Region, half_life: float, needs: Needs) -> Evidence:
    """Evidence with the pairs of needs among those listed, without orders where they had none."""
    n_dealers = len(region.dealer_dc)
    key = np.union1d(evidence.key, needs.key)
    network, dealer = key // n_dealers, key % n_dealers
    time = _discounted(
        np.minimum(region.network_periods[network], region.dealer_periods[dealer]), 0.5 ** (1 / half_life)
    )
    time[np.searchsorted(key, evidence.key)] = evidence.time
    orders, pieces, squares = (
        _at_keys(evidence.key, values, key) for values in (evidence.orders, evidence.pieces, evidence.squares)
    )
    return Evidence(key, orders, pieces, squares, time, evidence.in_all, evidence.time_in_all)


def _best_by_band(score: Array, placed: Array, band: Array) -> tuple[Array, float]:
    """The place of each band's concentration, and the log-likelihood that they reach together."""
    overall = score.sum(axis=1) / max(float(placed.sum()), 1.0)
    best = np.zeros(len(BANDS) + 1, dtype=np.int64)
    reached = 0.0
    for one in range(len(best)):
        own = score[:, band == one].sum(axis=1)
        best[one] = int((own + BAND_ORDERS * overall).argmax())
        reached += float(own[best[one]])
    return best, reached


def _learnt(
    evidence: Evidence, prior: Array, region: Region, half_life: float, by_band: Array, needs: Needs, worth: float
) -> Shares:
    n_dealers = len(region.dealer_dc)
    n_networks = len(region.network_dc)
    if worth:
        evidence = _with_needs(evidence, region, half_life, needs)
    network, dealer = evidence.key // n_dealers, evidence.key % n_dealers
    concentration = by_band[np.digitize(evidence.in_all, BANDS)]
    needed = np.zeros(n_networks)
    needed[needs.key // n_dealers] = worth
    expected = worth * _at_keys(needs.key, needs.share, evidence.key)
    weight = concentration[network] * prior[dealer, region.network_group[network]]
    seen = completed_orders(
        evidence.orders,
        evidence.time,
        evidence.time_in_all[network],
        weight + expected,
        (concentration + needed)[network],
        evidence.in_all[network],
    )
    orders = seen + expected
    in_all = np.bincount(network, weights=orders, minlength=n_networks)

    pieces = np.bincount(network, weights=evidence.pieces, minlength=n_networks)
    network_size = np.maximum(pieces / np.where(evidence.in_all > 0, evidence.in_all, 1.0), 1.0)
    size = (evidence.pieces + OWN_ORDERS * network_size[network]) / (evidence.orders + OWN_ORDERS)
    spread = np.maximum(evidence.squares - 2 * size * evidence.pieces + size**2 * evidence.orders, 0.0) / size**2
    size_cv2 = shrunk_spread(evidence.in_all, np.bincount(network, weights=spread, minlength=n_networks))
    share = (weight + orders) / (concentration + in_all)[network]
    total = network_size + np.bincount(network, weights=share * (size - network_size[network]), minlength=n_networks)
    return Shares(
        half_life=half_life,
        prior=prior,
        concentration=concentration,
        band_concentration=by_band,
        in_all=in_all,
        needs_weight=worth,
        key=evidence.key,
        orders=orders,
        size=size,
        merging=unmerged(evidence.orders, evidence.time),
        network_size=network_size,
        size_cv2=size_cv2,
        total=total,
    )


def completed_orders(
    orders: Array, time: Array, whole_time: Array, prior_orders: Array, concentration: Array, in_all: Array
) -> Array:
    """Orders as they would have been with stock all the time.

    Parameters
    ----------
    orders, time
        Orders seen, and the time in which they could be seen, shape (pairs,).
    whole_time
        The time of the network part, shape (pairs,).
    prior_orders, concentration
        The gamma prior's shape, and the concentration that it is a part of, shape (pairs,).
    in_all
        Orders of the network part, shape (pairs,).

    Returns
    -------
    Array
        Orders seen plus those expected in the time that could not be seen, shape (pairs,).

    Notes
    -----
    With *r* the mean of the gamma posterior given the time seen, *r = (prior + orders) / (b + time)*, *b* the
    concentration over the network's rate, the completed orders *orders + (whole - time) r* give the same mean with
    the whole time: stock-outs neither lower a rate nor make it surer of itself.

    Examples
    --------
    >>> one = np.ones(1)
    >>> completed_orders(2 * one, 5 * one, 10 * one, 1 * one, 4 * one, 8 * one).tolist()
    [3.5]
    """
    network_rate = in_all / np.where(whole_time > 0, whole_time, 1.0)
    equivalent = concentration / np.where(network_rate > 0, network_rate, 1.0)
    rate = (prior_orders + orders) / (equivalent + time)
    return np.where(network_rate > 0, orders + np.maximum(whole_time - time, 0.0) * rate, orders)


def shrunk_spread(orders: Array, spread: Array) -> Array:
    """Squared coefficient of variation of the order size, shrunk to that of all network parts.

    Parameters
    ----------
    orders, spread
        Orders of each network part, and the sum of their squared relative deviations, shape (networks,).

    Examples
    --------
    >>> shrunk_spread(np.array([8.0, 24.0]), np.array([0.0, 8.0])).tolist()
    [0.125, 0.3125]
    """
    usual = float(spread.sum()) / max(float(orders.sum()), 1.0)
    return (spread + SIZE_ORDERS * usual) / (orders + SIZE_ORDERS)


def unmerged(orders: Array, time: Array) -> Array:
    """What part of a period's demand a single one of its orders is: 1 where orders are rare, less where they meet.

    Parameters
    ----------
    orders, time
        Periods with demand, and periods in which it could be seen, shape (pairs,).

    Notes
    -----
    If orders are Poisson with rate *l*, a share *p = 1 - exp(-l)* of the periods has demand, and *l / p* orders each.
    Half an order and one period are added, so that demand in every period does not mean that there are endless orders.

    Examples
    --------
    >>> unmerged(np.array([0.0, 23.5, 23.5]), np.array([1000.0, 24.0, 96.0])).round(2).tolist()
    [1.0, 0.3, 0.87]
    """
    seen = np.minimum((orders + 0.5) / (time + 1.0), 1.0 - 0.5 / (time + 1.0))
    return seen / -np.log1p(-seen)


def thinned_variance_to_mean(variance_to_mean: Array, clustering: Array, share: Array) -> Array:
    """The variance to mean of a dealer's part of the demand, when the pieces of an order stay together.

    Parameters
    ----------
    variance_to_mean
        Of the whole demand, 1 or more.
    clustering
        Second moment of the order size over the first, pieces.
    share
        Chance that an order is this dealer's.

    Returns
    -------
    Array
        ``clustering + share * (variance_to_mean - clustering)``, 1 at least.

    Notes
    -----
    Let *N* orders of independent sizes *S* come in the horizon. The variance to mean of the pieces is
    *E[S^2]/E[S] + E[S] (D - 1)* with *D* that of *N*. Each order goes to the dealer with chance *q*: binomial
    thinning makes *D - 1* into *q (D - 1)* and leaves the sizes. Hence Poisson orders (*D = 1*) keep the whole's ratio,
    single pieces get *1 + q (v - 1)*, and all between lies on this line.

    Examples
    --------
    >>> thinned_variance_to_mean(np.array([3.0, 3.0]), np.array([3.0, 1.0]), np.array([0.1, 0.1])).round(6).tolist()
    [3.0, 1.2]
    """
    return np.maximum(clustering + share * (variance_to_mean - clustering), 1.0)


def rate_of_pairs(
    shares: Shares,
    region: Region,
    pair_dealer: Array,
    pair_network: Array,
    network_mean: Array,
    network_variance_to_mean: Array,
    network_growth: Array | float = 0.0,
    periods: float = REFERENCE_PERIODS,
) -> PairRates:
    """The demand of any pairs of dealer and network part, whether they ever ordered or not.

    Parameters
    ----------
    shares
        What :func:`fit_shares` learnt.
    region
        The same as there.
    pair_dealer, pair_network
        The pairs asked for; a dealer and a part of the same DC. Shape (pairs,).
    network_mean, network_variance_to_mean
        The forecast of the network parts, shape (networks,).
    network_growth
        What that ratio rises by with each period of the horizon, shape (networks,).
    periods
        Horizon for which the variance to mean is wanted, the one of ``network_variance_to_mean``.

    Returns
    -------
    PairRates
        Arrays of shape (pairs,). Over all dealers of a DC the means add up to ``network_mean``; a mean is 0 only where
        that is 0.

    Raises
    ------
    ValueError
        A pair's dealer does not belong to the DC of its part.

    Notes
    -----
    A dealer's share in the orders has mean *(a + n) / (A + N)*, *a* the prior's shape, *n* its orders, *A* the
    concentration, *N* the network's orders; its share in the pieces weighs this by its order size. The variance
    is that of the thinned demand plus the variance of the share, *q (1 - q) / (A + N + 1)*, over ``periods``. Thinning
    takes *q* of what the network's ratio rises by, and the share's variance rises with the horizon.
    """
    if (region.dealer_dc[pair_dealer] != region.network_dc[pair_network]).any():
        first = int(np.flatnonzero(region.dealer_dc[pair_dealer] != region.network_dc[pair_network])[0])
        raise ValueError(f"Pair {first}: dealer {pair_dealer[first]} does not belong to the DC of its part.")
    key = pair_network.astype(np.int64) * len(region.dealer_dc) + pair_dealer
    place = np.minimum(np.searchsorted(shares.key, key), len(shares.key) - 1)
    is_listed = shares.key[place] == key
    orders = np.where(is_listed, shares.orders[place], 0.0)
    size = np.where(is_listed, shares.size[place], shares.network_size[pair_network])
    merging = np.where(is_listed, shares.merging[place], 1.0)
    concentration = shares.concentration[pair_network]
    known = concentration + shares.in_all[pair_network]
    in_orders = (concentration * shares.prior[pair_dealer, region.network_group[pair_network]] + orders) / known
    in_pieces = in_orders * size / shares.total[pair_network]
    whole = network_mean[pair_network]
    clustering = np.maximum(merging * size, 1.0) * (1.0 + shares.size_cv2[pair_network])
    thinned = thinned_variance_to_mean(network_variance_to_mean[pair_network], clustering, in_orders)
    unsure = merging * whole * (in_pieces / in_orders) * (1.0 - in_orders) / (known + 1.0)
    growth = in_orders * np.broadcast_to(network_growth, network_mean.shape)[pair_network] + unsure
    return PairRates(whole * in_pieces, thinned + periods * unsure, growth, in_pieces, orders)


def blended_variance_to_mean(pooled: Array, own: Array, own_demands: Array) -> Array:
    """The pooled ratio and the series' own, which counts as many demands as it has shown against OWN_ORDERS.

    Examples
    --------
    >>> blended_variance_to_mean(np.array([2.0]), np.array([4.0]), np.array([8.0])).tolist()
    [3.0]
    """
    return (own_demands * own + OWN_ORDERS * pooled) / (own_demands + OWN_ORDERS)
