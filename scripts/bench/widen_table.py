"""Copies a model with more rows in its word table, random ones: as many as a model of many languages has.

    build/peers/bin/python scripts/bench/widen_table.py MODEL DIR [ROWS]
"""

import sys


def widen(model, folder, rows=250002):
    from transformers import AutoModel, AutoTokenizer

    wide = AutoModel.from_pretrained(model)
    wide.resize_token_embeddings(int(rows), mean_resizing=False)
    wide.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)


if __name__ == "__main__":
    widen(*sys.argv[1:])
