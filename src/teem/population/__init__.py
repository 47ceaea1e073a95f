"""Who lives: slots, genomes, lineages."""
