"""The HTTP service: what goes to it, what comes back, and what can go wrong on the way."""
