"""Compares our ALBERT tokenizer with transformers' AlbertTokenizer: ids and offsets in code points.

usage: build/peers/bin/python tests/parity/albert_parity.py HELPER [--only NAME]

HELPER is the program made of tokenizer_dump.cpp. The data are found through BERTFT_DATA_DIR.
The other side is a tokenizer.json whose added tokens are the five special ones and whose scores
are lowered for pieces that end in a digit and a comma. Prints one line per
comparison and leaves with 1 when other texts differ than those that are known to, with 77
(skipped) without data.
"""

import base64
import json
import os
import re
import struct
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

import numpy as np
from tokenizer_parity import (
    FLAGS,
    SCALARS,
    Comparison,
    arguments_and_data,
    chosen_texts,
    expected,
    first_difference,
    ours,
    parts,
    xquad_sources,
)

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import AutoTokenizer  # noqa: E402

SPECIAL = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
SYMBOLS = ["(", ")", '"', "-", ".", "\u2013", "\u00a3", "\u20ac"]


def fields(message):
    """(number, value) of a protobuf message; fixed ones as bytes."""

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    at = 0
    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield key >> 3, message[at : at + size]
        at += size


def read_spiece(path):
    """[(piece, score)], charsmap"""
    pieces, charsmap = [], b""
    for number, value in fields(path.read_bytes()):
        if number == 1:
            piece = dict(fields(value))
            pieces.append((piece[1].decode(), struct.unpack("<f", piece[2])[0]))
        if number == 3:
            charsmap = dict(fields(value)).get(2, b"")
    return pieces, charsmap


def lowered(pieces):
    is_lowered = lambda text: len(text) > 1 and text[-1] == "," and text[-2].isdigit()
    return [(text, score - 100 if is_lowered(text) else score) for text, score in pieces]


def tokenizer_json(pieces, charsmap=b"", added=SPECIAL, mask=None):
    ids = {text: i for i, (text, _) in enumerate(pieces)}
    tokens = [{"id": ids[t], "content": t, **FLAGS, **((mask or {}) if t == "[MASK]" else {})} for t in added]
    special = lambda token, kind: {"SpecialToken": {"id": token, "type_id": kind}}
    sequence = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
    frame = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    precompiled = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    return {
        "version": "1.0",
        "added_tokens": tokens,
        "normalizer": {"type": "Sequence", "normalizers": [precompiled]} if charsmap else None,
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": frame,
            "pair": frame + [sequence("B", 1), special("[SEP]", 1)],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 1, "vocab": [list(p) for p in pieces], "byte_fallback": False},
    }


def write_model(directory, json_file=None, spiece=None, **config):
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"model_type": "albert"}))
    return write_tokenizer(directory, json_file, spiece, **config)


def write_tokenizer(directory, json_file=None, spiece=None, **config):
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "AlbertTokenizer", **config}))
    if json_file:
        (directory / "tokenizer.json").write_text(json.dumps(json_file))
    if spiece:
        (directory / "spiece.model").symlink_to(spiece)
    return directory


def character_pieces():
    """A vocabulary of single characters, so that the ids show what each was normalized to."""
    chars = [chr(c) for c in SCALARS if unicodedata.category(chr(c)) not in ("Co", "Cn")]
    chars = sorted({c for c in chars} | {c.lower() for c in chars if len(c.lower()) == 1} | set("\u2581"))
    return [(t, 0.0) for t in SPECIAL] + [(c, -8.0) for c in chars if c != "\0"]


LOADING_TEXTS = [
    "Hello World's ``quoted'' 'x' '''' ```", "9,000 2,5 10,000,000, 1,", "a [MASK] b[MASK]c \u3000[MASK]x",
    "[mask] [CLS] [SEP]x", "<pad><unk> <PAD> <UNK>\u4e00 \u4e00<UNK>", "a\u2581b \u2581 \u2581\u2581c",
    "(a) \"b\" - c. 5\u20ac \u00a35", "\u00a8x \u00bd \ufb01n \ufdfa", "cafe\u0301 CAF\u00c9 \u0130stanbul \u03a3\u03c2",
    "", " ", "\u0301", "\u200b", "a\u200bb \ufeffx", "x\r\ny\tz\u00a0w\u2028v", "\ud55c\uad6d", "a\u200c b",
]


