"""Frames of distributed engines: read partition by partition, or staged by the engine's own workers."""
