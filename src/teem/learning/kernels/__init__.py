"""The compiled parts of learning: multiply, step, and the fused update of a dueling Q-network."""
