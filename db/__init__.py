"""The ledger's storage. SQL lives in this folder only."""
