"""Compares our metric with the official one's rules, every number to the last digit.

usage: metric_parity.py HELPER DATA_DIR     (HELPER: the program built from eval_helper.cpp)
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import reference_metric as reference

HELPER, DATA_DIR = sys.argv[1], pathlib.Path(sys.argv[2])
SEED = 20261124
failures = 0


def check(name, ours, theirs):
    global failures
    if ours == theirs:
        return
    failures += 1
    print(f"DIFFERENT {name}\n  ours   {ours!r}\n  theirs {theirs!r}")


def ours_normalized(texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([HELPER, "normalize"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# The code points of this Python's Unicode; utf8proc knows some later ones.
ASSIGNED = [
    chr(c)
    for c in range(0x110000)
    if unicodedata.category(chr(c)) not in ("Cn", "Cs")
]
# Where the rules meet: articles, cases, sigmas, white space of every kind, marks, joiners.
PIECES = (
    ["a", "an", "the", "A", "AN", "The", "THE", "tHe", "thea", "an_", "_a", "b", "Zebra", "1", "²", "½", "Ⅷ", "ⓐ", "あ"]
    + ["Σ", "σ", "ς", "ΑΣ", "ΟΔΟΣ", "İ", "I", "ı", "ß", "ẞ", "ǅ", "Ǆ", "ﬁ", "K", "Å", "Ω", "ª", "ʰ", "ͅ", "🅰", "𝐀"]
    + [" ", "\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f"]
    + ["\u3000", "\u200b", "\u200c", "\u200d", "\ufeff", "\u00ad", "\u180e", "\u0301", "\u0307", "\u20dd", "\u05b9"]
    + list("'.,:;-_$()[]\"`~^") + ["’", "‘", "·", "“", "—", "…", "、", "٫", "״", "．"]
)


def check_normalization(rng):
    texts = ["{0} a{0} {0}the b{0}b AΣ{0}B A{0}Σ AΣ{0}".format(c) for c in ASSIGNED] + ASSIGNED
    texts += ["".join(rng.choices(PIECES, k=rng.randrange(12))) for _ in range(60000)]
    texts += json.loads((DATA_DIR / "corpora/naughty-strings/blns.json").read_text(encoding="utf-8"))
    for text, ours in zip(texts, ours_normalized(texts), strict=True):
        check(f"normalize({text!r})", ours, reference.normalize(text))
    print(f"normalize: {len(texts):,} texts, {len(ASSIGNED):,} code points")


def distorted(rng, text):
    """A gold answer as a careless or a hostile model would put it."""
    words = text.split(" ")
    return rng.choice(
        [
            lambda: text.upper(),
            lambda: "the " + text + ".",
            lambda: f"“{text}”",
            lambda: "\u3000".join(words) + "\xa0",
            lambda: "\u200b" + text,
            lambda: " ".join(words[: len(words) // 2]),
            lambda: " ".join(words + words),
            lambda: " ".join(rng.sample(words, len(words)) + ["İΣ", "a", "ΑΣ"]),
            lambda: text.replace("a", "á"),
            lambda: "".join(rng.choices(PIECES, k=4)) + text,
        ]
    )()


def adversarial_predictions(rng, questions):
    predictions = {}
    for q in questions:
        golds = [a["text"] for a in q["answers"]] or ["nothing"]
        kind = rng.random()
        if kind < 0.3:
            predictions[q["id"]] = rng.choice(golds)
        elif kind < 0.6:
            predictions[q["id"]] = distorted(rng, rng.choice(golds))
        elif kind < 0.8:
            predictions[q["id"]] = ""
        else:
            predictions[q["id"]] = rng.choice(["the", ".", "\u3000", "\u200b", "an a the", "".join(rng.choices(PIECES, k=5))])
    predictions["not in the data set"] = "ignored"
    return predictions


def null_odds(rng, questions, kind):
    draw = {
        "distinct": lambda: rng.gauss(0, 5),
        "ties": lambda: rng.choice([-2.5, -0.0, 0.0, 0.5, 1.0, 1.5]),
        "all equal": lambda: 0.0,
        "probabilities": rng.random,
    }[kind]
    ids = [q["id"] for q in questions] + ["not in the data set"]
    rng.shuffle(ids)  # equal odds count in the file's order
    return {qid: draw() for qid in ids}


def with_strange_golds(document):
    """Gold answers that normalise to nothing, or meet the Unicode rules."""
    strange = ["the", "...", "\u3000", "İstanbul", "ΟΔΟΣ", "the ΟΔΟΣ.", "a\u200bb", "\u200b", "naïve a\u0301"]
    for i, q in enumerate(reference.questions_of(document)):
        if i % 7 == 0:
            q["answers"] = [{"text": strange[(i // 7 + j) % len(strange)], "answer_start": 0} for j in range(1 + i % 2)]
    return document


def check_scores(rng, name, data_path, document, folder, kinds=(None, "distinct", "ties", "all equal", "probabilities")):
    questions = list(reference.questions_of(document))
    predictions_path, odds_path = folder / "predictions.json", folder / "odds.json"
    rounds = 0
    for kind in kinds:
        for threshold in (1.0,) if kind is None else (1.0, -1.5, float("inf")):
            predictions = adversarial_predictions(rng, questions)
            predictions_path.write_text(json.dumps(predictions), encoding="utf-8")
            command = [HELPER, "score", str(data_path), str(predictions_path)]
            odds = None
            if kind is not None:
                odds = null_odds(rng, questions, kind)
                odds_path.write_text(json.dumps(odds), encoding="utf-8")
                command += [str(odds_path), repr(threshold)]
            ours = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            theirs = reference.evaluate(document, predictions, odds, threshold)
            # As text: order of the keys, integers against floats, every digit.
            check(f"{name}, odds {kind}, threshold {threshold}", json.dumps(ours), json.dumps(theirs))
            rounds += 1
    print(f"{name}: {rounds} scorings of {len(questions):,} questions")


def main():
    rng = random.Random(SEED)
    check_normalization(rng)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, kinds in (("squad-v2.0-dev.json", (None, "distinct", "ties")), ("squad-v1.1-dev.json", (None, "ties"))):
            path = DATA_DIR / "squad" / file
            check_scores(rng, file, path, json.loads(path.read_text(encoding="utf-8")), folder, kinds)
        path = folder / "strange.json"
        document = json.loads((DATA_DIR / "squad/squad-v2.0-dev-1k.json").read_text(encoding="utf-8"))
        path.write_text(json.dumps(with_strange_golds(document)), encoding="utf-8")
        check_scores(rng, "dev-1k with strange gold answers", path, document, folder)
    print("metric parity:", "FAILED" if failures else "all equal")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
