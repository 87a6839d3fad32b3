"""Looks: tables become figures, heat grids and words. Plain values in, plain values out; no request, no database."""
