"""Worlds: bodies and rules, never policies."""
