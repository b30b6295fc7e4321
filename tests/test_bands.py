"""Values by a start, written on one line."""

from __future__ import annotations

import pytest

from partsopt.bands import bands_of, kilometres
from partsopt.errors import SettingsError
from partsopt.settings import RoutingParams


def test_blank_is_no_band():
    assert bands_of("k", "", kilometres) == bands_of("k", " , ", kilometres) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"speed_bands": "0=35, 15"}, r'routing.speed_bands is "0=35, 15"; "15" must be a start and a value'),
        ({"speed_bands": "0=35, 15=0"}, r'the value of "15=0" must be above 0'),
        ({"speed_bands": "0=35, 15=nan"}, r'the value of "15=nan" must be above 0'),
        ({"speed_bands": "0=35, 15=60, 15=70"}, r"its starts must rise"),
        ({"speed_bands": "5=35"}, r"routing.speed_bands is '5=35'; it must be given from 0 km on"),
        ({"speed_bands": "-5=35"}, r"starts at -5 km; it must be 0 or more"),
        ({"time_of_day": "7=1.3"}, r"routing.time_of_day is '7'; it must be a time of day written HH:MM"),
        ({"time_of_day": "09:00=1.3, 07:00=1"}, r"its starts must rise"),
    ],
)
def test_bands_that_are_none_are_refused_with_the_setting(given: dict[str, str], said: str):
    with pytest.raises(SettingsError, match=said):
        RoutingParams(**given)
