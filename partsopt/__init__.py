"""Nightly parts planning: forecast, levels, orders, allocation and deliveries."""

__version__ = "0.1.0"
