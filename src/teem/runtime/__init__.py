"""The loop that drives world, learning and record."""
