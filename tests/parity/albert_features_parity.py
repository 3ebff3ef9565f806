"""Compares our windows of SQuAD's dev set with run_qa.py's steps on transformers' AlbertTokenizer.

usage: albert_features_parity.py BERT_FINETUNE DATA_DIR

As features_parity.py, with a directory that holds spiece.model and the tokenizer.json made of it.
"""

import json
import pathlib
import sys
import tempfile

import features_parity
from albert_parity import lowered, read_spiece, tokenizer_json, write_model
from features_parity import DATA_DIR, compare

# The second: windows of the two contexts that have a near tie (albert_parity.py).
NUM_WINDOWS, IN_NEAR_TIES = 16_317, 70


def main():
    spiece = DATA_DIR / "vocab" / "albert-layout-30k.model"
    pieces, charsmap = read_spiece(spiece)
    with tempfile.TemporaryDirectory() as name:
        directory = write_model(pathlib.Path(name) / "model", tokenizer_json(lowered(pieces), charsmap), spiece)
        config = {"model_type": "albert", "vocab_size": len(pieces), "hidden_size": 8, "num_hidden_layers": 1}
        config |= {"num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 512, "type_vocab_size": 2}
        (directory / "config.json").write_text(json.dumps(config))
        features_parity.use_model(directory)
        compare(DATA_DIR / "squad" / "squad-v2.0-dev.json", num_windows=NUM_WINDOWS, known_different=IN_NEAR_TIES)
        compare(DATA_DIR / "qa-extra" / "xquad.de.json", max_seq_length=128, doc_stride=32)
    sys.exit(features_parity.failures != 0)


main()
