"""BitMEX: inverse, linear, quanto and spot. The venue closed on 2026-09-23; it lives on in the bundled exchange."""
