"""Money rules as pure functions: value of a fill, positions, entries, totals."""
