"""Articulated creatures that crawl over procedural ground."""
