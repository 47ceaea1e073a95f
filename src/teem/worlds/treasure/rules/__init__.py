"""The rules of a step, one a file: what happens in one world, each beside its plain twin."""