def loading_cases(spiece):
    """name, files and settings, whether the other side reads a tokenizer.json that stands for them."""
    pieces, charsmap = read_spiece(spiece)
    plain = tokenizer_json(lowered(pieces), charsmap)
    raw = tokenizer_json(pieces, charsmap, SPECIAL + SYMBOLS)
    mask = {"4": {"content": "[MASK]", **FLAGS, "lstrip": True}}
    yield "spiece.model", dict(spiece=spiece), plain
    yield "tokenizer.json", dict(json_file=plain), None
    yield "both", dict(json_file=plain, spiece=spiece), None
    untyped = {key: value for key, value in plain["model"].items() if key != "type"}
    yield "tokenizer.json whose model has no type", dict(json_file={**plain, "model": untyped}), None
    yield "no charsmap", dict(json_file=tokenizer_json(lowered(pieces))), None
    yield "symbols as added tokens", dict(json_file=raw), None
    yield "[MASK] takes spaces", dict(json_file=tokenizer_json(lowered(pieces), mask={"lstrip": True})), None
    yield "added_tokens_decoder", dict(json_file=plain, added_tokens_decoder=mask), None
    yield "cased", dict(json_file=plain, do_lower_case=False), None
    yield "accents kept", dict(json_file=plain, keep_accents=True), None
    yield "cased, accents kept", dict(json_file=plain, do_lower_case=False, keep_accents=True), None
    yield "remove_space false", dict(json_file=plain, remove_space=False), None
    yield "AlbertTokenizerFast", dict(json_file=plain, tokenizer_class="AlbertTokenizerFast"), None
    yield "no class named", dict(json_file=plain, tokenizer_class=None), None


# What differs, and why, by comparison: (texts with near ties, texts whose offsets alone differ).
#
# Near ties: the library adds scores in steps and in single precision, the crate in double. Each text
# has a word whose two best splits are nearer to each other than MAX_TIE; this is checked.
# Offsets: the crate loses count of what the charsmap removes at the very beginning of a text, or
# behind an added token, and gives every token after it too small an offset. Ours are right: they
# equal the crate's once something stands before the text, which is checked of each.
KNOWN = {
    "spiece.model: SQuAD 2.0 dev": (2, 0),
    "spiece.model: xquad.es.json": (10, 0),
    "spiece.model: random strings": (0, 405),
    "no charsmap: SQuAD 2.0 dev": (2, 0),
    "symbols as added tokens: random strings": (0, 439),
    "characters, charsmap: random strings": (0, 405),
    "characters, charsmap, cased, accents kept: random strings": (0, 393),
}
MAX_TIE = 2e-4


class UnigramComparison(Comparison):
    known = KNOWN

    def compare(self, directory, other, texts, names, pieces):
        """Of the texts of these names, and of those for loading once more with what transformers saves."""
        theirs = AutoTokenizer.from_pretrained(str(other))
        names = [source for source in names if source in texts]
        tables = iter(ours(self.helper, directory, [text for source in names for text in texts[source]]))
        for source in names:
            self.run(f"{directory.name}: {source}", theirs, texts[source], tables, pieces)
        saved = directory.with_name(f"{directory.name}, saved again")
        theirs.save_pretrained(str(saved))
        if "loading" in texts:
            self.run(saved.name, theirs, texts["loading"], iter(ours(self.helper, saved, texts["loading"])), pieces)

    def run(self, title, theirs, texts, tables, pieces):
        begin = time.monotonic()
        ties = shifted = bad = 0
        backend = theirs.backend_tokenizer
        for part in parts(texts):
            encodings = backend.encode_batch(part, add_special_tokens=False)
            for text, want, got in zip(part, expected(encodings), tables):
                if np.array_equal(got, want):
                    continue
                same_ids = np.array_equal(got[:, 0], want[:, 0])
                if same_ids and self.is_shifted(backend, text, got):
                    shifted += 1
                elif not same_ids and (tie := near_tie(pieces, got[:, 0], want[:, 0])):
                    ties += 1
                    print(f"  TIE {title}: {tie}")
                else:
                    bad += 1
                    if bad <= 3:
                        print(f"  DIFFERS {title}: {first_difference(text, got, want)}")
        known = self.known.get(title, (0, 0))
        if bad or (ties, shifted) != known:
            self.differences += 1
            print(f"  EXPECTED {title}: {known} texts to differ")
        seconds = time.monotonic() - begin
        counts = f"{len(texts):7} texts, near ties {ties}, offsets {shifted}, {bad} differ"
        print(f"{title:66} {counts}, {seconds:5.1f} s", flush=True)

    @staticmethod
    def is_shifted(backend, text, got):
        """Whether ours are the offsets of a text that does not begin with what is removed."""
        added = [token.content for token in backend.get_added_tokens_decoder().values()]
        skipped = len(backend.encode("a", add_special_tokens=False).ids)
        parts = re.split("(" + "|".join(map(re.escape, added)) + ")", text)
        chars, want = 0, []
        for part in parts:
            if part not in added and part:
                encoding = backend.encode("a\n" + part, add_special_tokens=False)
                want += [(b + chars - 2, e + chars - 2) for b, e in encoding.offsets[skipped:]]
            elif part:
                want.append((chars, chars + len(part)))
            chars += len(part)
        return [tuple(row) for row in got[:, 1:3].tolist()] == want


