"""Lost sales: the exact chain against oracle cases and a replay, the approximation against the chain."""

import numpy as np
import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.lostsales import lost_sales_fill_rate, lost_sales_service
from partsopt.replenish.service import fill_rate
from tests import reference as twin


@pytest.mark.parametrize(
    ("rate", "lead", "level", "fill", "on_hand"),
    [(1.0, 1, 3, 0.8525809582851034, 1.2948380834297941), (0.3, 3, 2, 0.7863407327685645, 1.0563911206777228)],
)
def test_oracle_cases(rate, lead, level, fill, on_hand):
    """Cases TS-lost-sales-1 and -3: exact chain, confirmed there by 400,000 simulated periods."""
    got = lost_sales_service(level, lead, twin.poisson(rate, 60))
    assert got.fill_rate == pytest.approx(fill, abs=1e-7)
    assert got.on_hand_at_end == pytest.approx(on_hand, abs=1e-7)


def test_the_chain_matches_a_replay():
    """Negative binomial demand, two reviews of lead time: 200,000 periods agree to half a point."""
    demands = np.random.default_rng(1).negative_binomial(1.0, 0.5, 200_000)
    pmf = [0.5 ** (k + 1) for k in range(60)]
    got = lost_sales_service(5, 2, pmf)
    fill, on_hand = twin.lost_sales_by_replay(5, 2, demands.tolist())
    assert got.fill_rate == pytest.approx(fill, abs=0.005)
    assert got.on_hand_at_end == pytest.approx(on_hand, abs=0.02)


def test_without_lead_time_nothing_is_carried():
    """L = 0: the level is full at each review, so the share met is E min(S, D) / E D."""
    pmf = twin.poisson(2.0, 60)
    expected = sum(min(3, k) * p for k, p in enumerate(pmf)) / 2.0
    assert lost_sales_service(3, 0, pmf).fill_rate == pytest.approx(expected)


def test_approximation_is_cautious_where_service_is_good():
    """Never above the chain, and at most 2 points below it, where the chain meets 95 % or more; 10 points at 80 %."""
    for rate in (0.1, 0.2, 0.5, 1.0, 2.0):
        for lead in (1, 2, 3):
            for level in range(1, 9):
                exact = lost_sales_service(level, lead, twin.poisson(rate, 80)).fill_rate
                carried = fill_rate([level], [rate * lead], [rate * (lead + 1)], [1.0])
                off = float(lost_sales_fill_rate(carried)[0]) - exact
                if exact >= 0.95:
                    assert -0.02 <= off <= 1e-9
                if exact >= 0.8:
                    assert abs(off) <= 0.1


def test_nothing_on_the_shelf_and_nothing_asked():
    assert lost_sales_service(0, 2, [0.5, 0.5]).fill_rate == 0.0
    assert lost_sales_service(4, 2, [1.0]).fill_rate == 1.0


def test_a_large_chain_is_refused():
    with pytest.raises(SettingsError, match="Use lost_sales_fill_rate"):
        lost_sales_service(60, 4, [0.5, 0.5])
