"""Formats of other libraries than torch, each read as data."""
