"""Training tools: what training is doing, how good it has become, and when it is enough; of any training loop."""
