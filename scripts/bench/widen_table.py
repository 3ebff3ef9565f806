"""Copies a BERT's directory with more rows in its word table, random ones: as many as a model of many languages has."""

import argparse
import json
import pathlib
import shutil

import safetensors.torch
import torch

KEY = "embeddings.word_embeddings.weight"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=250002)
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(args.model / name, args.out)
    config = json.loads((args.model / "config.json").read_text())
    (args.out / "config.json").write_text(json.dumps({**config, "vocab_size": args.rows}, indent=2))
    tensors = safetensors.torch.load_file(args.model / "model.safetensors")
    table = tensors[KEY]
    torch.manual_seed(42)
    more = torch.randn(args.rows - len(table), table.shape[1]) * config["initializer_range"]
    safetensors.torch.save_file({**tensors, KEY: torch.cat([table, more])}, args.out / "model.safetensors")


if __name__ == "__main__":
    main()
