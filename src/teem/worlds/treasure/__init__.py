"""The treasure world: agents walk on grids and collect, an episode after another."""
