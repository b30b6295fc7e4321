"""Dealers that never asked for a part: what each may sell of it, without a row for each of millions of pairs.

Most pairs of dealer and part have no demand line and no row in a night. Each has a rate all the same, its dealer's
share of a group of parts times one figure of the part at its DC; with the rows of the others and the DC's own counter
these add up to the DC's forecast.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.forecast.network import Region, Shares, rate_of_pairs
from partsopt.tables import DEALER_SHARES, NETWORK_REST, UNLISTED_RATES, conform, empty

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Unlisted(NamedTuple):
    """NETWORK_REST, DEALER_SHARES and UNLISTED_RATES."""

    network_rest: pd.DataFrame
    dealer_shares: pd.DataFrame
    unlisted_rates: pd.DataFrame


NOBODY = Unlisted(empty(NETWORK_REST), empty(DEALER_SHARES), empty(UNLISTED_RATES))


class Named(NamedTuple):
    """Names of a network's sites, dealers first and then the counters of DCs, and the part of each network part."""

    site_id: Array
    part_id: Array
    n_dealers: int


class OfDcs(NamedTuple):
    """Forecast of each network part, shape (networks,), for ``rate_of_pairs``, and periods of its variance to mean."""

    mean: Array
    variance_to_mean: Array
    variance_growth: Array
    periods: float


def unlisted_demand(
    shares: Shares, region: Region, named: Named, of_dc: OfDcs, pair_dealer: Array, pair_network: Array
) -> Unlisted:
    """What a DC's forecast holds beside its dealers' rows, and what gives every other pair its rate.

    Parameters
    ----------
    shares, region
        What was learnt of the network.
    named
        Names of its sites and parts.
    of_dc
        Forecast of its network parts.
    pair_dealer, pair_network
        The pairs that have a row of their own, shape (pairs,).

    Returns
    -------
    Unlisted
        UNLISTED_RATES: pairs without a row of which more is known than their dealer's size, by the cars around it.
        NETWORK_REST: for each network part the counter's demand, and that of all other dealers. DEALER_SHARES.
    """
    n_networks, n_askers = len(region.network_dc), len(region.dealer_dc)
    listed = pair_network.astype(np.int64) * n_askers + pair_dealer
    known = shares.key[(shares.key % n_askers < named.n_dealers) & ~np.isin(shares.key, listed)]
    network, dealer = known // n_askers, known % n_askers
    rates = rate_of_pairs(shares, region, dealer, network, *of_dc)
    counter = rate_of_pairs(shares, region, named.n_dealers + region.network_dc, np.arange(n_networks), *of_dc)

    spoken_for = np.concatenate([listed, known])
    number, asker = spoken_for // n_askers, spoken_for % n_askers
    own = np.bincount(number, shares.prior[asker, region.network_group[number]], n_networks)
    own += shares.prior[named.n_dealers + region.network_dc, region.network_group]
    dealers = np.bincount(region.dealer_dc[: named.n_dealers], minlength=int(region.network_dc.max(initial=-1)) + 1)
    n_others = dealers[region.network_dc] - np.bincount(number, minlength=n_networks)
    weight = shares.concentration / (shares.concentration + shares.in_all)
    per_share = of_dc.mean * weight * shares.network_size / shares.total
    rest = pd.DataFrame(
        {
            "site_id": named.site_id[named.n_dealers + region.network_dc],
            "part_id": named.part_id,
            "counter_mean": counter.mean,
            "n_dealers": n_others,
            "rest_mean": np.where(n_others > 0, per_share * np.maximum(1.0 - own, 0.0), 0.0),
            "rate_per_share": per_share,
            "variance_to_mean": np.maximum(shares.network_size, 1.0) * (1.0 + shares.size_cv2),
            "share_group": region.network_group,
        }
    )
    group, place = (one.ravel() for one in np.indices((shares.prior.shape[1], named.n_dealers)))
    of_dealers = pd.DataFrame(
        {"site_id": named.site_id[place], "share_group": group, "share": shares.prior[place, group]}
    )
    more = pd.DataFrame(
        {
            "site_id": named.site_id[dealer],
            "part_id": named.part_id[network],
            "mean_per_period": rates.mean,
            "variance_to_mean": np.maximum(rates.variance_to_mean, 1.0),
        }
    )
    return Unlisted(conform(rest, NETWORK_REST), conform(of_dealers, DEALER_SHARES), conform(more, UNLISTED_RATES))
