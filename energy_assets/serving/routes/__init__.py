"""The addresses: which parameters each one takes, and what it answers."""
