"""Compares our XLM-RoBERTa tokenizer with transformers' XLMRobertaTokenizer: ids and offsets in code points.

usage: build/peers/bin/python tests/parity/xlm_roberta_parity.py HELPER [--only NAME]

HELPER is the program made of tokenizer_dump.cpp. The data are found through BERTFT_DATA_DIR. The vocabulary has pieces of
all of XQuAD's languages, made here, and the charsmap of a trained model. Prints one line per comparison and leaves with 1
when other texts differ than those that are known to (albert_parity.py says why), with 77 (skipped) without data.
"""

import base64
import collections
import json
import math
import struct
import sys
import tempfile
from pathlib import Path

from albert_parity import UnigramComparison, character_pieces, read_spiece
from tokenizer_parity import (
    FLAGS,
    arguments_and_data,
    chosen_texts,
    write_files,
    xquad_sources,
)

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
CONFIG = {"model_type": "xlm-roberta", "vocab_size": 300_000, "max_position_embeddings": 514, "type_vocab_size": 1}
LOADING_TEXTS = [
    "Hello World's ``quoted'' 'x' '''' ```", "9,000 2,5 10,000,000, 1,", "a <mask> b<mask>c \u3000<mask>x",
    "<MASK> <s> </s>x", "<pad><unk> <PAD> <UNK>\u4e00 \u4e00<UNK>", "a\u2581b \u2581 \u2581\u2581c",
    "\u00a8x \u00bd \ufb01n \ufdfa", "cafe\u0301 CAF\u00c9 \u0130stanbul \u03a3\u03c2", "", " ", "\u0301", " \u0301", "\u200b",
    "a\u200bb \ufeffx", "x\r\ny\tz\u00a0w\u2028v", "\ud55c\uad6d", "a\u200c b", "\u0915\u094d\u0937\u093f \u0e01\u0e33",
]


def pieces_of(texts, count=30_000):
    """[(piece, score)]: the most frequent parts of words, by the logarithm of how frequent they are.

    Scores are multiples of 2^-10: sums of them are exact in single precision, too, so that nothing is a near tie.
    """
    words = collections.Counter("\u2581" + word for text in texts for word in text.split())
    parts = collections.Counter()
    for word, times in words.items():
        for begin in range(len(word)):
            for end in range(begin + 1, min(len(word), begin + 8) + 1):
                parts[word[begin:end]] += times * (end - begin)
    chosen = sorted(parts.items(), key=lambda part: (-part[1], part[0]))[:count]
    total = sum(times for _, times in chosen)
    return [(piece, round(1024 * math.log(times / total)) / 1024) for piece, times in chosen]


def xquad_model(data):
    """Pieces of all of XQuAD's languages, and the charsmap."""
    pieces = pieces_of(text for texts in xquad_sources(data).values() for text in texts())
    return pieces, read_spiece(data / "vocab" / "albert-layout-30k.model")[1]


def tokenizer_json(pieces, charsmap, mask=None, **model):
    """`pieces` without the special ones."""
    vocab = [(token, 0.0) for token in SPECIAL] + pieces + [("<mask>", 0.0)]
    ids = {text: i for i, (text, _) in enumerate(vocab)}
    precompiled = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    special = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
    frame = [special("<s>"), sequence("A"), special("</s>")]
    return {
        "version": "1.0",
        "added_tokens": [{"id": ids[t], "content": t, **FLAGS, **((mask or {}) if t == "<mask>" else {})}
                         for t in SPECIAL + ["<mask>"]],
        "normalizer": precompiled if charsmap else None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": frame,
            "pair": frame + [special("</s>"), sequence("B"), special("</s>")],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("<s>", "</s>")},
        },
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": [list(p) for p in vocab], "byte_fallback": False, **model},
    }


def bert_with_backend(pieces, charsmap):
    """A BERT whose class leaves all to tokenizer.json, as paraphrase-multilingual-MiniLM-L12-v2 is one."""
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}
    splitters = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    mask = {"__type": "AddedToken", "content": "<mask>", **FLAGS, "lstrip": True}
    named = dict(cls_token="<s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token=mask)
    return {
        "config.json": {**CONFIG, "model_type": "bert", "type_vocab_size": 2},
        "tokenizer.json": {**tokenizer_json(pieces, charsmap, mask={"lstrip": True}), "pre_tokenizer": splitters},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **named},
    }


def sentencepiece_model(pieces, charsmap):
    """The bytes of a sentencepiece.bpe.model, whose ids are sentencepiece's own."""

    def varint(n):
        return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])

    def field(number, content):
        return varint(number << 3 | 2) + varint(len(content)) + content

    def piece(text, score, kind):
        return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind))

    own = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3)
    normalizer = field(1, b"nmt_nfkc") + (field(2, charsmap) if charsmap else b"")
    return own + b"".join(piece(*p, 1) for p in pieces) + field(2, b"\x18\x01") + field(3, normalizer)


