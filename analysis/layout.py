"""How the matrices of a weight lie in a tensor. Without torch, so that files can be read without it."""

from enum import StrEnum


class Layout(StrEnum):
    """How matrices lie in a tensor. The members of a stack and the halves of a matrix are weights of their own."""

    NONE = "none"
    MATRIX = "matrix"  # (m, n)
    HALVES = "halves"  # gate over up, on the outputs
    HALVES_UP_FIRST = "halves-up-first"  # up over gate
    QKV = "qkv"  # queries over keys over values
    QKV_GROUPS = "qkv-groups"  # of each group of heads its queries, its key and its value
    LSTM = "lstm"  # four gates on the outputs
    GRU = "gru"  # three gates on the outputs
    GRU_UPDATE_FIRST = "gru-update-first"  # Keras's order
    STACK_LSTM = "stack-lstm"  # ONNX: (directions, gates on the outputs, .), in an order of its own
    STACK_GRU = "stack-gru"
    AXES = "axes"  # each side is of one kind, as the tensor's `axes` say: see `analysis.tensors.axes`
    KERNEL = "kernel"  # (m, n, *positions) of a convolution
    KERNEL_TRANSPOSED = "kernel-transposed"  # (n, m, *positions): PyTorch's transposed convolutions
    KERNEL_LAST = "kernel-last"  # (*positions, n, m): Keras, Flax
    KERNEL_LAST_TRANSPOSED = "kernel-last-transposed"  # (*positions, m, n)
    KERNEL_MIDDLE = "kernel-middle"  # (m, *positions, n): MLX
    KERNEL_DEPTHWISE = "kernel-depthwise"  # (*positions, channels, multiplier): Keras
    KERNEL_LSTM = "kernel-lstm"  # KERNEL with four gates on the outputs
    KERNEL_LAST_LSTM = "kernel-last-lstm"  # KERNEL_LAST with four gates on the outputs: ConvLSTM of Keras
    FOLDED = "folded"  # (members · m, n): experts below each other
    STACK = "stack"  # (members, ., .)
    STACK_HALVES = "stack-halves"
    STACK_PAIRS = "stack-pairs"  # gate and up alternate on the outputs


STACKS = frozenset({
    Layout.STACK, Layout.STACK_HALVES, Layout.STACK_PAIRS, Layout.STACK_LSTM, Layout.STACK_GRU,
})  # fmt: skip
KERNELS = frozenset({
    Layout.KERNEL, Layout.KERNEL_TRANSPOSED, Layout.KERNEL_LAST, Layout.KERNEL_LAST_TRANSPOSED, Layout.KERNEL_MIDDLE,
    Layout.KERNEL_DEPTHWISE, Layout.KERNEL_LSTM, Layout.KERNEL_LAST_LSTM,
})  # fmt: skip
