"""Exchanges. One folder each; `venue_class` names the one that speaks for a market."""
