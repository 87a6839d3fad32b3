"""How often bounds of comparisons, shapes and widths are right, each on data that it was not set on."""
