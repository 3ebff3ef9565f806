"""run_qa's span decoding, written again from its rules: what decode_parity.py compares with.

Logits are float32 arrays; all arithmetic is numpy's, so that scores are float32 as in run_qa.
Between equal logits the highest position comes first (numpy.argsort leaves that open).
"""

import numpy as np


def top_positions(logits, n):
    return np.argsort(logits, kind="stable")[::-1][:n]


def spans_of(offsets, start, end, n_best_size, max_answer_length):
    """Candidates of one window; offsets[i] is None outside the context."""
    in_context = np.array([o is not None for o in offsets])
    grid = np.meshgrid(top_positions(start, n_best_size), top_positions(end, n_best_size), indexing="ij")
    s, e = (axis.ravel() for axis in grid)
    keep = in_context[s] & in_context[e] & (e >= s) & (e - s + 1 <= max_answer_length)
    return [
        {"offsets": (offsets[i][0], offsets[j][1]), "score": start[i] + end[j], "start_logit": start[i], "end_logit": end[j]}
        for i, j in zip(s[keep], e[keep])
    ]


def decode(context, windows, n_best_size=20, max_answer_length=30, threshold=0.0, with_negative=True):
    """windows: (offsets, start logits, end logits) each. Returns (text, n-best, offsets of the n-best, null odds)."""
    spans, null = [], None
    for offsets, start, end in windows:
        score = start[0] + end[0]
        if null is None or null["score"] > score:
            null = {"offsets": (0, 0), "score": score, "start_logit": start[0], "end_logit": end[0]}
        spans += spans_of(offsets, start, end, n_best_size, max_answer_length)
    if with_negative:
        spans.append(null)
    n_best = sorted(spans, key=lambda s: -s["score"])[:n_best_size]
    if with_negative and null not in n_best:
        n_best.append(null)

    # In the order of run_qa's keys.
    entries = [
        {"start_logit": s["start_logit"], "end_logit": s["end_logit"], "text": context[slice(*s["offsets"])]} for s in n_best
    ]
    places = [s["offsets"] for s in n_best]
    scores = [s["score"] for s in n_best]
    if [e["text"] for e in entries] in ([], [""]):
        entries.insert(0, {"text": "empty", "start_logit": 0.0, "end_logit": 0.0})
        places.insert(0, (0, 0))
        scores.insert(0, 0.0)  # a Python float: the softmax turns to float64

    exponentials = np.exp(np.array(scores) - np.max(scores))
    for entry, probability in zip(entries, exponentials / exponentials.sum()):
        entry["probability"] = probability

    best = next(e for e in entries if e["text"] or not with_negative)
    text, null_odds = best["text"], None
    if with_negative:
        null_odds = null["score"] - best["start_logit"] - best["end_logit"]
        if null_odds > threshold:
            text = ""
    entries = [{k: v if isinstance(v, str) else float(v) for k, v in e.items()} for e in entries]
    return text, entries, places, None if null_odds is None else float(null_odds)
