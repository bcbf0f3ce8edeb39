"""Dialogs inside the one window."""
