"""teem's worlds as environments of other libraries: PettingZoo, Gymnasium, Stable-Baselines3."""
