"""Compares our windows, offsets and labels with run_qa.py's steps on transformers' fast tokenizer.

usage: features_parity.py BERT_FINETUNE DATA_DIR MODEL_DIR

The program's `data features` prints a JSON line per window. The other side follows the
description of run_qa.py's preprocessing (question, context, truncation of the second only,
overlap, labels by character offsets) without padding, as we have none.
"""

import gc
import json
import pathlib
import subprocess
import sys
import tempfile

import transformers

gc.disable()  # nothing here forms cycles; to look for them among millions of lists takes a third of the time

PROGRAM, DATA_DIR = sys.argv[1], pathlib.Path(sys.argv[2])
MAX_SHOWN = 5
failures = 0


def use_model(directory):
    global MODEL_DIR, TOKENIZER
    MODEL_DIR = str(directory)
    TOKENIZER = transformers.AutoTokenizer.from_pretrained(MODEL_DIR, use_fast=True)


def read_questions(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                yield qa["id"], qa["question"].lstrip(), paragraph["context"], qa["answers"]


def label(offsets, types, answers, fix_last_token_label):
    """Start and end of the first answer; `types` is None outside the two texts."""
    if not answers:
        return 0, 0
    answer_begin = answers[0]["answer_start"]
    answer_end = answer_begin + len(answers[0]["text"])
    first, last = types.index(1), len(types) - 1 - types[::-1].index(1)
    if offsets[first][0] > answer_begin or offsets[last][1] < answer_end:
        return 0, 0
    limit = last + 1 if fix_last_token_label else len(offsets)
    start = first
    while start < limit and offsets[start][0] <= answer_begin:
        start += 1
    end = last
    while offsets[end][1] >= answer_end:
        end -= 1
    return start - 1, end + 1


def their_windows(path, token_types, max_seq_length, doc_stride, fix_last_token_label):
    rows = list(read_questions(path))
    encoded = TOKENIZER(
        [row[1] for row in rows],
        [row[2] for row in rows],
        truncation="only_second",
        max_length=max_seq_length,
        stride=doc_stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=token_types,  # which AlbertTokenizer leaves out unasked
        padding=False,
    )
    num_windows = [0] * len(rows)
    for i, row_idx in enumerate(encoded["overflow_to_sample_mapping"]):
        question_id, _, _, answers = rows[row_idx]
        types, offsets = encoded.sequence_ids(i), encoded["offset_mapping"][i]
        start, end = label(offsets, types, answers, fix_last_token_label)
        yield {
            "id": question_id,
            "window": num_windows[row_idx],
            "input_ids": encoded["input_ids"][i],
            "token_type_ids": encoded["token_type_ids"][i] if token_types else [0] * len(types),
            "offsets": [list(o) if t == 1 else None for o, t in zip(offsets, types, strict=True)],
            "start": start,
            "end": end,
        }
        num_windows[row_idx] += 1


def our_windows(path, options):
    command = [PROGRAM, "data", "features", str(path), "--model", MODEL_DIR]
    for key, value in options.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def compare(path, num_windows=None, known_different=0, token_types=True, **options):
    """`known_different` windows differ for a reason that is checked elsewhere; without `token_types` a model gets 0."""
    global failures
    settings = {"max_seq_length": 384, "doc_stride": 128, "fix_last_token_label": True} | options
    ours, theirs = our_windows(path, options), list(their_windows(path, token_types, **settings))
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    for a, b in different[: MAX_SHOWN if len(different) != known_different else 0]:
        fields = [key for key in b if a.get(key) != b[key]]
        print(f"DIFFERENT {path.name} {b['id']} window {b['window']}: {', '.join(fields)}")
        print(f"  ours   {a}\n  theirs {b}")
    if len(ours) != len(theirs) or (num_windows is not None and len(ours) != num_windows):
        print(f"DIFFERENT {path.name}: {len(ours):,} windows, theirs {len(theirs):,}, expected {num_windows}")
        failures += 1
    failures += len(different) != known_different
    at_sep = sum(w["start"] > w["end"] for w in theirs)
    print(f"{path.name} {options}: {len(theirs):,} windows, {len(different)} differ, {at_sep} labelled by the quirk")


def excerpt(path, directory, num_paragraphs):
    """The first paragraphs of a file as a file of its own."""
    document = json.loads(path.read_text(encoding="utf-8"))
    article = document["data"][0]
    article["paragraphs"] = article["paragraphs"][:num_paragraphs]
    document["data"] = [article]
    small = pathlib.Path(directory) / f"first-{num_paragraphs}-of-{path.name}"
    small.write_text(json.dumps(document), encoding="utf-8")
    return small


def main():
    use_model(sys.argv[3])
    squad = DATA_DIR / "squad"
    compare(squad / "squad-v2.0-dev.json", num_windows=12134)
    compare(squad / "squad-v2.0-tiny.json", num_windows=51)
    with tempfile.TemporaryDirectory() as directory:
        v1 = excerpt(squad / "squad-v1.1-dev.json", directory, 20)
        compare(v1)
        # Short windows: many of them, and answers in the last context token.
        for fix in (True, False):
            compare(v1, max_seq_length=64, doc_stride=16, fix_last_token_label=fix)
    compare(DATA_DIR / "qa-extra" / "xquad.zh.json", max_seq_length=128, doc_stride=32)
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
