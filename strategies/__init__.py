"""Strategies: one file each. What a bot may see and do stands in `base`."""
