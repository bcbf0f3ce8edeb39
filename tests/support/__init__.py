"""Builders, stubs and harnesses for tests."""
