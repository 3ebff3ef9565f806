"""Times the data path beside its peers: tokenizer, file to features, and answers from logits.

  build/peers/bin/python scripts/bench/pipeline_peers.py --model DIR --train FILE --dev FILE [--rounds 3] [FIGURE ...]

Needs tokenizers, transformers, nanotoken, and pipeline_bench (ninja -C build pipeline_bench, with Debian's
libbenchmark-dev). Everything runs in processes of its own, one after the other, --rounds times in turn; shown are the
median and the range of each side, and the ratio of the medians.

FIGUREs, all of them unless named:
  tokenizer  the contexts and questions of --train on one core: ours and `tokenizers` with ids and offsets, nanotoken,
             where DIR has a vocab.txt, with ids alone. `first` is a process's first pass, `warm` the best of ten that
             follow, of `tokenizers` of two.
  features   --train to labelled windows at 384/128 on two cores: ours, and the steps of run_qa.py in two processes,
             which tokenize a thousand questions at a time and keep plain lists (datasets' Arrow files are left out).
  answers    n-best lists, texts and the metric of --dev from random logits: ours on one core, and the rules of run_qa's
             post-processing as tests/parity has them, in numpy.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests" / "parity")]
import hf_squad  # noqa: E402

MAX_LENGTH, STRIDE = 384, 128
QUESTIONS_AT_A_TIME = 1000
WARM_PASSES = 10


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory with the tokenizer's files")
    parser.add_argument("--train", required=True, help="SQuAD JSON file")
    parser.add_argument("--dev", required=True, help="SQuAD JSON file")
    parser.add_argument("--bench", default="build/scripts/bench/pipeline_bench", help="our program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    parser.add_argument("figures", nargs="*", metavar="FIGURE")
    arguments = parser.parse_args()
    unknown = set(arguments.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))} (there are {', '.join(FIGURES)})")
    return arguments


# ---- the peers, each in a process of its own; every worker returns {name: seconds} ----


def texts_of(path):
    questions = hf_squad.read_squad(path)
    contexts = list(dict.fromkeys(question["context"] for question in questions))
    return contexts + [question["question"] for question in questions]


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_tokenizers(arguments):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(arguments.model).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = texts_of(arguments.train)

    def encode():
        for i in range(0, len(texts), QUESTIONS_AT_A_TIME):
            tokenizer.encode_batch(texts[i : i + QUESTIONS_AT_A_TIME], add_special_tokens=False)

    # It has a cache of words for BPE alone: of WordPiece a second pass is no faster.
    return {"first": timed(encode), "warm": min(timed(encode) for _ in range(2))}


def run_nanotoken(arguments):
    import nanotoken

    tokenizer = nanotoken.Tokenizer(arguments.model)
    texts = texts_of(arguments.train)

    def encode():
        tokenizer.encode_batch(texts, add_special_tokens=False, parallel=False)

    return {"first": timed(encode), "warm": min(timed(encode) for _ in range(WARM_PASSES))}


def features_of(model, questions):
    """run_qa's prepare_train_features over `questions`."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    count = 0
    for i in range(0, len(questions), QUESTIONS_AT_A_TIME):
        batch = questions[i : i + QUESTIONS_AT_A_TIME]
        encoded = tokenizer(
            [question["question"].lstrip() for question in batch],
            [question["context"] for question in batch],
            truncation="only_second",
            max_length=MAX_LENGTH,
            stride=STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding="max_length",
        )
        for row, offsets in enumerate(encoded["offset_mapping"]):
            question = batch[encoded["overflow_to_sample_mapping"][row]]
            length = sum(encoded["attention_mask"][row])
            types = encoded.sequence_ids(row)[:length]
            hf_squad.label(offsets[:length], types, question["answers"], MAX_LENGTH, fix_last_token=True)
            count += 1
    return count


def run_run_qa(arguments):
    start = time.perf_counter()
    questions = hf_squad.read_squad(arguments.train)
    half = len(questions) // 2
    with multiprocessing.Pool(2) as pool:
        counts = pool.starmap(features_of, [(arguments.model, questions[:half]), (arguments.model, questions[half:])])
    return {"seconds": time.perf_counter() - start, "windows": sum(counts)}


