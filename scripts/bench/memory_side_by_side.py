"""Finds the largest micro-batch for several memory budgets on the CPU: bert-finetune's probe beside accelerate's.

  build/peers/bin/python scripts/bench/memory_side_by_side.py --model DIR --json FILE [--budgets 1 2 4] [options]

Needs torch, transformers and accelerate (hf_find_batch.py, which says how the peer is held to its budget), and Linux.
For each budget, in processes of their own, one after the other:
  ours        bert-finetune --probe-memory --memory-limit BUDGET --memory-reserve 0, which counts tensors;
  accelerate  find_executable_batch_size, held by RLIMIT_DATA to its imports plus the budget. From what it finds,
              accelerate's example accumulates effective batch // size times: the effective batch afterwards.
The second count is the stricter: it holds buffers of libraries and Python's objects besides tensors.
Both work on rows of full length in fp32 with dropout. The true maximum is the largest size that passes in a fresh
process, looked for from the size found upwards and not beyond the effective batch ("or more"): for ours two steps of
a real training in micro-batches of that size, which fits when no step is redone for want of memory; for accelerate
the execution that its search repeats.

Trials are sizes tried. Seconds are, of ours, those of the whole process and, of accelerate, those of its executions,
without imports. Each finished side of a budget is written to --json; what stands there is not measured again. The
table is printed.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

PEER = Path(__file__).with_name("hf_find_batch.py")
MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)}
WORDS = "the time year people way day man thing woman life".split()  # one token each in BERT's vocabularies
NUM_FRAME_TOKENS = 4  # [CLS], a question of one word, two [SEP]
OUT_OF_MEMORY_NOTICE = "out of memory in"
EXIT_OUT_OF_MEMORY = 71


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path, help="directory of the pretrained model")
    parser.add_argument("--json", required=True, type=Path, help="results; a file of the same settings is continued")
    parser.add_argument("--program", type=Path, default=Path("build/bert-finetune"))
    parser.add_argument("--budgets", type=float, nargs="+", default=[1, 1.5, 2, 3, 4, 6, 8], metavar="GIB")
    parser.add_argument("--effective-batch", type=int, default=128, help="features of a step")
    parser.add_argument("--length", type=int, default=384, help="tokens of every row")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def write_full_windows(path, count, length):
    """A SQuAD file of `count` questions, each with a context that makes one window of exactly `length` tokens."""
    paragraphs = []
    for i in range(count):
        words = [WORDS[(i + j) % len(WORDS)] for j in range(length - NUM_FRAME_TOKENS)]
        answer = {"text": words[0], "answer_start": 0}
        question = {"id": str(i), "question": "what", "is_impossible": False, "answers": [answer]}
        paragraphs.append({"context": " ".join(words), "qas": [question]})
    path.write_text(json.dumps({"version": "v2.0", "data": [{"title": "full windows", "paragraphs": paragraphs}]}))


def true_maximum(fits, found, failed, at_most):
    """The largest size up to `at_most` for which `fits` says yes, starting from `found`.

    `failed`, or None, did not fit during the search: sizes below it come first, itself only when they all fit.
    """
    lower, upper, step = found, at_most + 1, 1
    while upper - lower > 1:
        if upper <= at_most:
            size = (lower + upper) // 2
        elif failed and failed - lower > 1:
            size = (lower + failed) // 2
        else:
            size, step = min(lower + step, at_most), 2 * step
        if fits(size):
            lower = size
        else:
            upper = size
    if lower == found < at_most:  # itself not tried so far
        while lower > 0 and not fits(lower):
            lower -= 1
    return lower


class Ours:
    """bert-finetune: its probe, and real trainings of one size."""

    def __init__(self, arguments, directory):
        self.args = arguments
        self.directory = directory
        self.data = directory / "full-windows.json"
        write_full_windows(self.data, arguments.effective_batch, arguments.length)
        self.check_windows()

    def check_windows(self):
        done = subprocess.run(
            [self.args.program, "data", "features", self.data, "--model", self.args.model, "--set",
             f"max_seq_length={self.args.length}"], stdout=subprocess.PIPE, text=True, check=True)
        lengths = [len(json.loads(line)["input_ids"]) for line in done.stdout.splitlines()]
        if lengths != [self.args.length] * self.args.effective_batch:
            sys.exit(f"error: the windows have {sorted(set(lengths))} tokens with this model's vocabulary")

    def command(self, budget, run_directory, effective_batch):
        return [self.args.program, "--model-name-or-path", self.args.model, "--train-file", self.data,
                "--output-dir", run_directory, "--device", "cpu", "--bf16", "false",
                "--max-seq-length", str(self.args.length), "--per-device-train-batch-size", str(effective_batch),
                "--memory-limit", f"{budget}GiB", "--memory-reserve", "0",
                # Which keeps all rows of the word table in the run, as in the peer's: ten words use hardly any.
                "--weight-decay", "0.01"]

    def find(self, budget):
        with tempfile.TemporaryDirectory(dir=self.directory) as run_directory:
            begin = time.perf_counter()
            done = subprocess.run(
                self.command(budget, run_directory, self.args.effective_batch)
                + ["--probe-memory", "--probe-up-to", str(self.args.effective_batch)],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
            seconds = time.perf_counter() - begin
            if done.returncode not in (0, EXIT_OUT_OF_MEMORY):
                sys.exit(f"error: the probe ended with {done.returncode}:\n{done.stderr}")
            probe = json.loads((Path(run_directory) / "probe.json").read_text())
        trials = [{"size": t["features"], "fits": t["fits"], "phase": t["phase"], "peak_bytes": t["peak_bytes"]}
                  for t in probe["trials"]]
        return {"found": probe["micro_batch_features"], "error": None, "seconds": seconds, "trials": trials}

    def fits(self, budget, size):
        """Two steps in micro-batches of `size`; stopped as soon as the program has to shrink them."""
        effective_batch = min(2 * size, self.args.effective_batch)  # a second micro-batch meets the first's gradients
        with tempfile.TemporaryDirectory(dir=self.directory) as run_directory:
            run = subprocess.Popen(
                self.command(budget, run_directory, effective_batch)
                + ["--micro-batch-features", str(size), "--max-steps", "2"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            log = []
            for line in run.stderr:
                log.append(line)
                if OUT_OF_MEMORY_NOTICE in line:
                    run.kill()
            returncode = run.wait()
        has_shrunk = any(OUT_OF_MEMORY_NOTICE in line for line in log)
        if not has_shrunk and returncode not in (0, EXIT_OUT_OF_MEMORY):
            sys.exit(f"error: the training ended with {returncode}:\n{''.join(log)}")
        return returncode == 0 and not has_shrunk

    def effective_batch_afterwards(self, _found):
        return self.args.effective_batch


class Accelerate:
    """find_executable_batch_size, and single executions."""

    def __init__(self, arguments):
        self.args = arguments

    def run(self, budget, *more):
        done = subprocess.run(
            [sys.executable, PEER, "--model", self.args.model, "--budget-gib", str(budget), "--length",
             str(self.args.length), "--effective-batch", str(self.args.effective_batch), "--threads",
             str(self.args.threads), *more],
            env=os.environ | MALLOC, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if done.returncode > 0:
            sys.exit(f"error: {PEER.name} ended with {done.returncode}:\n{done.stderr}")
        name = signal.Signals(-done.returncode).name  # a library that does not survive a refused allocation
        return {"found": None, "error": f"died of {name}", "seconds": None, "executions": []}

    def find(self, budget):
        result = self.run(budget)
        error = result["error"]
        found = None if error and not error.startswith("No executable batch size found") else result["found"]
        return {"found": found, "error": error, "seconds": result["seconds"], "trials": result["executions"]}

    def fits(self, budget, size):
        return self.run(budget, "--try", str(size))["found"] == size

    def effective_batch_afterwards(self, found):
        return found * (self.args.effective_batch // found)


def measure(side, budget, at_most):
    """What a side finds with this budget, what that cost, and what it could have found."""
    result = side.find(budget)
    found, trials = result["found"] or 0, result["trials"]
    failed = [trial["size"] for trial in trials if not trial["fits"]]
    say(f"  finds {result['found']} by {len(trials)} trials, {len(failed)} out of memory")
    tries = []

    def fits(size):
        begin = time.perf_counter()
        answer = side.fits(budget, size)
        tries.append({"size": size, "fits": answer, "seconds": time.perf_counter() - begin})
        say(f"  {size} {'fits' if answer else 'does not fit'} in a fresh process, {tries[-1]['seconds']:.0f} s")
        return answer

    maximum = true_maximum(fits, found, min((size for size in failed if size > found), default=None), at_most)
    return result | {"out_of_memory": len(failed), "true_maximum": maximum, "true_maximum_tries": tries,
                     "effective_batch_afterwards": side.effective_batch_afterwards(found) if found else None}


def table(document):
    """The rows in Markdown."""
    at_most = document["settings"]["effective_batch"]
    columns = ["found", "true maximum", "trials", "out of memory", "s", "effective batch afterwards"]
    header = ["budget"] + [f"{side}: {columns[0]}" if name == columns[0] else name
                           for side in ("ours", "accelerate") for name in columns]
    lines = [header, ["---"] * len(header)]
    for row in sorted(document["rows"], key=lambda row: row["budget_gib"]):
        cells = [f"{row['budget_gib']:g} GiB"]
        for side in ("ours", "accelerate"):
            result = row.get(side)
            if result is None:
                cells += [""] * len(columns)
                continue
            maximum = result["true_maximum"]
            seconds = result["seconds"]
            cells += [str(result["error"] if result["found"] is None else result["found"]),
                      f"{maximum} or more" if maximum >= at_most else str(maximum), str(len(result["trials"])),
                      str(result["out_of_memory"]), "-" if seconds is None else f"{seconds:.0f}",
                      str(result["effective_batch_afterwards"] or "-")]
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def open_document(arguments):
    """The results so far: those of the file if its settings are these, else none."""
    program = subprocess.run([arguments.program, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    settings = {"model": arguments.model.absolute().name, "length": arguments.length, "precision": "fp32",
                "effective_batch": arguments.effective_batch, "device": processor(), "threads": arguments.threads,
                "program": program.stdout.strip(), "malloc": MALLOC,
                "peers": {name: version(name) for name in ("accelerate", "torch", "transformers")}}
    if arguments.json.exists():
        document = json.loads(arguments.json.read_text())
        if document["settings"] != settings:
            sys.exit(f"error: {arguments.json} was measured with other settings: {document['settings']}\n"
                     f"These are {settings}. Name another file.")
        return document
    return {"settings": settings, "rows": []}


def save(document, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(partial, path)


def main():
    arguments = parse_arguments()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    document = open_document(arguments)
    with tempfile.TemporaryDirectory(prefix="memory-side-by-side-") as directory:
        sides = {"ours": Ours(arguments, Path(directory)), "accelerate": Accelerate(arguments)}
        for budget in arguments.budgets:
            row = next((row for row in document["rows"] if row["budget_gib"] == budget), None)
            if row is None:
                row = {"budget_gib": budget}
                document["rows"].append(row)
            for name, side in sides.items():
                if name not in row:
                    say(f"{budget:g} GiB, {name}")
                    row[name] = measure(side, budget, arguments.effective_batch)
                    save(document, arguments.json)
    print(table(document))


if __name__ == "__main__":
    main()
