"""Stage 6: routes from DCs to dealers, and carriers where they are better."""
