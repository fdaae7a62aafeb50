"""How far forecasts may be off: quantiles from held-out days, and from the history of series."""
