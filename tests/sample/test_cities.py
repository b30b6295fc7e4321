"""Cities: places that a map confirms."""

from __future__ import annotations

import numpy as np

from partsopt.sample.cities import DC_CITIES, great_circle_km, read_cities


def test_there_are_more_cities_than_dealers_of_the_full_network():
    cities = read_cities()
    assert len(cities) >= 160
    assert len({city.name for city in cities}) == len(cities) == len({city.chinese_name for city in cities})


def test_every_city_lies_in_china():
    for city in read_cities():
        assert 18 <= city.latitude <= 54, city
        assert 73 <= city.longitude <= 135, city


def test_no_two_cities_stand_on_one_spot():
    spots = [(city.latitude, city.longitude) for city in read_cities()]
    assert len(set(spots)) == len(spots)


def test_every_dc_city_is_in_the_table():
    names = {city.name for city in read_cities()}
    assert {name for _, name in DC_CITIES} <= names


def test_a_degree_of_latitude_is_111_km():
    distance = great_circle_km(np.array(30.0), np.array(110.0), np.array(31.0), np.array(110.0))
    assert round(float(distance), 1) == 111.2
