"""Writes a BERT-base of random weights, which takes the memory and the time of a trained one.

    build/peers/bin/python scripts/bench/random_bert.py DIR [VOCABULARY]

VOCABULARY is bert-base-uncased's vocab.txt; without it there are the special tokens and no words.
"""

import pathlib
import shutil
import sys


def write_model(folder, vocabulary=None):
    from transformers import BertConfig, BertModel

    folder = pathlib.Path(folder)
    BertModel(BertConfig()).save_pretrained(folder)
    if vocabulary:
        shutil.copy(vocabulary, folder / "vocab.txt")
    else:
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        tokens += [f"[unused{i}]" for i in range(BertConfig().vocab_size - len(tokens))]
        (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')


if __name__ == "__main__":
    write_model(*sys.argv[1:])
