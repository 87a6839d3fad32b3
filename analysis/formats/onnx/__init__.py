"""ONNX, read as data: places of the numbers out of the protobuf, and how the graph uses them."""
