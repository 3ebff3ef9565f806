"""Compares our windows of SQuAD's dev set with run_qa.py's steps on transformers' RobertaTokenizer.

usage: roberta_features_parity.py BERT_FINETUNE DATA_DIR

As features_parity.py, with a directory that holds GPT-2's vocabulary under RoBERTa's ids.
"""

import pathlib
import sys
import tempfile

import features_parity
from features_parity import DATA_DIR, compare
from roberta_parity import gpt2_files, roberta_vocab
from tokenizer_parity import write_files

NUM_WINDOWS = 12_165


def main():
    vocab, merges = roberta_vocab(), gpt2_files()[1]
    config = {"model_type": "roberta", "vocab_size": len(vocab), "max_position_embeddings": 514, "type_vocab_size": 1}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name) / "model"
        write_files(directory, {"config.json": config, "vocab.json": vocab, "merges.txt": merges})
        features_parity.use_model(directory)
        compare(DATA_DIR / "squad" / "squad-v2.0-dev.json", num_windows=NUM_WINDOWS)
        compare(DATA_DIR / "qa-extra" / "xquad.de.json", max_seq_length=128, doc_stride=32)
        for fix in (True, False):
            compare(DATA_DIR / "qa-extra" / "xquad.ru.json", max_seq_length=512, fix_last_token_label=fix)
    sys.exit(features_parity.failures != 0)


main()
