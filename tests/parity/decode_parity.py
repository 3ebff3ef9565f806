"""Compares our span decoding with run_qa's rules, given the same logits.

Texts, offsets, logits, null odds and predictions have to be equal, the prediction files byte by
byte; probabilities may differ by 1e-6 of themselves, since numpy's float32 exp is its own.

usage: decode_parity.py HELPER DATA_DIR     (HELPER: the program built from eval_helper.cpp)
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tokenizers

import reference_postprocess as reference

HELPER, DATA_DIR = sys.argv[1], pathlib.Path(sys.argv[2])
SEED = 20261124
PROBABILITY_TOLERANCE = 1e-6
failures = 0
largest_deviation = 0.0


def check(name, ours, theirs):
    global failures
    if ours != theirs:
        failures += 1
        if failures <= 10:
            print(f"DIFFERENT {name}\n  ours   {ours!r:.1500}\n  theirs {theirs!r:.1500}")


def load_questions(file, limit=None):
    """(id, question tokens, context, context offsets) of a SQuAD file, uncased."""
    vocabulary = str(DATA_DIR / "vocab/bert-base-uncased-vocab.txt")
    tokenizer = tokenizers.BertWordPieceTokenizer(vocabulary, lowercase=True)
    document = json.loads((DATA_DIR / file).read_text(encoding="utf-8"))
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            offsets = tokenizer.encode(paragraph["context"], add_special_tokens=False).offsets
            for qa in paragraph["qas"]:
                if limit == 0:
                    return
                limit = None if limit is None else limit - 1
                num_tokens = len(tokenizer.encode(qa["question"], add_special_tokens=False).ids)
                yield str(qa["id"]), num_tokens, paragraph["context"], offsets


def draw_logits(rng, length):
    """Start and end logits as models make them, and as they never should."""
    kind = rng.choice(["flat", "peaked", "ties", "equal", "no answer", "huge"])
    logits = rng.normal(0, 3, (2, length))
    if kind == "peaked":
        logits[:, rng.integers(0, length, 2)] += 15
        logits[:, 0] += rng.choice([0, 14])
    elif kind == "ties":
        logits = np.round(logits)
    elif kind == "equal":
        logits[:] = rng.choice([0.0, -1.25])
    elif kind == "no answer":
        logits[:, 0] += 20
    elif kind == "huge":
        logits *= 1e4
    return logits.astype(np.float32)


def random_windows(rng, num_question_tokens, num_context_tokens, max_length, overlap):
    room = max_length - 3 - num_question_tokens
    begin = 0
    while True:
        num_tokens = min(room, num_context_tokens - begin)
        start, end = draw_logits(rng, 3 + num_question_tokens + num_tokens)
        yield {"begin": begin, "num_tokens": num_tokens, "start": start, "end": end}
        if begin + num_tokens >= num_context_tokens:
            return
        begin += room - overlap


def random_questions(rng, file, max_length, overlap, limit=None):
    for qid, num_question_tokens, context, offsets in load_questions(file, limit):
        windows = list(random_windows(rng, num_question_tokens, len(offsets), max_length, overlap))
        yield {"id": qid, "num_question_tokens": num_question_tokens, "context": context, "context_offsets": offsets, "windows": windows}


def golden_questions():
    """The shipped logits, on the windows of Google's rules: a step of 64, questions cut at 32."""
    folder = DATA_DIR / "tokenizer"
    by_id = {qid: (context, offsets) for qid, _, context, offsets in load_questions("squad/squad-v2.0-tiny.json")}
    questions = {}
    with (folder / "golden-features-tiny-192-64-32.jsonl").open() as features, (folder / "golden-logits-tiny.jsonl").open() as logits:
        for feature, values in zip(map(json.loads, features), map(json.loads, logits), strict=True):
            assert (feature["qid"], feature["span"]) == (values["qid"], values["span"])
            context, offsets = by_id[feature["qid"]]
            question = questions.setdefault(
                feature["qid"],
                {
                    "id": feature["qid"],
                    "num_question_tokens": feature["first_doc_token"] - 2,
                    "context": context,
                    "context_offsets": offsets,
                    "windows": [],
                },
            )
            start, end = (np.array(values[key][: len(feature["ids"])], np.float32) for key in ("start", "end"))
            num_tokens = len(feature["ids"]) - feature["first_doc_token"] - 1
            question["windows"].append({"begin": 64 * feature["span"], "num_tokens": num_tokens, "start": start, "end": end})
    return questions.values()