def words(pieces, ids):
    """The ids by words, each of which begins with U+2581 (an added token joins the word before it)."""
    result = [[]]
    for i in ids:
        if pieces[i][0].startswith("\u2581"):
            result.append([])
        result[-1].append(i)
    return result


def near_tie(pieces, got, want):
    """The words that were split otherwise, when each has two splits that are as good; else nothing."""
    a, b = words(pieces, got), words(pieces, want)
    score = lambda ids: sum(pieces[i][1] for i in ids)
    texts = lambda ids: [pieces[i][0] for i in ids]
    different = [(x, y) for x, y in zip(a, b) if x != y]
    is_tie = lambda x, y: "".join(texts(x)) == "".join(texts(y)) and abs(score(x) - score(y)) <= MAX_TIE
    if len(a) != len(b) or not all(is_tie(x, y) for x, y in different):
        return ""
    return "; ".join(f"{texts(x)} or {texts(y)}, {abs(score(x) - score(y)):.1g} apart" for x, y in different)


def main():
    args, data = arguments_and_data(__doc__)
    spiece = data / "vocab" / "albert-layout-30k.model"
    texts = chosen_texts(args.only, data, {"loading": lambda: LOADING_TEXTS, **xquad_sources(data)})

    pieces = read_spiece(spiece)[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        comparison = UnigramComparison(args.helper)

        def compare(title, model, stand_in, names, vocabulary=lowered(pieces)):
            directory = write_model(folder / title, **model)
            other = write_model(folder / (title + "'"), stand_in) if stand_in else directory
            comparison.compare(directory, other, texts, names, vocabulary)

        real = [name for name in texts if name not in ("normalization test", "all scalar values", "loading")]
        for title, model, stand_in in loading_cases(spiece):
            plain = ["SQuAD 2.0 dev", "naughty strings", "random strings"]
            names = {"spiece.model": real, "no charsmap": plain, "symbols as added tokens": ["random strings"]}
            vocabulary = pieces if "symbols" in title else lowered(pieces)
            compare(title, model, stand_in, names.get(title, []) + ["loading"], vocabulary)
        characters, charsmap = character_pieces(), read_spiece(spiece)[1]
        every_char, short = ["all scalar values", "normalization test"], ["naughty strings", "random strings", "loading"]
        for title, table, settings, names in (
            ("characters", b"", {}, every_char + short),
            ("characters, charsmap", charsmap, {}, short),
            ("characters, charsmap, cased, accents kept", charsmap, dict(do_lower_case=False, keep_accents=True),
             every_char[:1] + short),
        ):
            compare(title, dict(json_file=tokenizer_json(characters, table), **settings), None, names, characters)
    print("as expected" if comparison.differences == 0 else f"{comparison.differences} comparisons are not as expected")
    return 0 if comparison.differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
