from pathlib import Path

import torch

from examples import model


def test_embeddings_leave_padding_out(minilm: Path) -> None:
    """The same alone and beside a longer text; the width and scale are the package's own."""
    short, long = "Return the sum.", "Return the sum of all the elements along a given axis of an array. " * 4
    encoder = model.encoder()
    together, alone = model.embeddings(encoder, [short, long]), model.embeddings(encoder, [short])
    assert together.shape == (2, 384)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


def test_like_sentences_lie_close(minilm: Path) -> None:
    texts = ["A cat sits on the mat.", "There is a cat upon the rug.", "Compute the inverse of a matrix."]
    cat, rug, matrix = model.embeddings(model.encoder(), texts)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(cat, rug, dim=0) > cosine(cat, matrix, dim=0) + 0.3
    assert minilm == model.folder() / "model.safetensors"
