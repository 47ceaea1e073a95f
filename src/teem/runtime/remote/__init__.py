"""Actors and learners anywhere on a cluster: the loop of `runtime.processes`, with messages between its halves.

Each side has the rings, mailboxes and counts of its own in shared memory, as if the others were processes beside it.
A line carries what is new from one side's to the other's.
"""
