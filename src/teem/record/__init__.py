"""What is kept of a run: the database and the checkpoints."""
