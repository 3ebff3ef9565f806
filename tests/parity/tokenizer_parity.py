#!/usr/bin/env python3
"""Compares our tokenizer with the Rust `tokenizers` crate: ids and offsets in code points.

usage: build/peers/bin/python tests/parity/tokenizer_parity.py HELPER [--only NAME]

HELPER is the program made of tokenizer_dump.cpp. The data are found through
BERTFT_DATA_DIR. Prints one line per comparison and leaves with 1 on a difference, with 77
(skipped) without data. It takes about a minute.

Every scalar value is tried. Surrogates are not: they are no scalar values, so neither UTF-8
nor the crate has a form for them.
"""

import argparse
import bz2
import gc
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

gc.disable()  # nothing here forms cycles; to look for them among millions of lists takes an eighth of the time

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


@dataclass
class Model:
    """A vocabulary and settings, as a model directory for us and as a Tokenizer for them."""

    name: str
    vocab: Path
    lower: bool
    strip: bool | None = None
    chinese: bool = True
    directory: Path = field(default=None)

    def write(self, folder):
        self.directory = folder / self.name
        self.directory.mkdir()
        (self.directory / "vocab.txt").symlink_to(self.vocab)
        config = {"do_lower_case": self.lower, "strip_accents": self.strip, "tokenize_chinese_chars": self.chinese}
        (self.directory / "tokenizer_config.json").write_text(json.dumps(config))

    def reference(self):
        lines = self.vocab.read_bytes().decode().split("\n")[:-1]
        vocab = {line.rstrip(): i for i, line in enumerate(lines)}
        tokenizer = Tokenizer(WordPiece(vocab, unk_token="[UNK]"))
        tokenizer.normalizer = BertNormalizer(
            lowercase=self.lower, strip_accents=self.strip, handle_chinese_chars=self.chinese
        )
        tokenizer.pre_tokenizer = BertPreTokenizer()
        tokenizer.add_special_tokens(SPECIAL)
        return tokenizer


def ours(helper, directory, texts):
    """[tokens, 3] per text: id, char_begin, char_end."""
    stdin = b"".join(struct.pack("=I", len(t)) + t for t in (text.encode() for text in texts))
    run = subprocess.run([helper, directory], input=stdin, stdout=subprocess.PIPE, check=True)
    words = np.frombuffer(run.stdout, dtype=np.uint32)
    result, at = [], 0
    while at < len(words):
        count = int(words[at])
        result.append(words[at + 1 : at + 1 + 3 * count].reshape(count, 3))
        at += 1 + 3 * count
    assert len(result) == len(texts), "the helper answered another number of texts"
    return result


def expected(encodings):
    """The same of the crate's encodings."""
    flat = chain.from_iterable
    ids = np.fromiter(flat(encoding.ids for encoding in encodings), dtype=np.uint32)
    chars = np.fromiter(flat(flat(encoding.offsets for encoding in encodings)), dtype=np.uint32)
    ends = np.cumsum([len(encoding) for encoding in encodings], dtype=np.int64)
    return np.split(np.column_stack([ids, chars.reshape(-1, 2)]), ends[:-1])


def first_difference(text, got, want):
    rows = min(len(got), len(want))
    row = next((i for i in range(rows) if not np.array_equal(got[i], want[i])), rows)
    show = lambda table: table[row].tolist() if row < len(table) else "nothing"
    around = text[max(0, int(want[min(row, len(want) - 1)][1]) - 10) :][:40] if len(want) else text[:40]
    return f"token {row}: ours {show(got)}, theirs {show(want)}, in {ascii(around)}"


def parts(texts):
    """The texts in order, few enough at once for the encodings to fit into memory."""
    begin = characters = 0
    for end, text in enumerate(texts):
        characters += len(text)
        if characters > 8_000_000:
            yield texts[begin:end]
            begin, characters = end, len(text)
    yield texts[begin:]


class Comparison:
    def __init__(self, helper):
        self.helper = helper
        self.differences = 0

    def run(self, title, directory, tokenizer, texts):
        begin = time.monotonic()
        bad = 0
        encode = lambda part: tokenizer.encode_batch(part, add_special_tokens=False)
        for part in parts(texts):
            for text, want, got in zip(part, expected(encode(part)), ours(self.helper, directory, part)):
                if np.array_equal(got, want):
                    continue
                bad += 1
                if bad <= 3:
                    print(f"  DIFFERS {title}: {first_difference(text, got, want)}")
        self.differences += bad
        seconds = time.monotonic() - begin
        print(f"{title:52} {len(texts):8} texts, {bad} differ, {seconds:5.1f} s", flush=True)


