"""Stage 5: scarce stock shared among dealers, and moved between sites."""
