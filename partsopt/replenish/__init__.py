"""Stage 4: review periods, order-up-to levels, sources, orders and requests."""
