"""Each part of the engine on its own, measured where it is used: with this world's settings and this many agents."""
