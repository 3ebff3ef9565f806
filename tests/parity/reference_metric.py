"""The official SQuAD 2.0 metric, written again from its rules: what metric_parity.py compares with.

It keeps to the arithmetic of evaluate-v2.0.py (which numbers are added in which order), so that
results can be compared to the last digit.
"""

import collections
import functools
import operator
import re
import string

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLE = re.compile(r"\b(a|an|the)\b")


def normalize(text):
    return " ".join(ARTICLE.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact(gold, prediction):
    return int(normalize(gold) == normalize(prediction))


def f1(gold, prediction):
    gold_words, words = normalize(gold).split(), normalize(prediction).split()
    if not gold_words or not words:
        return int(gold_words == words)
    same = (collections.Counter(gold_words) & collections.Counter(words)).total()
    if same == 0:
        return 0
    precision, recall = same / len(words), same / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def questions_of(document):
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            yield from paragraph["qas"]


def best_threshold(questions, predictions, scores, odds):
    """Most right answers when everything above a threshold is answered with nothing."""
    answerable = {q["id"]: bool(q["answers"]) for q in questions}
    current = best = sum(1 for has_answer in answerable.values() if not has_answer)
    threshold = 0.0
    for qid in sorted((q for q in odds if q in scores), key=odds.get):  # stable: the file's order
        if answerable[qid]:
            current += scores[qid]
        elif predictions[qid]:
            current -= 1
        if current > best:
            best, threshold = current, odds[qid]
    return 100.0 * best / len(scores), threshold


def evaluate(document, predictions, odds=None, na_prob_threshold=1.0):
    """The keys of the script in its order."""
    questions = list(questions_of(document))
    raw = {"exact": {}, "f1": {}}
    for q in questions:
        golds = [a["text"] for a in q["answers"] if normalize(a["text"])] or [""]
        raw["exact"][q["id"]] = max(exact(gold, predictions[q["id"]]) for gold in golds)
        raw["f1"][q["id"]] = max(f1(gold, predictions[q["id"]]) for gold in golds)

    def kept(metric, q):
        if odds and odds[q["id"]] > na_prob_threshold:
            return float(not q["answers"])
        return raw[metric][q["id"]]

    result = {}
    groups = {
        "": questions,
        "HasAns_": [q for q in questions if q["answers"]],
        "NoAns_": [q for q in questions if not q["answers"]],
    }
    for prefix, group in groups.items():
        if group:
            for metric in ("exact", "f1"):
                # As sum() until Python 3.11; later ones make up for rounding, which changes the last digits.
                total = functools.reduce(operator.add, (kept(metric, q) for q in group))
                result[prefix + metric] = 100.0 * total / len(group)
            result[prefix + "total"] = len(group)
    if odds:
        for metric in ("exact", "f1"):
            best, threshold = best_threshold(questions, predictions, raw[metric], odds)
            result["best_" + metric] = best
            result["best_" + metric + "_thresh"] = threshold
    return result
