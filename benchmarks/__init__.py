"""Measurements, run by hand or by make bench: each writes a CSV."""
