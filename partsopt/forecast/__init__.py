"""Stage 2: a distribution of demand for every series."""
