"""Checkpoints in several parts, of which each holds a part of every tensor: put together where the files say how."""
