"""The real window on the real session on the bundled exchange."""
