"""DataFrame → Arrow → JSON primitives → NDJSON chunks: pure, free of network, clock and disk."""