def scalar_texts():
    """Every scalar value as "a" + c + "b" and alone; 256 of them a text, apart by spaces."""
    step = 256
    return [
        " ".join(f"a{chr(c)}b {chr(c)}" for c in SCALARS[at : at + step]) for at in range(0, len(SCALARS), step)
    ]


def character_vocabulary(path, exceptions):
    """A vocabulary of single characters, so that the ids show what each was normalized to."""
    chars = {chr(c) for c in SCALARS if unicodedata.category(chr(c)) not in ("Cn", "Co")}
    for line in exceptions.read_text().splitlines():
        if not line.startswith("#"):
            _, first, last, _ = line.split("\t")
            chars |= {chr(c) for c in range(int(first, 16), int(last, 16) + 1)}
    chars |= {c.lower() for c in chars if len(c.lower()) == 1}
    lines = SPECIAL + [c for c in sorted(chars) if c != "\n"]
    lines += ["##" + c for c in lines[len(SPECIAL) :]]
    path.write_bytes("".join(line + "\n" for line in lines).encode())


def squad_texts(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        data = json.load(file)["data"]
    paragraphs = [p for article in data for p in article["paragraphs"]]
    return [p["context"] for p in paragraphs] + [q["question"] for p in paragraphs for q in p["qas"]]


def naughty_texts(folder):
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".txt":
            content = path.read_text(encoding="utf-8")
            texts += [content] + content.split("\n")
    return texts


def normalization_texts(path):
    """The strings of Unicode's NormalizationTest.txt: many marks out of order."""
    with bz2.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.split(";")[:5] for line in lines if line[0] not in "#@\n"]
    return list({"".join(chr(int(c, 16)) for c in column.split()): None for row in rows for column in row})


def random_texts(count, exceptions):
    """The same with every version of Python, whose characters are others: all of them are tried one by one elsewhere."""
    rng = random.Random(20261124)
    unicode = unicodedata.ucd_3_2_0
    chars = lambda *ranges: [chr(c) for first, last in ranges for c in range(first, last)]
    pick = lambda test: [chr(c) for c in SCALARS if test(chr(c))]
    rows = [row.split("\t") for row in exceptions.read_text().splitlines() if row[0] != "#"]
    pools = [
        chars((0x30, 0x3A), (0x41, 0x5B), (0x61, 0x7B)),
        chars((0x20, 0x30), (0x3A, 0x41), (0x5B, 0x61), (0x7B, 0x7F)) + list("\t\n\r"),
        chars((0, 0x20), (0x7F, 0xA1)) + list("\u200b\u200d\ufeff\ufffd\u2028\u3000"),
        SPECIAL + ["[MASK", "[mask]", "MASK]", "[[SEP]]"],
        ["the", "ing", "running", "un", "able", "ly ", " ", " of "],
        pick(unicode.combining),
        pick(lambda c: unicode.decomposition(c) and "<" not in unicode.decomposition(c)),
        pick(lambda c: unicode.category(c) not in ("Cn", "Co")),
        [chr(int(row[1], 16)) for row in rows],
        [chr(c) for c in SCALARS[::97]],
        chars((0x4E00, 0x4F00), (0x2B7F0, 0x2B930), (0xF900, 0xFA10)),
    ]
    texts = []
    for _ in range(count):
        mix = rng.sample(pools, rng.randint(1, 4))
        size = rng.choice((3, 10, 40, 160))
        texts.append("".join(rng.choice(rng.choice(mix)) for _ in range(rng.randint(1, size))))
    return texts


def write_files(directory, files):
    directory.mkdir()
    for name, content in {"config.json": {"model_type": "bert"}, **files}.items():
        data = content if isinstance(content, str) else json.dumps(content)
        (directory / name).write_bytes(data.encode())


PIECES = SPECIAL + "hello Hello he ##llo x ##x e \u00e9 caf ##e ##\u00e9 \u4e00 \u4e01 [ ] NEW".split()
NEW_ID = len(PIECES)
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
LOADING_TEXTS = [
    "hello Hello HELLO hex x hexxx", "caf\u00e9 cafe\u0301 \u00e9", "\u4e00\u4e01 x\u4e00", "hello [MASK] hello",
    "he[MASK]llo", "[MASK] \u3000[MASK]x", "a [NEW]  x[NEW]", "[new] [CLS] [SEP] [PAD] [UNK]",
    "hellohello hexxxxxx hexxxxxxx", "NEW new", "a [Q][NEW] x [q]",
]


