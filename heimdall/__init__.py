"""The shared kernel: references, settings, store, tracking adapter, errors. Knows nothing of the rooms above it."""
