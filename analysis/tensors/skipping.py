"""Why a tensor of a checkpoint holds no weight to analyse, in words: by its name, shape, type and values."""

import math
import re

from analysis import names
from analysis.adapters.names import is_factor
from analysis.tensors.constants import FLOATS, REASONS
from analysis.tensors.header import Headers
from analysis.tensors.layouts import counted_matrices

EMPTY = "empty: one of its dimensions is 0"
MOST_NAMED = 2_000_000  # characters of all their names: a hostile file must not fill the memory with its name
MOST_PIECES = 4096  # matrices in one tensor; eight times the experts of the largest public models
# buffers by the last word of their name, where no ".weight" follows: (what they are called, what they are)
BUFFERS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"(?:.*_)?(?:attn_)?mask|tril|triu|masked_bias|causal_mask.*", "a mask, no weight"),
        (r"inv_freq|(?:.*_)?(?:cos|sin)(?:_cache[d]?)?|freqs(?:_cis|_cos|_sin)?|rope(?:_.*)?|rotary.*cache.*",
         "a table of rotary positions, no weight"),
        (r"relative_coords_table|relative_position_index|.*position_ids|coords(?:_table)?|.*coord_grid|pixel_grid",
         "coordinates, no weight"),
        (r"mel_?basis|melw|mel_?filters?|mel_fb|fb|filter_?bank|fbank|.*mel_matrix",
         "a bank of band filters, no weight"),
        (r"(?:forward|inverse)_basis(?:_buffer)?|w?(?:cos|sin)|kernel_(?:cos|sin)|.*stft_(?:kernel|basis)|dft_matrix"
         r"|(?:hann_?|hamming_?|stft_)?window", "a Fourier basis or window, no weight"),
        (r"(?:.*_)?queue\d*", "a queue of earlier outputs, no weight"),
        (r"(?:.*_)?replay(?:_(?:buffer|memory))?", "what a training has seen (a replay buffer), no weight"),
        (r"embed_avg|embed_sum|ema_embed.*|ema_w|.*cluster_size|(?:cluster|codebook|code)_usage|ema_(?:dw|count)",
         "statistics of a code book, no weight"),
        (r"anchors?|anchor_(?:grid|points|boxes)|priors?(?:_boxes)?|stride_tensor", "anchors of a detector, no weight"),
        (r"running_(?:mean|var)|.*_ema_(?:mean|var)", "statistics of a norm, no weight"),
    )
)  # fmt: skip
LAYERS = re.compile(r"(?:^|.*\.)(?:stft|istft|spectrogram_extractor|logmel_extractor)\.(?:.*\.)?conv_(?:real|imag)")
GAIN = re.compile(r"gamma|beta|(?:.*_)?(?:gain|scale|scales|alpha|layer_?scale\d*|ls\d)")
HEAD_VECTORS = re.compile(r"att(?:_(?:src|dst|edge|self|neigh))?|attn(?:_[lre])?")  # of graph attention
BIAS_TABLES = ("relative_attention_bias", "relative_position_bias_table", "rel_pos_bias")


def reason_to_skip(name: str, role: str, headers: Headers) -> str | None:
    """Why a tensor holds no matrix to analyse, in words; None where it does."""
    header = headers.of[name]
    if is_factor(name):
        return "a factor of an adapter: compare it with its base to see what it changes"
    return (
        _wrong_numbers(name, header.dtype, headers)
        or REASONS.get(header.constant)
        or _wrong_shape(name, role, header.shape)
        or _buffer(name, header.shape)
        or _gain(name, role, headers)
        or _too_many(name, role, headers)
    )


def _wrong_numbers(name: str, dtype: str, headers: Headers) -> str | None:
    stem, _, leaf = name.rpartition(".")
    siblings = {f"{stem}.qweight", f"{stem}.weight_packed", f"{stem}.qzeros"} & headers.of.keys()
    if (siblings and leaf != "bias") or _is_packed(name, headers):
        return f"packed quantised weight ({dtype}): its values need unpacking first"
    if leaf in ("weight_scale", "weight_scale_inv", "scales", "absmax", "SCB") or leaf.endswith("_scales"):
        return "scales of a quantised weight, not a weight itself"
    if dtype in FLOATS:
        return None
    if dtype == "bool":
        return "true and false values (a mask), no weight"
    if dtype.startswith(("int", "uint")):
        return f"whole numbers ({dtype}), no weight"
    if dtype.startswith("complex"):
        return "complex numbers, which the diagnostics do not define"
    return f"stored as {dtype}, which is not read yet"


def _is_packed(name: str, headers: Headers) -> bool:
    """Whether it holds codes: bitsandbytes and MXFP4 keep codes in whole numbers beside a tensor with their scales."""
    if headers.of[name].dtype not in ("int8", "uint8", "int32"):
        return False
    stem = name.rpartition(".")[0]
    siblings = (f"{name}.absmax", f"{stem}.SCB", f"{stem}.weight_format", f"{stem}.weight_scale")
    return name.endswith(("_blocks", ".qweight")) or any(other in headers.of for other in siblings)


def _wrong_shape(name: str, role: str, shape: tuple[int, ...]) -> str | None:
    rank = len(shape)
    if 0 in shape:
        return EMPTY
    if rank == 0:
        return "a single number"
    if rank == 1:
        return "one-dimensional: a bias or a norm gain" if role in ("bias", "norm") else "one-dimensional"
    if role == "bias":
        return "a bias or a mask, no matrix"
    if rank > 5:
        return f"{rank} dimensions, which no known layer has"
    if rank > 2 and sum(extent > 1 for extent in shape) < 2:
        return "a single vector"
    if role == "position" and math.prod(shape[:-2]) != 1:
        return f"a grid of {rank} dimensions, no matrix"
    return None


def _buffer(name: str, shape: tuple[int, ...]) -> str | None:
    """What a tensor is by a name that only buffers have, and tables of biases."""
    words = names.parts(name)
    if LAYERS.fullmatch(".".join(words)):
        return "a Fourier basis or window, no weight"
    if any(table in words[-2:] for table in BIAS_TABLES):
        return "a table of attention biases by relative position, no matrix"
    if not name.lower().endswith(words[-1]):
        return None  # a layer's ".weight"
    if len(shape) == 3 and shape[0] == 1 and HEAD_VECTORS.fullmatch(words[-1]):
        return "a vector for each head of a graph attention, no matrix"
    return next((reason for pattern, reason in BUFFERS if pattern.fullmatch(words[-1])), None)


def _gain(name: str, role: str, headers: Headers) -> str | None:
    """Gains of norms that are stored with more than one dimension, and vectors that are no layer's."""
    shape = headers.of[name].shape
    narrow = min(shape) == 1 and len(shape) == 2
    leaf = names.parts(name)[-1]
    bare = name.lower().endswith(leaf)
    if (role == "norm" or len(shape) > 1) and headers.bias_shape(name) == shape:
        return "a gain, as long as its bias: no matrix"
    if role == "norm" and (narrow or not bare):
        return "a norm's gain, no matrix"
    if bare and (narrow or GAIN.fullmatch(leaf)):
        return "a gain, no matrix" if GAIN.fullmatch(leaf) else "a single vector"
    return None


def _too_many(name: str, role: str, headers: Headers) -> str | None:
    pieces = counted_matrices(name, role, headers)
    if pieces > MOST_PIECES:
        return f"{pieces} stacked matrices, not a known layer"
    if pieces * len(name) > MOST_NAMED:
        return f"{pieces} matrices under a name of {len(name)} characters, which each would repeat"
    return None
