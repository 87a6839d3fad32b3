"""How much of each layer is pruned: AlphaPruning's allocation of a target over the blocks or the matrices."""
