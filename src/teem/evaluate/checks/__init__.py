"""What must be true of a run. A check is a function whose name says it; each is seen to fail in its test."""
