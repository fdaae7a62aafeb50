"""What the service answers from: the published forecast and what belongs to it."""
