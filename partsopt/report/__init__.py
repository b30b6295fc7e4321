"""Figures of a night for people."""
