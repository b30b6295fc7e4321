"""Service mathematics of the (T, S) policy: one place to import it from.

Every function is pure, takes rows of parts or single numbers and knows no column names; its docstring has units,
source and an example. Demand is negative binomial by a mean and its variance to mean (1: Poisson), or a table of
probabilities, which holds any other. An uncertain lead time is a mixture: ``weights`` are the chances of the possible
lead times. Minimum and multiple put the position anywhere in S .. S + Q - 1: ``batch`` is Q.

=========================== ============================================== ====================================
measure                     of a level                                     smallest level for a target
=========================== ============================================== ====================================
cycle service level         ``cycle_service_level``                        ``level_for_cycle_service_level``
exact fill rate             ``fill_rate``, ``batch_fill_rate``             ``level_for_fill_rate``
the same, as the books have ``textbook_fill_rate``
ready rate                  ``cycle_ready_rate``; one interval             ``level_for_ready_rate``
                            ``ready_rate``
expected backorders         ``mean_owed``; one interval                    ``level_for_backorders``
                            ``expected_shortfall``
expected on hand            ``mean_on_hand``; one interval                 ``level_for_on_hand``
                            ``expected_on_hand``
all five, tabulated demand  ``tabulated_service``,                         ``smallest_level``
                            ``tabulated_fill_rates``
lost sales                  ``lost_sales_service``,                        ``level_for_lost_sales_fill_rate``
                            ``lost_sales_fill_rate``
normal demand               ``normal_loss``                                ``safety_factor``
=========================== ============================================== ====================================

Distributions: ``demand_pmf``, ``demand_cdf``, ``demand_tail`` and ``demand_quantile`` of the negative binomial,
``compound_poisson_pmf`` of sizes that were seen (Panjer), ``stuttering_poisson_pmf`` of geometric sizes,
``lead_time_mixture`` of the lead time. Besides: ``second_loss``, ``order_chance``, ``dealer_fill_rate``.
"""

from __future__ import annotations

from partsopt.replenish.compound import compound_poisson_pmf, stuttering_poisson_pmf
from partsopt.replenish.intervaldemand import (
    demand_cdf,
    demand_pmf,
    demand_tail,
    expected_on_hand,
    expected_shortfall,
    ready_rate,
    second_loss,
)
from partsopt.replenish.lostsales import (
    LostSales,
    level_for_lost_sales_fill_rate,
    lost_sales_fill_rate,
    lost_sales_service,
)
from partsopt.replenish.normaldemand import normal_loss, safety_factor
from partsopt.replenish.reviewcycle import (
    LEAD_TIME_WEIGHTS,
    LeadTimes,
    batch_fill_rate,
    cycle_ready_rate,
    cycle_service_level,
    dealer_fill_rate,
    fill_rate,
    lead_time_mixture,
    mean_on_hand,
    mean_owed,
    order_chance,
    textbook_fill_rate,
)
from partsopt.replenish.smallestlevel import (
    demand_quantile,
    level_for_backorders,
    level_for_cycle_service_level,
    level_for_fill_rate,
    level_for_on_hand,
    level_for_ready_rate,
)
from partsopt.replenish.tabulated import TabulatedService, smallest_level, tabulated_fill_rates, tabulated_service

__all__ = [
    "LEAD_TIME_WEIGHTS",
    "LeadTimes",
    "LostSales",
    "TabulatedService",
    "batch_fill_rate",
    "compound_poisson_pmf",
    "cycle_ready_rate",
    "cycle_service_level",
    "dealer_fill_rate",
    "demand_cdf",
    "demand_pmf",
    "demand_quantile",
    "demand_tail",
    "expected_on_hand",
    "expected_shortfall",
    "fill_rate",
    "lead_time_mixture",
    "level_for_backorders",
    "level_for_cycle_service_level",
    "level_for_fill_rate",
    "level_for_lost_sales_fill_rate",
    "level_for_on_hand",
    "level_for_ready_rate",
    "lost_sales_fill_rate",
    "lost_sales_service",
    "mean_on_hand",
    "mean_owed",
    "normal_loss",
    "order_chance",
    "ready_rate",
    "safety_factor",
    "second_loss",
    "smallest_level",
    "stuttering_poisson_pmf",
    "tabulated_fill_rates",
    "tabulated_service",
    "textbook_fill_rate",
]
