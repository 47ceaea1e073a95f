"""Proof: are the agents alive, true and better than chance?"""