def spelling_texts(count):
    """Tokens in spellings that normalization makes equal or not, between white space, marks and ideographs."""
    rng = random.Random(20261129)
    spellings = [
        "[MASK]", "[mask]", "[M\u00c1SK]", "[MA\u0301SK]", "[MA\u200bSK]", "[MASK]\u0301", "[MASK", "MASK]",
        "[NEW]", "[new]", "[N\u00cbW]", "NEW", "new", "[Q]", "[q]", "[\u4e00NEW]", "\u4e00", "\u4e00\u4e01", "\u00e9",
        "E\u0301", "e\u0323\u0301", "\u0301", "\u3099", "\u0345", " ", "  ", "\t", "\u3000", "\u200b", "x", "He", ".",
    ]  # fmt: skip
    return ["".join(rng.choices(spellings, k=rng.randint(1, 20))) for _ in range(count)]


def tokenizer_json(added=(), lower=False):
    special = lambda token, kind: {"SpecialToken": {"id": token, "type_id": kind}}
    sequence = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
    frame = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "version": "1.0",
        "added_tokens": [{"id": PIECES.index(t), "content": t, **FLAGS} for t in SPECIAL] + list(added),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": False,
            "strip_accents": None,
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": frame,
            "pair": frame + [sequence("B", 1), special("[SEP]", 1)],
            "special_tokens": {t: {"id": t, "ids": [PIECES.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 8,
            "vocab": {piece: i for i, piece in enumerate(PIECES)},
        },
    }


def loading_cases():
    """Directories whose files leave something to decide: name, {file: content}."""
    vocab = "\n".join(PIECES) + "\n"
    mask = {"content": "[MASK]", **FLAGS}
    extra = {"id": NEW_ID, "content": "[NEW]", **FLAGS}
    plain = tokenizer_json()
    config = lambda name="BertTokenizer", **more: {"tokenizer_config.json": {"tokenizer_class": name, **more}}
    decoder = {"4": {**mask, "lstrip": True}}
    special_map = {"mask_token": {**mask, "lstrip": True, "rstrip": True}}

    yield "vocab.txt alone", {"vocab.txt": vocab}
    yield "CRLF", {"vocab.txt": vocab.replace("\n", "\r\n")}
    yield "a blank line", {"vocab.txt": vocab.replace("\nhe\n", "\n\n")}
    yield "a duplicate", {"vocab.txt": vocab.replace("\nNEW\n", "\nhello\n")}
    yield "no line feed at the end", {"vocab.txt": vocab[:-1]}
    yield "cased", {"vocab.txt": vocab, **config(do_lower_case=False)}
    yield "accents kept", {"vocab.txt": vocab, **config(strip_accents=False)}
    for family in ("Electra", "DistilBert", "MobileBert"):
        model = {"config.json": {"model_type": family.lower()}}
        yield family, {"vocab.txt": vocab, **model}
        for suffix in ("Tokenizer", "TokenizerFast"):
            yield f"{family}{suffix}", {"vocab.txt": vocab, **config(family + suffix), **model}
        yield f"{family}Tokenizer, cased", {"vocab.txt": vocab, **config(family + "Tokenizer", do_lower_case=False)}
    yield "tokenizer.json, BertTokenizer", {"tokenizer.json": plain}
    yield "tokenizer.json before vocab.txt", {"tokenizer.json": plain, "vocab.txt": vocab.replace("he\n", "eh\n")}
    yield "tokenizer.json, do_lower_case", {"tokenizer.json": plain, **config(do_lower_case=False)}
    yield "added token", {"tokenizer.json": tokenizer_json([extra])}
    yield "added_tokens.json", {
        "vocab.txt": vocab,
        "added_tokens.json": {"[NEW]": NEW_ID},
        **config(additional_special_tokens=["[NEW]"]),
    }
    yield "added_tokens_decoder", {"tokenizer.json": tokenizer_json([extra]), **config(added_tokens_decoder=decoder)}
    yield "special_tokens_map.json", {"vocab.txt": vocab, "special_tokens_map.json": special_map}
    spare = {"config.json": {"model_type": "bert", "vocab_size": len(PIECES) + 3}}
    for key in ("additional_special_tokens", "extra_special_tokens"):
        yield f"{key} without ids", {"vocab.txt": vocab, **spare, **config(**{key: ["[NEW]", "[Q]"]})}
    yield "extra_special_tokens by name", {"vocab.txt": vocab, **spare, **config(extra_special_tokens={"new_token": "[NEW]"})}
    yield "extra tokens of special_tokens_map.json", {
        "vocab.txt": vocab, **spare, "special_tokens_map.json": {"additional_special_tokens": ["[NEW]"]}}
    yield "a vocabulary without [MASK]", {
        "vocab.txt": vocab.replace("[MASK]", "mask"), **spare, **config(additional_special_tokens=["[NEW]"])}
    yield "both names of extra tokens", {
        "vocab.txt": vocab, **spare, **config(additional_special_tokens=["[Q]"], extra_special_tokens=["[NEW]"])}
    for key in ("additional_special_tokens", "extra_special_tokens"):
        yield f"{key} of both files", {
            "vocab.txt": vocab, **spare, "special_tokens_map.json": {key: ["[Q]"]}, **config(**{key: ["[NEW]"]})}
    typed = lambda token, **more: {"__type": "AddedToken", "content": token, **more}
    for key in ("mask_token", "image_token"):
        new = "[MASK]" if key == "mask_token" else "[NEW]"
        yield f"{key}", {"vocab.txt": vocab, **spare, **config(**{key: new})}
        yield f"{key} with flags", {"vocab.txt": vocab, **spare, **config(**{key: typed(new, lstrip=True)})}
        yield f"{key} with flags, normalized", {
            "vocab.txt": vocab, **spare, **config(**{key: typed(new, lstrip=True, normalized=True, special=True)})}
        for name, value in (("plain", new), ("with flags", {"content": new, "rstrip": True, "normalized": True})):
            yield f"{key} of special_tokens_map.json, {name}", {
                "vocab.txt": vocab, **spare, "special_tokens_map.json": {key: value}}
            yield f"{key} of both files, {name}", {
                "vocab.txt": vocab, **spare, "special_tokens_map.json": {key: value},
                **config(**{key: typed(new, lstrip=True)})}
        yield f"{key} beside added_tokens_decoder", {
            "vocab.txt": vocab, **spare, "special_tokens_map.json": {key: new},
            **config(**{key: typed(new, lstrip=True)}, added_tokens_decoder={})}
    yield "image_token, of both files a string", {
        "vocab.txt": vocab, **spare, "special_tokens_map.json": {"image_token": "[Q]"}, **config(image_token="[NEW]")}
    yield "other members of special_tokens_map.json", {
        "vocab.txt": vocab, **spare, "special_tokens_map.json": {"image": {"content": "[NEW]"}, "add_x_token": True}}
    for lower in (True, False):
        kept = config(do_lower_case=lower)
        yield f"added_tokens.json alone, {lower=}", {"vocab.txt": vocab, "added_tokens.json": {"[NEW]": NEW_ID}, **kept}
        for key in ("additional_special_tokens", "extra_special_tokens"):
            yield f"added_tokens.json and {key} of special_tokens_map.json, {lower=}", {
                "vocab.txt": vocab, "added_tokens.json": {"[NEW]": NEW_ID}, **kept,
                "special_tokens_map.json": {key: ["[NEW]"]}}
        for more in ({}, {"lstrip": True}, {"rstrip": True}):
            tokens = {"4": {**mask, "normalized": True, **more}}
            for i, content in enumerate(("[NEW]", "\u4e00\u4e01", "E\u0301")):
                tokens[str(NEW_ID + i)] = {"content": content, **FLAGS, "normalized": True, **more}
            yield f"tokens in normalized text, {lower=}, {more}", {
                "vocab.txt": vocab, **config(do_lower_case=lower, added_tokens_decoder=tokens)}
        yield f"a token of tokenizer.json in normalized text, {lower=}", {
            "tokenizer.json": tokenizer_json([{**extra, "normalized": True}], lower),
            **config("PreTrainedTokenizerFast"),
        }
    yield "no mask_token", {"vocab.txt": vocab, **config(mask_token=None)}
    yield "no mask_token of special_tokens_map.json", {"vocab.txt": vocab, "special_tokens_map.json": {"mask_token": None}}
    yield "another unk_token", {"vocab.txt": vocab.replace("NEW", "<unk>"), **config(unk_token="<unk>")}
    yield "PreTrainedTokenizerFast", {"tokenizer.json": tokenizer_json([extra]), **config("PreTrainedTokenizerFast")}
    yield "TokenizersBackend, lower case", {
        "tokenizer.json": tokenizer_json([{**extra, "rstrip": True}], lower=True),
        **config("TokenizersBackend"),
    }


def compare_loading(comparison, folder):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    from transformers import AutoTokenizer

    texts = LOADING_TEXTS + spelling_texts(300)
    for number, (name, files) in enumerate(loading_cases()):
        directory = folder / f"loading-{number}"
        write_files(directory, files)
        theirs = AutoTokenizer.from_pretrained(str(directory))
        comparison.run(f"loading: {name}", directory, theirs.backend_tokenizer, texts)
        saved = folder / f"saved-{number}"
        theirs.save_pretrained(str(saved))
        comparison.run(f"saved again: {name}", saved, theirs.backend_tokenizer, texts)


def arguments_and_data(description):
    """The arguments, and the folder of the real data; leaves with 77 (skipped) without it."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("helper", type=Path)
    parser.add_argument("--only", help="only the texts whose name contains this")
    args = parser.parse_args()
    if not os.environ.get("BERTFT_DATA_DIR"):
        print("skipped: BERTFT_DATA_DIR is unset")
        sys.exit(77)
    return args, Path(os.environ["BERTFT_DATA_DIR"])


def exceptions_file(data):
    return data / "tokenizer" / "hf-unicode-exceptions.tsv"


def xquad_sources(data):
    return {path.name: lambda path=path: squad_texts(path) for path in sorted((data / "qa-extra").glob("xquad.*.json"))}


def chosen_texts(only, data, more):
    """Texts by their names, those that every tokenizer is compared on and `more`, where `only` does not leave them out."""
    sources = {
        "SQuAD 2.0 dev": lambda: squad_texts(data / "squad" / "squad-v2.0-dev.json"),
        "naughty strings": lambda: naughty_texts(data / "corpora" / "naughty-strings"),
        "random strings": lambda: random_texts(10_000, exceptions_file(data)),
        "normalization test": lambda: normalization_texts(data / "corpora" / "unicode" / "NormalizationTest.txt.bz2"),
        "all scalar values": scalar_texts,
        **more,
    }
    return {name: make() for name, make in sources.items() if not only or only in name}


def main():
    args, data = arguments_and_data(__doc__)
    exceptions = exceptions_file(data)
    vocab = lambda name: data / "vocab" / f"bert-base-{name}-vocab.txt"

    texts = chosen_texts(args.only, data, {
        "SQuAD 2.0 train": lambda: squad_texts(data / "squad" / "squad-v2.0-train-rebuilt.json.gz"),
        "XQuAD": lambda: [text for texts in xquad_sources(data).values() for text in texts()],
    })

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        characters = folder / "characters.txt"
        character_vocabulary(characters, exceptions)
        scalars, *synthetic = ("all scalar values", "random strings", "naughty strings")
        english = ("SQuAD 2.0 dev", "SQuAD 2.0 train")
        runs = [
            (Model("uncased", vocab("uncased"), lower=True), (scalars, *synthetic, *english, "XQuAD")),
            (Model("cased", vocab("cased"), lower=False), (*synthetic, *english)),
            (Model("multilingual-cased", vocab("multilingual-cased"), lower=False), (*synthetic, english[0], "XQuAD")),
            (Model("uncased-accents-kept", vocab("uncased"), lower=True, strip=False), synthetic),
            (Model("cased-stripped", vocab("cased"), lower=False, strip=True, chinese=False), synthetic),
            (Model("characters-lower", characters, lower=True), (scalars, "normalization test", *synthetic)),
            (Model("characters-cased", characters, lower=False), (scalars, *synthetic)),
            (Model("characters-lower-accents-kept", characters, lower=True, strip=False), synthetic),
            (
                Model("characters-cased-stripped", characters, lower=False, strip=True, chinese=False),
                ("normalization test", *synthetic),
            ),
        ]
        comparison = Comparison(args.helper)
        for model, names in runs:
            model.write(folder)
            tokenizer = model.reference()
            for source in names:
                if source in texts:
                    comparison.run(f"{model.name}: {source}", model.directory, tokenizer, texts[source])
        if not args.only:
            compare_loading(comparison, folder)
    print("no difference" if comparison.differences == 0 else f"{comparison.differences} texts differ")
    return 0 if comparison.differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