def write_model(directory, **files):
    """`files` are bytes, or what becomes JSON."""
    write_files(directory, {"config.json": CONFIG, **{n: f for n, f in files.items() if not isinstance(f, bytes)}})
    for name, content in files.items():
        if isinstance(content, bytes):
            (directory / name).write_bytes(content)
    return directory


def loading_cases(pieces, charsmap):
    """name, files, the files that stand for them on the other side"""
    plain = {"tokenizer.json": tokenizer_json(pieces, charsmap)}
    config = lambda **settings: {"tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", **settings}}
    file = {"sentencepiece.bpe.model": sentencepiece_model(pieces, charsmap)}
    yield "tokenizer.json", plain, None
    yield "sentencepiece.bpe.model", file, plain
    yield "both", {**plain, **file}, plain
    yield "no charsmap", {"tokenizer.json": tokenizer_json(pieces, b"")}, None
    untyped = tokenizer_json(pieces, charsmap)
    del untyped["model"]["type"]
    yield "tokenizer.json whose model has no type", {"tokenizer.json": untyped}, None
    normalizers = {"type": "Sequence", "normalizers": [plain["tokenizer.json"]["normalizer"], {"type": "Replace",
                   "pattern": {"Regex": " {2,}"}, "content": " "}]}
    yield "normalizers in a list", {"tokenizer.json": {**plain["tokenizer.json"], "normalizer": normalizers}}, None
    yield "<mask> takes spaces", {"tokenizer.json": tokenizer_json(pieces, charsmap, mask={"lstrip": True})}, None
    token = {"__type": "AddedToken", "content": "<mask>", **FLAGS, "lstrip": True}
    yield "<mask> in tokenizer_config.json", {**plain, **config(mask_token=token)}, None
    yield "added_tokens_decoder", {**plain, **config(added_tokens_decoder={"3": {"content": "<unk>", **FLAGS}})}, None
    yield "switches of ALBERT's", {**plain, **config(do_lower_case=True, keep_accents=False)}, None
    yield "XLMRobertaTokenizerFast", {**plain, **config(tokenizer_class="XLMRobertaTokenizerFast")}, None
    bert = bert_with_backend(pieces, charsmap)
    yield "PreTrainedTokenizerFast", {**bert, **file}, None
    backend = {"tokenizer.json": {**bert["tokenizer.json"], "normalizer": normalizers}}
    yield "TokenizersBackend, no token named", {**backend, **config(tokenizer_class="TokenizersBackend")}, None


# Texts whose offsets alone differ: the crate's are wrong.
KNOWN = {
    "tokenizer.json: random strings": (0, 330),
    "sentencepiece.bpe.model: random strings": (0, 330),
    "characters, charsmap: random strings": (0, 330),
}


class XlmRobertaComparison(UnigramComparison):
    known = KNOWN


def main():
    args, data = arguments_and_data(__doc__)
    texts = chosen_texts(args.only, data, {"loading": lambda: LOADING_TEXTS, **xquad_sources(data)})
    pieces, charsmap = xquad_model(data)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        comparison = XlmRobertaComparison(args.helper)

        def compare(title, files, stand_in, names, vocabulary):
            directory = write_model(folder / title, **files)
            other = write_model(folder / (title + "'"), **stand_in) if stand_in else directory
            numbered = [(token, 0.0) for token in SPECIAL] + vocabulary + [("<mask>", 0.0)]
            comparison.compare(directory, other, texts, names, numbered)

        real = [name for name in texts if name not in ("normalization test", "all scalar values", "loading")]
        for title, files, stand_in in loading_cases(pieces, charsmap):
            names = {"tokenizer.json": real, "sentencepiece.bpe.model": ["naughty strings", "random strings"],
                     "PreTrainedTokenizerFast": ["naughty strings"]}  # fmt: skip
            compare(title, files, stand_in, names.get(title, []) + ["loading"], pieces)
        characters = [(text, score) for text, score in character_pieces() if score]
        every_char, short = ["all scalar values", "normalization test"], ["naughty strings", "random strings", "loading"]
        for title, table in (("characters", b""), ("characters, charsmap", charsmap)):
            compare(title, {"tokenizer.json": tokenizer_json(characters, table)}, None, every_char + short, characters)
    print("as expected" if comparison.differences == 0 else f"{comparison.differences} comparisons are not as expected")
    return 0 if comparison.differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
