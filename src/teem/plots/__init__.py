"""Learning curves of runs and of tracked trainings, drawn from what they recorded.

Nothing here imports numba or torch, so that a picture begins to be drawn in a second; and pyplot is never imported,
so that whoever calls it keeps theirs as it is.
"""
