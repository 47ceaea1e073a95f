"""The farm's rules, one a file: a kernel, and beside it the plain twin that specifies it.

Every rule walks `living`, which rises by id, so that no result depends on the slot an agent sits in. Those that
take joules from the world, give them to it or move them return how many.
"""
