"""The window: presenters and rules plainly, then the real thing under Xvfb."""
