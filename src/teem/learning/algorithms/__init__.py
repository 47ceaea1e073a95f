"""Losses and updates, one algorithm a file."""
