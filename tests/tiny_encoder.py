"""A BERT of two narrow layers, random weights and a few words, saved as Hugging Face's libraries do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import torch

WORDS = ("good", "fine", "bad", "awful", "film", "plot", "the", "a", "was", "very", "not", "##s", "##ly")
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
ARCHITECTURE: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": len(SPECIAL_TOKENS) + len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}


def save_encoder(folder: Path, seed: int = 0, **changed: Any) -> Path:
    """config.json, tokenizer.json and model.safetensors in `folder`. changed: values of ARCHITECTURE."""
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        AutoModel.from_config(AutoConfig.for_model(**{**ARCHITECTURE, **changed})).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = {word: number for number, word in enumerate((*SPECIAL_TOKENS, *WORDS))}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    around = [(name, numbers[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.save(str(folder / "tokenizer.json"))


def reviews(rows: int = 160) -> pd.DataFrame:
    """Texts of different lengths whose label is that of one word in them, and whose score counts another."""
    draw = random.Random(0)
    found = []
    for _ in range(rows):
        label = draw.choice(("neg", "pos"))
        word = draw.choice({"pos": ("good", "fine"), "neg": ("bad", "awful")}[label])
        often = draw.randrange(6)
        text = f"{draw.choice(('the', 'a'))} {draw.choice(('film', 'plots'))} was {'very ' * often}{word}"
        found.append((text, label, float(often)))
    return pd.DataFrame(found, columns=["text", "label", "score"])
