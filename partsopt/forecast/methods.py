"""The forecast methods: four rates for any series, and exponential smoothing with trend or season for a few.

A method of METHODS follows the rate of many series at once for given smoothing constants; SETTINGS lists the
constants that are tried. Models with trend or season are tried on single series, compiled, and come from statsmodels
where one has won.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.distribution import quantile
from partsopt.forecast.rates import croston, exposure, ses, tsb
from partsopt.forecast.smoothing import smooth

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Setting(NamedTuple):
    """A method with its smoothing constants; ``beta`` is NaN where the method has none."""

    method: str
    alpha: float
    beta: float


_SIZE_AND_INTERVAL = tuple(product((0.1, 0.05, 0.2), (0.1, 0.05, 0.2)))
REGULAR_SETTINGS = tuple(Setting("ses", alpha, np.nan) for alpha in (0.1, 0.05, 0.2, 0.15, 0.3, 0.02, 0.5))
INTERMITTENT_SETTINGS = (
    *(Setting("tsb", alpha, beta) for alpha, beta in product((0.1, 0.2), (0.1, 0.05, 0.2, 0.15, 0.02))),
    *(Setting("sba", alpha, beta) for alpha, beta in _SIZE_AND_INTERVAL),
    *(Setting("croston", alpha, beta) for alpha, beta in _SIZE_AND_INTERVAL),
)
"""What is tried, in order of preference; the first is taken where the history does not clearly say otherwise."""

RATE_FLOOR = 1e-3
"""A smaller rate, in pieces per period, counts as this much when demand comes after all."""


class Start(NamedTuple):
    """Where the recursions begin: rate, size and interval of the warm-up periods, each of shape (series,).

    Size and interval are NaN where the warm-up has no demand.
    """

    rate: Array
    size: Array
    interval: Array


def start_values(demand: Array, share: Array, is_warm_up: Array) -> Start:
    """Means of the warm-up periods, with which the recursions begin.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series); the share is 0 before a series began.
    is_warm_up
        Which periods are warm-up, shape (periods, series).

    Notes
    -----
    A series begins with its first demand, so a rate that began with that demand alone would be too high. The
    forecasts of warm-up periods are not scored, so nothing is scored with knowledge of itself.

    Examples
    --------
    >>> start_values(np.array([[3.0], [0.0]]), np.ones((2, 1)), np.ones((2, 1), dtype=bool)).interval.tolist()
    [2.0]
    """
    pieces = np.where(is_warm_up, demand, 0.0).sum(axis=0)
    n_demands = np.count_nonzero((demand > 0) & is_warm_up, axis=0)
    time = np.maximum(np.where(is_warm_up, exposure(demand, share), 0.0).sum(axis=0), 1.0)
    count = np.where(n_demands > 0, n_demands, np.nan)
    return Start(pieces / time, pieces / count, time / count)


def _ses(demand: Array, share: Array, start: Start, alpha: Array, beta: Array) -> Iterator[Array]:  # noqa: ARG001 - one signature for all methods
    yield from ses(demand, share, start.rate, alpha)


def _croston(demand: Array, share: Array, start: Start, alpha: Array, beta: Array) -> Iterator[Array]:
    for size, interval in croston(demand, share, start.size, start.interval, alpha, beta):
        yield np.nan_to_num(size / interval)


def _sba(demand: Array, share: Array, start: Start, alpha: Array, beta: Array) -> Iterator[Array]:
    for rate in _croston(demand, share, start, alpha, beta):
        yield (1.0 - beta / 2.0) * rate


def _tsb(demand: Array, share: Array, start: Start, alpha: Array, beta: Array) -> Iterator[Array]:
    for size, probability in tsb(demand, share, start.size, np.nan_to_num(1.0 / start.interval), alpha, beta):
        yield np.nan_to_num(size) * probability


Method: TypeAlias = Callable[[Array, Array, Start, Array, Array], Iterator[Array]]
METHODS: Mapping[str, Method] = {"ses": _ses, "croston": _croston, "sba": _sba, "tsb": _tsb}
"""Rate per period before each period and after the last, each of shape (settings, series), 0 before any demand.

