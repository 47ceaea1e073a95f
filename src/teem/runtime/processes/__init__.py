"""A run in several processes: actors with their worlds, learners with everybody's experience, and who watches them."""
