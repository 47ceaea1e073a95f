"""Networks stacked on an agent axis, and how they learn."""
