"""The three phases of a run: read, decide, write."""
