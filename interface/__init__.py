"""The window. Everything here runs on the main thread only."""