def reference_windows(question):
    for w in question["windows"]:
        inside = question["context_offsets"][w["begin"] : w["begin"] + w["num_tokens"]]
        yield [None] * (2 + question["num_question_tokens"]) + inside + [None], w["start"], w["end"]


def same_n_best(ours, theirs):
    """Equal keys in equal order and equal values, but for rounding of the probabilities."""
    global largest_deviation
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs):
        deviation = abs(a["probability"] - b["probability"]) / max(b["probability"], np.finfo(np.float32).tiny)
        largest_deviation = max(largest_deviation, deviation)
        if not deviation <= PROBABILITY_TOLERANCE or list({**a, "probability": 0}.items()) != list({**b, "probability": 0}.items()):
            return False
    return True


def compare(name, questions, n_best_size=20, max_answer_length=30, threshold=0.0, with_negative=True):
    questions = list(questions)
    with tempfile.TemporaryDirectory() as folder_name:
        folder = pathlib.Path(folder_name)
        with (folder / "questions.jsonl").open("w", encoding="utf-8") as lines:
            for question in questions:
                lines.write(json.dumps(question, default=np.ndarray.tolist) + "\n")
        command = [HELPER, "decode", str(folder / "questions.jsonl"), str(folder)]
        command += [str(n_best_size), str(max_answer_length), repr(threshold), "v2" if with_negative else "v1"]
        offsets = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        files = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("eval_*")}

    texts, null_odds = {}, {}
    n_best_file = files["eval_nbest_predictions.json"]
    our_n_best = json.loads(n_best_file)
    for question, our_offsets in zip(questions, offsets, strict=True):
        text, n_best, places, odds = reference.decode(
            question["context"], list(reference_windows(question)), n_best_size, max_answer_length, threshold, with_negative
        )
        where = f"{name}, question {question['id']}"
        texts[question["id"]], null_odds[question["id"]] = text, odds
        check(where + ", offsets", json.loads(our_offsets), [list(place) for place in places])
        if not same_n_best(our_n_best[question["id"]], n_best):
            check(where + ", n-best", our_n_best[question["id"]], n_best)
    check(name + ", predictions file", files["eval_predictions.json"], json.dumps(texts, indent=4) + "\n")
    check(name + ", form of the n-best file", n_best_file, json.dumps(our_n_best, indent=4) + "\n")
    odds_file = json.dumps(null_odds, indent=4) + "\n" if with_negative else None
    check(name + ", null odds file", files.get("eval_null_odds.json"), odds_file)
    answered = sum(1 for text in texts.values() if text)
    print(f"{name}: {len(questions):,} questions, {sum(len(q['windows']) for q in questions):,} windows, {answered:,} answered")


def main():
    rng = np.random.default_rng(SEED)
    tiny = "squad/squad-v2.0-tiny.json"
    compare("dev-1k, 384/128", random_questions(rng, "squad/squad-v2.0-dev-1k.json", 384, 128))
    compare("dev-1k, 128/64, v1.1 rules", random_questions(rng, "squad/squad-v2.0-dev-1k.json", 128, 64, 300), with_negative=False)
    compare("golden logits", golden_questions())
    compare("tiny, many windows", random_questions(rng, tiny, 64, 20), threshold=-3.1)
    compare("tiny, n-best of one", random_questions(rng, tiny, 384, 128), n_best_size=1, threshold=2.5)
    compare("tiny, n-best of one, v1.1 rules", random_questions(rng, tiny, 384, 128), n_best_size=1, with_negative=False)
    compare("tiny, all positions", random_questions(rng, tiny, 96, 32), n_best_size=150, max_answer_length=3)
    for language in ("hi", "zh", "ar"):
        file = f"qa-extra/xquad.{language}.json"
        compare(f"xquad.{language}", random_questions(rng, file, 256, 128, 60), max_answer_length=8)
    print(f"largest deviation of a probability: {largest_deviation:.2g} of itself")
    print("decode parity:", "FAILED" if failures else "all equal")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
