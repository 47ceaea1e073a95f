"""Many runs as one study: every setting with every seed, played side by side, resumed, compared and reported."""