SBA is Croston's rate times ``1 - beta / 2`` (Syntetos & Boylan 2005, International Journal of Forecasting 21,
303-314), which takes out most of the bias that dividing by a smoothed interval brings.
"""


def score_settings(settings: tuple[Setting, ...], demand: Array, share: Array, start: Start, is_scored: Array) -> Array:
    """How badly each setting foretold each series: the sum of its one-step Poisson losses.

    Parameters
    ----------
    settings
        Methods with constants.
    demand, share
        Pieces and in-stock share, shape (periods, series).
    start
        Where the recursions begin.
    is_scored
        Which periods count, shape (periods, series).

    Returns
    -------
    Array
        Sum over the scored periods of ``rate - demand * log(rate)``, shape (settings, series).

    Notes
    -----
    This loss is smallest for the mean, as the squared error is (Savage 1971; Gneiting 2011, Journal of the American
    Statistical Association 106, 746-762), so it is fair to rates, where absolute errors prefer zero. Its noise grows
    with the rate and not with its square, so that one large order does not decide the choice.

    Examples
    --------
    >>> demand, share = np.array([[2.0], [2.0]]), np.ones((2, 1))
    >>> start = Start(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    >>> slow, fast = Setting("ses", 0.1, np.nan), Setting("ses", 0.5, np.nan)
    >>> score_settings((slow, fast), demand, share, start, np.array([[False], [True]])).round(3).tolist()
    [[0.909], [0.689]]
    """
    loss = np.zeros((len(settings), demand.shape[1]))
    names = [setting.method for setting in settings]
    for name in dict.fromkeys(names):
        places = [place for place, one in enumerate(names) if one == name]
        alpha = np.array([[settings[place].alpha] for place in places])
        beta = np.array([[settings[place].beta] for place in places])
        rates = METHODS[name](demand, share, start, alpha, beta)
        part = np.zeros((len(places), demand.shape[1]))
        for period, rate in zip(range(len(demand)), rates, strict=False):  # the rate after the last is not scored
            counted = is_scored[period]
            part += np.where(counted, np.maximum(rate, RATE_FLOOR), 0.0)
            at = np.flatnonzero(counted & (demand[period] > 0))
            if len(at):
                part[:, at] -= demand[period, at] * np.log(np.maximum(rate[:, at], RATE_FLOOR))
        loss[places] = part
    return loss


def rates_of(settings: tuple[Setting, ...], chosen: Array, demand: Array, share: Array, start: Start) -> Array:
    """The rate that each series' own setting forecast for each period, and for the one after the last.

    Parameters
    ----------
    settings
        Methods with constants.
    chosen
        Place of each series' setting, shape (series,).
    demand, share, start
        As for :func:`score_settings`.

    Returns
    -------
    Array
        Pieces per period, shape (periods + 1, series).

    Examples
    --------
    >>> start = Start(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    >>> half = (Setting("ses", 0.5, np.nan),)
    >>> rates_of(half, np.array([0]), np.array([[3.0]]), np.ones((1, 1)), start)[:, 0].tolist()
    [1.0, 2.0]
    """
    rates = np.zeros((len(demand) + 1, demand.shape[1]))
    methods = np.array([setting.method for setting in settings])[chosen]
    constants = np.array([[setting.alpha, setting.beta] for setting in settings])[chosen]
    for name in METHODS:
        at = np.flatnonzero(methods == name)
        if len(at):
            own = Start(*(values[at] for values in start))
            alpha, beta = constants[at, 0][None, :], constants[at, 1][None, :]
            steps = METHODS[name](demand[:, at], share[:, at], own, alpha, beta)
            for period, rate in enumerate(steps):
                rates[period, at] = rate[0]
    return rates


# --------------------------------------------------------------------------- trend and season

ETS_MODELS: Mapping[str, tuple[str | None, bool, str | None]] = {
    "damped trend": ("add", True, None),
    "season": (None, False, "add"),
    "damped trend and season": ("add", True, "add"),
}
"""Models tried: trend, whether it is damped, season. One without either is SES, which every series has."""

SHORTEST_TRAINING = 12
"""Fewer periods before the first origin are too few for a trend."""


LONGEST_SHORT_SEASON = 12
NOT_FINITE = "the forecast is not finite"


class Smoothing(NamedTuple):
    """A fitted model: forecasts of the coming periods, pieces, and the variance of its one-step error."""

    steps: Array
    error_variance: float


def fit_exponential_smoothing(demand: Array, model: str, season: int, n_steps: int) -> Smoothing | str:
    """Fit one model of ETS_MODELS to a series; a text says why where it could not be fitted.

    Parameters
    ----------
    demand
        Pieces per period, shape (periods,).
    model
        A name of ETS_MODELS.
    season
        Periods of a season.
    n_steps
        Periods ahead to forecast.

    Returns
    -------
    Smoothing or str
        Forecasts as the model gives them, so they may be negative; the error variance is the sum of squared one-step
        errors over the periods less the number of estimated constants and initial states.

    Notes
    -----
    Holt (1957), Winters (1960), damping by Gardner & McKenzie (1985); statsmodels' ``ExponentialSmoothing`` with
    heuristic initial states (Hyndman et al. 2008, section 2.6.1). statsmodels reports what went wrong as warnings;
    here they are refusals. SLSQP is asked for because the default optimiser starts threads for arrays of four numbers.

    Examples
    --------
    >>> wave = np.tile([2.0, 4.0, 9.0, 5.0], 6)
    >>> fit_exponential_smoothing(wave, "season", season=4, n_steps=4).steps.round().tolist()
    [2.0, 4.0, 9.0, 5.0]
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    trend, is_damped, seasonal = ETS_MODELS[model]
    unit = float(demand.mean()) or 1.0  # the optimiser's tolerances are absolute
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", RuntimeWarning)
        try:
            fitted = ExponentialSmoothing(
                demand / unit,
                trend=trend,
                damped_trend=is_damped,
                seasonal=seasonal,
                seasonal_periods=season if seasonal else None,
                initialization_method="heuristic",
            ).fit(method="SLSQP", use_brute=False)
            steps = unit * np.asarray(fitted.forecast(n_steps), dtype=np.float64)
        except (ConvergenceWarning, RuntimeWarning, np.linalg.LinAlgError) as error:
            return f"{type(error).__name__}: {error}"
    variance = unit**2 * float(fitted.sse) / max(len(demand) - n_constants(model, season), 1)
    if not (np.isfinite(steps).all() and np.isfinite(variance)):
        return NOT_FINITE
    return Smoothing(steps, variance)


def seasonal_training(season: int) -> int:
    """Periods that a model with season needs before the first origin: two seasons, of more than 12 periods three.

    A long season has more states than two rounds can tell from noise: on weekly demand such models won the rolling
    origins and lost afterwards.

    Examples
    --------
    >>> seasonal_training(12), seasonal_training(52)
    (24, 156)
    """
    return max((2 if season <= LONGEST_SHORT_SEASON else 3) * season, SHORTEST_TRAINING + season)


COMPARED = np.array([0.8, 0.9, 0.95, 0.99])
"""Levels of the total at which forecasts are compared: those that stock is set by."""


class RollingOrigins(NamedTuple):
    """What rolling origins say: the model that won, and the mean pinball losses at COMPARED of horizon totals, pieces.

    ``model`` is blank where none won; ``failed_because`` says why where none could even be fitted.
    """

    model: str
    loss: float
    flat_loss: float
    failed_because: str


class FlatForecast(NamedTuple):
    """What a model must beat at each origin: mean of the total and variance to mean, shape (origins,)."""

    total: Array
    variance_to_mean: Array


def compare_on_rolling_origins(
    demand: Array, flat: FlatForecast, *, season: int, horizon: int, margin: float
) -> RollingOrigins:
    """Forecast the last periods again from earlier origins, and see whether a model with trend or season wins.

    Parameters
    ----------
    demand
        Pieces per period, shape (periods,).
    flat
        The forecast without trend and season, as it was known at each origin. Totals do not overlap, and the last one
        ends with the series.
    season
        Periods of a season; see :func:`seasonal_training`.
    horizon
        Periods of each total.
    margin
        A model wins if its loss is below ``1 - margin`` times that of the flat forecast.

    Returns
    -------
    RollingOrigins
        The winner with the smallest loss; each model is fitted anew at each origin, by the compiled search of
        :func:`partsopt.forecast.smoothing.smooth`.

    Notes
    -----
    Tashman (2000), International Journal of Forecasting 16, 437-450. Both sides are negative binomial; a model's
    variance to mean is that of its one-step errors.

    Examples
    --------
    >>> wave = np.tile([2.0, 4.0, 9.0, 5.0], 8)
    >>> flat = FlatForecast(np.full(4, 15.0), np.full(4, 2.0))
    >>> found = compare_on_rolling_origins(wave, flat, season=4, horizon=3, margin=0.25)
    >>> found.model.endswith("season"), found.loss < found.flat_loss
    (True, True)
    """
    origins = len(flat.total)
    starts = [len(demand) - horizon * (origins - number) for number in range(origins)]
    totals = np.array([demand[start : start + horizon].sum() for start in starts])
    flat_loss = float(_losses(flat.total, flat.variance_to_mean, totals).sum())
    names, means, ratios = [], [], []
    for model, (trend, _, seasonal) in ETS_MODELS.items():
        if starts[0] < (seasonal_training(season) if seasonal else SHORTEST_TRAINING):
            continue
        names.append(model)
        for start in starts:
            known = demand[:start]
            said = smooth(known, has_trend=bool(trend), season=season if seasonal else 0, n_steps=horizon)
            variance = said.squared_errors / max(start - n_constants(model, season), 1)
            means.append(float(np.maximum(said.steps, 0.0).sum()))
            ratios.append(max(variance / max(float(known.mean()), RATE_FLOOR), 1.0))
    mean, ratio = (np.array(one).reshape(len(names), origins) for one in (means, ratios))
    fitted = np.flatnonzero(np.isfinite(mean + ratio).all(axis=1))
    limit, winner = (1.0 - margin) * flat_loss, ""
    for place, loss in zip(fitted, _losses(mean[fitted], ratio[fitted], totals).sum(axis=1), strict=True):
        if loss < limit:
            limit, winner = float(loss), names[place]
    has_failed = len(names) > 0 and len(fitted) == 0
    return RollingOrigins(winner, limit / origins, flat_loss / origins, NOT_FINITE if has_failed else "")


def n_constants(model: str, season: int) -> int:
    """Constants and initial states of a model that are read off a series.

    Examples
    --------
    >>> n_constants("damped trend", 12), n_constants("season", 12)
    (5, 15)
    """
    trend, is_damped, seasonal = ETS_MODELS[model]
    return 2 + (2 if trend else 0) + is_damped + (1 + season if seasonal else 0)


def _losses(mean: Array | float, ratio: Array | float, total: Array) -> Array:
    """Mean pinball loss at COMPARED of negative binomial totals."""
    quantiles = quantile(np.asarray(mean)[..., None], np.asarray(ratio)[..., None], COMPARED)
    return pinball_loss(quantiles, np.asarray(total)[..., None], COMPARED).mean(axis=-1)
