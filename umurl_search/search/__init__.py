"""From a query clip to its hits."""
