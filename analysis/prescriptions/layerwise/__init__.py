"""A learning rate or a weight decay for each layer, by its exponent, as parameter groups of several trainers."""
