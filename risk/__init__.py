"""Checks before an order leaves: pure functions, order and view in, None or a Refusal out."""
