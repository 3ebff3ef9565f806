"""Compares our windows with run_qa.py's steps on transformers' RobertaTokenizer and XLMRobertaTokenizer.

usage: roberta_features_parity.py BERT_FINETUNE DATA_DIR

As features_parity.py, with a directory that holds GPT-2's vocabulary under RoBERTa's ids, and one of pieces of XQuAD.
"""

import pathlib
import sys
import tempfile

import features_parity
import xlm_roberta_parity
from features_parity import DATA_DIR, compare
from roberta_parity import gpt2_files, roberta_vocab
from tokenizer_parity import write_files

NUM_WINDOWS, NUM_WINDOWS_XLM = 12_165, 13_218


def xlm_roberta(folder):
    model = xlm_roberta_parity.xquad_model(DATA_DIR)
    files = xlm_roberta_parity.bert_with_backend(*model)
    features_parity.use_model(xlm_roberta_parity.write_model(folder / "bert", **files))
    compare(DATA_DIR / "qa-extra" / "xquad.hi.json", token_types=False)
    files = {"tokenizer.json": xlm_roberta_parity.tokenizer_json(*model)}
    features_parity.use_model(xlm_roberta_parity.write_model(folder / "xlm-roberta", **files))
    compare(DATA_DIR / "squad" / "squad-v2.0-dev.json", num_windows=NUM_WINDOWS_XLM, token_types=False)
    for path in sorted((DATA_DIR / "qa-extra").glob("xquad.*.json")):
        compare(path, token_types=False, max_seq_length=256, doc_stride=64)


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
        xlm_roberta(pathlib.Path(name))
    sys.exit(features_parity.failures != 0)


main()
