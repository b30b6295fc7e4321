"""A realistic parts network of any size, seeded, or built on real demand series."""

from partsopt.sample.like import ITEM_COLUMNS, LikeSeries, read_like
from partsopt.sample.network import make_sample

__all__ = ["ITEM_COLUMNS", "LikeSeries", "make_sample", "read_like"]
