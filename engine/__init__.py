"""Orders, positions and the ledger: what changes when a message arrives."""
