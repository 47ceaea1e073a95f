"""Islands: worlds that play on their own, anywhere on a cluster, and exchange migrants."""
