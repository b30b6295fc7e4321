"""Broken inputs, one folder each, named for what is broken: see :mod:`tests.bad_inputs.case`."""
