"""The files of one checkpoint: which of them belong together, and which tensors they make up."""
