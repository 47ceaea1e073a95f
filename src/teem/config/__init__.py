"""Settings: what there is to set, how it is read and checked."""
