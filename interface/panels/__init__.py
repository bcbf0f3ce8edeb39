"""The parts of the window; each draws what differs."""
