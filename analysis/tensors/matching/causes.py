"""Why no matrix of a tuned checkpoint belongs to its base: one sentence for each cause, with what to do about it."""

from collections.abc import Callable, Sequence

from analysis.errors import escape

Left = Sequence[tuple[str, str]]  # tensors of the tuned checkpoint, each with the reason why it has no partner
EMPTY = (
    "{tuned} holds empty tensors ({why}): DeepSpeed's ZeRO-3 keeps the values in shards, and leaves these behind. Save "
    "with stage3_gather_16bit_weights_on_model_save, or run zero_to_fp32.py and give what it makes."
)
PACKED = (
    "The base {base} holds packed quantised weights that are not read ({why}). Give the model before quantisation, or "
    "one that was dequantised, as the first."
)
AMBIGUOUS = (
    "The names in {tuned} could mean several tensors of {base} ({why}), and none is guessed. Give the part of the "
    "model that it was trained on as the first, or a checkpoint with the full names of its layers."
)
NAMING = (
    "{tuned} names its layers otherwise than {base} does: no name of the one is in the other ({why}{theirs}). Give "
    "both in one naming, as the same library saves them."
)
WRONG = (
    "{tuned} was not trained from {base}: no matrix of the one belongs to the other ({why}). Give the checkpoint that "
    "it was trained from as the first."
)
# code, how each of its reasons looks, and the sentence; the one that explains most reasons counts
CAUSES: Sequence[tuple[str, Callable[[str], bool], str]] = (
    ("empty-tensors", lambda why: "empty" in why, EMPTY),
    ("packed-base", lambda why: "in the base: " in why and "quantised" in why, PACKED),
    ("ambiguous-names", lambda why: "could be any of" in why, AMBIGUOUS),
    ("wrong-base", lambda why: "shape differs" in why, WRONG),
    ("unknown-names", lambda why: "does not have" in why or why == "not in the base", NAMING),
)


def why_nothing_belongs(left: Left, tuned: str, base: str, theirs: Sequence[str] = ()) -> tuple[str, str]:
    """The sentence and its code, which is one of REJECTIONS. `theirs` are names in the base."""
    candidates = [(code, text, [pair for pair in left if fits(pair[1])]) for code, fits, text in CAUSES]
    code, text, pairs = max(candidates, key=lambda cause: len(cause[2]))
    if not pairs:
        code, text, pairs = "wrong-base", WRONG, list(left)
    why = "; ".join(f"{escape(tensor)}: {reason}" for tensor, reason in pairs[:2]) or "it holds no matrix"
    has = f"; the base has {', '.join(map(escape, theirs[:2]))}" if theirs else ""
    return text.format(tuned=escape(tuned), base=escape(base), why=why, theirs=has), code
