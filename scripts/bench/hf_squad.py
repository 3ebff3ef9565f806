"""SQuAD features made by the Hugging Face tokenizer with run_qa.py's rules (shared by the Python peers).

Not a program. Needs transformers and numpy.
"""

import json
from dataclasses import dataclass

import numpy as np


@dataclass
class Feature:
    """One window, without padding. `offsets` is None outside the context, in code points inside."""

    question: int
    ids: np.ndarray
    types: np.ndarray
    offsets: list
    start: int
    end: int


def read_squad(path, limit=None):
    """The questions of a SQuAD JSON file in file order: dicts with id, question, context, answers."""
    with open(path, encoding="utf-8") as file:
        articles = json.load(file)["data"]
    questions = [
        {"id": qa["id"], "question": qa["question"], "context": paragraph["context"], "answers": qa["answers"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return questions[:limit]


def label(offsets, types, answers, padded_length, fix_last_token):
    """Start and end token of the first answer in this window, 0, 0 when it does not lie in it.

    run_qa walks right over every offset that begins at or before the answer. The (0, 0) offsets of
    the closing [SEP] and of the pads satisfy that too, so an answer that begins in the window's last
    context token is labelled with the last position; `fix_last_token` stops at the context's end.
    """
    if not answers:
        return 0, 0
    answer_start = answers[0]["answer_start"]
    answer_end = answer_start + len(answers[0]["text"])
    last = len(offsets) - 2
    first = types.index(1)
    if last < first or offsets[first][0] > answer_start or offsets[last][1] < answer_end:
        return 0, 0
    start = first
    while start <= last and offsets[start][0] <= answer_start:
        start += 1
    if start > last and not fix_last_token:
        start = max(padded_length, len(offsets))
    end = last
    while offsets[end][1] >= answer_end:
        end -= 1
    return start - 1, end + 1


def make_features(questions, tokenizer, max_length=384, stride=128, padded_length=0, fix_last_token=False):
    """Every window of every question. `padded_length` only moves the label described at `label`."""
    max_length = min(max_length, tokenizer.model_max_length)
    features = []
    for index, question in enumerate(questions):
        encoded = tokenizer(
            question["question"].lstrip(),
            question["context"],
            truncation="only_second",
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for ids, types, offsets in zip(encoded["input_ids"], encoded["token_type_ids"], encoded["offset_mapping"]):
            start, end = label(offsets, types, question["answers"], padded_length, fix_last_token)
            in_context = [o if t == 1 else None for o, t in zip(offsets[:-1], types)] + [None]
            features.append(
                Feature(index, np.array(ids, np.int64), np.array(types, np.int64), in_context, start, end)
            )
    return features