def run_post_processing(arguments):
    import numpy as np
    import reference_metric
    import reference_postprocess
    from transformers import AutoTokenizer

    with open(arguments.dev, encoding="utf-8") as file:
        document = json.load(file)
    questions = hf_squad.read_squad(arguments.dev)
    features = hf_squad.make_features(questions, AutoTokenizer.from_pretrained(arguments.model), MAX_LENGTH, STRIDE)
    random = np.random.default_rng(1)
    windows = [[] for _ in questions]
    for feature in features:
        logits = random.standard_normal((2, len(feature.ids))).astype(np.float32)
        windows[feature.question].append((feature.offsets, *logits))

    def answer():
        texts, odds = {}, {}
        for question, its_windows in zip(questions, windows):
            text, _, _, null_odds = reference_postprocess.decode(question["context"], its_windows)
            texts[question["id"]], odds[question["id"]] = text, null_odds
        reference_metric.evaluate(document, texts, odds)

    return {"seconds": timed(answer)}


WORKERS = {
    "tokenizers": run_tokenizers,
    "nanotoken": run_nanotoken,
    "run_qa": run_run_qa,
    "post_processing": run_post_processing,
}


def run_worker(name, arguments, cores):
    command = [sys.executable, __file__, "--worker", name, "--model", arguments.model]
    command += ["--train", arguments.train, "--dev", arguments.dev]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    output = subprocess.run(on_cores(command, cores), stdout=subprocess.PIPE, check=True, env=environment).stdout
    return json.loads(output)


def run_ours(arguments, data, benchmark, cores, *options):
    """Seconds of one of our benchmarks, the best where it is repeated."""
    command = [arguments.bench, "--model", arguments.model, "--data", data, f"--benchmark_filter=^{benchmark}/"]
    command += ["--benchmark_format=json", *options]
    output = subprocess.run(on_cores(command, cores), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    runs = json.loads(output)["benchmarks"]
    return min(run["real_time"] for run in runs if run["run_type"] == "iteration") / 1e3


def on_cores(command, cores):
    return ["taskset", "--cpu-list", f"{os.cpu_count() - cores}-{os.cpu_count() - 1}", *command]


# ---- the figures ----


class Table:
    """Seconds of several sides over the rounds."""

    def __init__(self):
        self.seconds = {}

    def add(self, side, seconds):
        self.seconds.setdefault(side, []).append(seconds)

    def show(self, ours, describe):
        for side, values in self.seconds.items():
            middle, low, high = statistics.median(values), min(values), max(values)
            ratio = middle / statistics.median(self.seconds[ours])
            print(f"  {side:24} {describe(middle):>12}   {low:.3f} to {high:.3f} s   {ratio:7.1f} x ours", flush=True)


def compare_tokenizers(arguments):
    megabytes = sum(len(text.encode()) for text in texts_of(arguments.train)) / 1e6
    print(f"tokenizer: {megabytes:.1f} MB of contexts and questions, one core")
    table = Table()
    for _ in range(arguments.rounds):
        single_passes = ["--benchmark_min_time=0.001", f"--benchmark_repetitions={WARM_PASSES}"]
        table.add("ours, warm", run_ours(arguments, arguments.train, "encode/all", 1, *single_passes))
        table.add("ours, first", run_ours(arguments, arguments.train, "encode_first/all", 1))
        for peer in ("nanotoken", "tokenizers") if Path(arguments.model, "vocab.txt").exists() else ("tokenizers",):
            seconds = run_worker(peer, arguments, 1)
            table.add(f"{peer}, warm", seconds["warm"])
            table.add(f"{peer}, first", seconds["first"])
    table.show("ours, warm", lambda seconds: f"{megabytes / seconds:.1f} MB/s")


def compare_pair(arguments, cores, data, benchmark, peer, worker):
    """One of our benchmarks beside one worker."""
    table = Table()
    for _ in range(arguments.rounds):
        table.add("ours", run_ours(arguments, data, benchmark, cores, "--benchmark_min_time=1"))
        table.add(peer, run_worker(worker, arguments, cores)["seconds"])
    table.show("ours", lambda seconds: f"{seconds:.3f} s")


def compare_features(arguments):
    print("features: file to labelled windows, two cores")
    compare_pair(arguments, 2, arguments.train, "file_to_features", "run_qa's steps", "run_qa")


def compare_answers(arguments):
    print("answers: n-best, text and metric from logits, one core")
    compare_pair(arguments, 1, arguments.dev, "decode_and_score", "run_qa's post-processing", "post_processing")


FIGURES = {"tokenizer": compare_tokenizers, "features": compare_features, "answers": compare_answers}


def main():
    arguments = parse_arguments()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker](arguments)))
        return
    for name in arguments.figures or FIGURES:
        FIGURES[name](arguments)


if __name__ == "__main__":
    main()
