"""What the service answers from: the published forecast in memory, and readers of older data."""
