"""The program as a subprocess, with a BERT model and SQuAD files so small that a run takes a second.

Environment: BERTFT_BINARY names the program (else build/bert-finetune of this checkout). Tests that
need BERTFT_DATA_DIR or BERTFT_MINILM_DIR skip without. Those that trace or mount skip where the system forbids it;
where strace is not installed they skip, too, unless BERTFT_ALL_TOOLS is set: then they fail.
"""

import array
import atexit
import collections
import contextlib
import ctypes
import functools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import string
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BERTFT_BINARY", str(ROOT / "build" / "bert-finetune"))

MAX_CPU_S_OF_A_REFUSAL = 1  # processor time, since test machines are busy

MAX_POSITIONS = 128
HIDDEN, LAYERS, HEADS, INTERMEDIATE = 64, 2, 4, 128


# ---- the program ----

class Result:
    def __init__(self, code, out, err, cpu_s=0.0):
        self.code, self.out, self.err, self.cpu_s = code, out, err, cpu_s

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout ---\n{self.out}\n--- stderr ---\n{self.err}"


def environment(extra=None):
    """This process's environment without variables that the program reads, plus `extra`."""
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith(("BERT_FINETUNE_", "SLURM_", "OMPI_")) and k != "WORLD_SIZE"}
    # A model this small gains nothing from a second thread, and loses much when a core is busy. The figures that are
    # expected are a CPU's, also where there is a GPU.
    return {**clean, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **(extra or {})}


def default_signals():
    """A test that runs in the background of a shell would hand on that these are ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def bound_by_permissions():
    """For preexec_fn: the program may then read and write only what permissions allow, also when root runs the tests."""
    default_signals()
    if os.geteuid() != 0:
        return
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "root's powers cannot be dropped")


def start(*args, cwd, env=None, **popen):
    popen = {"preexec_fn": default_signals, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
             "stderr": subprocess.PIPE, **popen}
    args = [a if isinstance(a, bytes) else str(a) for a in args]
    return subprocess.Popen([BINARY, *args], cwd=cwd, env=environment(env), **popen)


def wait(process, timeout=60):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Result(process.returncode, (out or b"").decode(), (err or b"").decode())


def run(*args, cwd, env=None, timeout=60, **popen):
    def cpu_s():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = cpu_s()
    result = wait(start(*args, cwd=cwd, env=env, **popen), timeout)
    result.cpu_s = cpu_s() - before
    return result


@functools.cache
def can_trace():
    """Whether strace is there, or has to be, and may trace, which containers may forbid."""
    if not shutil.which("strace"):
        return "BERTFT_ALL_TOOLS" in os.environ
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def run_traced(call, injection, *args, cwd, timeout=120):
    """The program, to which strace does something when it enters the system call `call`: "error=EIO", "signal=KILL"."""
    return _traced(["-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{injection}"], args, cwd, timeout)


def calls_of(call, *args, cwd, injections=(), timeout=120):
    """The program's result, and a line for each system call `call` that it made, with the paths of descriptors."""
    with tempfile.NamedTemporaryFile("r") as log:
        options = ["-y", "-o", log.name, "-e", f"trace={call}"]
        for injection in injections:
            options += ["-e", f"inject={injection}"]
        result = _traced(options, args, cwd, timeout)
        return result, log.read().splitlines()


def _traced(options, args, cwd, timeout):
    # strace stops the program at each system call, of which the threads' own memory, page by page, is two thirds.
    return _run_by(["env", "MALLOC_ARENA_MAX=1", "strace", "-f", *options], args, cwd, timeout)


def _run_by(command, args, cwd, timeout):
    """The program, started by another one."""
    done = subprocess.run([*command, BINARY, *map(str, args)], cwd=cwd, env=environment(), capture_output=True,
                          timeout=timeout, preexec_fn=default_signals)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


ON_A_SMALL_DISK = """mount -t tmpfs -o size="$1"k none "$2" || exit 125
folder=$2; kept=$3; shift 3
"$@"; code=$?
cp -a "$folder"/. "$kept"; exit $code"""


@functools.cache
def can_mount():
    """Whether a process may have file systems of its own, which containers may forbid."""
    with tempfile.TemporaryDirectory() as folder:
        script = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=4k", "none", folder]
        return shutil.which("unshare") and subprocess.run(script, capture_output=True).returncode == 0


def run_on_small_disk(kib, folder, kept, *args, cwd, timeout=120):
    """The program, while `folder` is a file system of `kib` KiB, whose content is copied to `kept` afterwards."""
    return _run_by(["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", str(kib), folder, kept], args, cwd, timeout)


# ---- data ----

WARES = ["salt", "wool", "honey", "amber", "copper", "linen", "cheese", "glass"]
MONTHS = ["march", "april", "may", "june", "july", "august"]
SYLLABLES = ["bar", "den", "fel", "gor", "hal", "kim", "lor", "mar", "nes", "pol", "rin", "sol", "tam", "vel"]


def _name(rng):
    return "".join(rng.sample(SYLLABLES, 2)).capitalize()


def _paragraph(rng, prefix):
    town, river, founder, ware, month = _name(rng), _name(rng), _name(rng), rng.choice(WARES), rng.choice(MONTHS)
    year = str(rng.randrange(1100, 1900))
    context = (f"{town} is a small town on the river {river}. It was founded by {founder} in the year {year}, after "
               f"the great fire. Every {month} the people of {town} sell {ware} at the market by the old bridge.")

    def qa(number, question, answer):
        answers = [{"text": answer, "answer_start": context.index(answer)}] if answer else []
        return {"id": f"{prefix}-{number}", "question": question, "answers": answers, "is_impossible": not answer}

    return {"context": context, "qas": [
        qa(0, f"Which river flows by {town}?", river),
        qa(1, f"Who founded {town}?", founder),
        qa(2, f"In which year was {town} founded?", year),
        qa(3, f"What do the people of {town} sell?", ware),
        qa(4, f"Who burned the bridge of {town}?", None)]}


def squad(num_paragraphs, seed):
    """A SQuAD 2.0 document of five questions a paragraph, one of them unanswerable."""
    rng = random.Random(seed)
    paragraphs = [_paragraph(rng, f"q{seed}-{i}") for i in range(num_paragraphs)]
    return {"version": "v2.0", "data": [{"title": "Towns", "paragraphs": paragraphs}]}


def answerable_only(document):
    """The document without its unanswerable questions."""
    for paragraph in (p for article in document["data"] for p in article["paragraphs"]):
        paragraph["qas"] = [qa for qa in paragraph["qas"] if qa["answers"]]
    return document


def questions_of(document):
    return [qa for article in document["data"] for p in article["paragraphs"] for qa in p["qas"]]


def write_json(path, value):
    pathlib.Path(path).write_text(json.dumps(value), encoding="utf-8")
    return pathlib.Path(path)


# ---- a model ----

def vocabulary():
    characters = string.ascii_lowercase + string.digits + string.punctuation
    documents = json.dumps([squad(4, 0), WARES, MONTHS]).lower()
    words = sorted(set(re.findall(r"[a-z]{2,}", documents)) | set(SYLLABLES))
    return (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(characters) + words
            + ["##" + c for c in string.ascii_lowercase + string.digits] + ["##" + s for s in SYLLABLES])


def model_config(vocab_size, **changes):
    return {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": vocab_size, "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INTERMEDIATE,
            "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
            "max_position_embeddings": MAX_POSITIONS, "type_vocab_size": 2, "initializer_range": 0.02,
            "layer_norm_eps": 1e-12, "pad_token_id": 0, **changes}


def weight_shapes(vocab_size):
    shapes = {"embeddings.word_embeddings.weight": (vocab_size, HIDDEN),
              "embeddings.position_embeddings.weight": (MAX_POSITIONS, HIDDEN),
              "embeddings.token_type_embeddings.weight": (2, HIDDEN)}

    def linear(name, outputs, inputs):
        shapes[name + ".weight"], shapes[name + ".bias"] = (outputs, inputs), (outputs,)

    def layer_norm(name):
        shapes[name + ".LayerNorm.weight"] = shapes[name + ".LayerNorm.bias"] = (HIDDEN,)

    layer_norm("embeddings")
    for layer in (f"encoder.layer.{i}." for i in range(LAYERS)):
        for part in ("query", "key", "value"):
            linear(layer + "attention.self." + part, HIDDEN, HIDDEN)
        linear(layer + "attention.output.dense", HIDDEN, HIDDEN)
        layer_norm(layer + "attention.output")
        linear(layer + "intermediate.dense", INTERMEDIATE, HIDDEN)
        linear(layer + "output.dense", HIDDEN, INTERMEDIATE)
        layer_norm(layer + "output")
    return shapes


def write_safetensors(path, tensors):
    """tensors: name -> (shape, bytes of float32)."""
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(d for _, d in tensors.values()))


def read_safetensors(path):
    """As write_safetensors takes them."""
    content = pathlib.Path(path).read_bytes()
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    tensors = {}
    for name, entry in json.loads(content[8:begin]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            tensors[name] = entry["shape"], content[begin + first:begin + last]
    return tensors


def random_values(shapes, seed=1):
    """Weights for write_safetensors: biases of 0, norms of 1, all else small."""
    rng = random.Random(seed)

    def values(name, count):
        if name.endswith("bias"):
            return array.array("f", bytes(4 * count))
        if "norm" in name.lower():
            return array.array("f", [1.0]) * count
        return array.array("f", (rng.gauss(0.0, 0.05) for _ in range(count)))

    return {name: (shape, values(name, shape[0] * (shape[1] if len(shape) > 1 else 1)).tobytes())
            for name, shape in shapes.items()}


def random_weights(vocab_size, seed=1):
    return random_values(weight_shapes(vocab_size), seed)


def make_model(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True)
    pieces = vocabulary()
    (directory / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces), encoding="utf-8")
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    write_json(directory / "config.json", model_config(len(pieces)))
    write_safetensors(directory / "model.safetensors", random_weights(len(pieces)))
    return directory


# ---- the test case ----

@functools.cache
def shared_folder():
    """model/, train.json (60 windows of 64 tokens) and dev.json, for all tests of this process; not to be changed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bertft-e2e-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_model(folder / "model")
    write_json(folder / "train.json", squad(12, seed=11))
    write_json(folder / "dev.json", squad(4, seed=22))
    return folder


class EndToEndTest(unittest.TestCase):
    """Each test has an empty folder of its own, self.cwd."""

    WINDOWS = ("--max-seq-length", "64", "--doc-stride", "16")

    @classmethod
    def setUpClass(cls):
        if not os.access(BINARY, os.X_OK):
            raise RuntimeError(f"BERTFT_BINARY: {BINARY} is no program; build bert-finetune first")
        cls.shared = shared_folder()
        cls.model, cls.train_file, cls.dev_file = (cls.shared / n for n in ("model", "train.json", "dev.json"))

    def setUp(self):
        self.cwd = pathlib.Path(tempfile.mkdtemp(dir=self.shared))

    def run_program(self, *args, **options):
        return run(*args, **{"cwd": self.cwd, **options})

    def training(self, *flags, model=None, train=None, output="run"):
        """Arguments of a training run of a few steps."""
        return ["--model-name-or-path", str(model or self.model), "--train-file", str(train or self.train_file),
                "--output-dir", str(output), *self.WINDOWS, "--device", "cpu", "--learning-rate", "1e-3",
                "--max-steps", "4", "--logging-steps", "1", *map(str, flags)]

    def trained(self, *flags, env=None, **options):
        """The result of a training run, which must succeed."""
        result = self.run_program(*self.training(*flags, **options), env=env)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, "", result)
        return result

    def learned_run(self):
        """The run directory of a model that answers most questions of dev.json; made once."""
        path = self.shared / "learned"
        if not path.exists():
            self.trained("--validation-file", self.dev_file, "--learning-rate", "3e-3", "--max-steps", 64, "--eval-strategy",
                         "steps", "--eval-steps", 32, "--save-steps", 32, output=path)
        return path

    def copied_model(self):
        """A copy of the model, to be spoilt."""
        shutil.rmtree(self.cwd / "model", ignore_errors=True)
        return pathlib.Path(shutil.copytree(self.model, self.cwd / "model"))

    def cut_short(self, run):
        """Leaves of a finished run what it had when its last checkpoint was still to come."""
        *_, last = checkpoints(self.cwd / run).values()
        shutil.rmtree(last)
        for name in ("model.safetensors", "train_results.json"):
            (self.cwd / run / name).unlink()

    def model_behind_a_pipe(self):
        """A copy of the model whose vocabulary is read when somebody writes it: its path, and the content."""
        vocabulary = self.copied_model() / "vocab.txt"
        content = vocabulary.read_bytes()
        vocabulary.unlink()
        os.mkfifo(vocabulary)
        return vocabulary, content

    def written(self, name, content):
        path = self.cwd / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def printed_json(self, result):
        """The one JSON object that stands on stdout."""
        self.assertEqual(result.code, 0, result)
        value = json.loads(result.out)
        self.assertIsInstance(value, dict)
        return value

    def assert_refused(self, result, code, *texts, num_lines=range(1, 4), max_cpu_s=MAX_CPU_S_OF_A_REFUSAL):
        """A few lines on stderr that hold `texts`, nothing on stdout, and quickly."""
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.out, "", result)
        self.assertIn(len(result.err.splitlines()), num_lines, result)
        self.assertRegex(result.err, r"^(error: |[^ ]+:\d+:\d+: error: )", result)
        self.assertNotRegex(result.err, r"\r|\x1b|terminate called|std::|\.cpp:\d|c10::|error: error", result)
        for text in texts:
            self.assertIn(text, result.err, result)
        self.assertLess(result.cpu_s, max_cpu_s, result)

    def assert_training_refused(self, arguments, code, *texts, num_lines=range(1, 4), **options):
        """assert_refused, and no file or folder came into being or changed."""
        before = tree(self.cwd)
        self.assert_refused(self.run_program(*arguments, **options), code, *texts, num_lines=num_lines)
        self.assertEqual(tree(self.cwd), before)

    @contextlib.contextmanager
    def started(self, *args, **options):
        """A process that does not outlive the test."""
        process = start(*args, **{"cwd": self.cwd, **options})
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


# The loss falls while training: taking the greatest for the best makes the first evaluation of a run, at step 2 of 8,
# the best.
FIRST_IS_BEST = ("--metric-for-best-model", "loss", "--greater-is-better", "--eval-strategy", "steps", "--eval-steps", 2,
                 "--save-steps", 2, "--max-steps", 8, "--learning-rate", "3e-3")


def go_on_since(run, checkpoint):
    """Makes a finished run one that has left the model of a checkpoint and has gone on, or was killed, since."""
    for name in ("model.safetensors", "trainer_state.json"):
        shutil.copy(checkpoint / name, run / name)
    (run / "train_results.json").unlink()


# Limits for the small model, whose weights take 350 KiB, with gradients and moments of the words in use 1.3 MiB, and a
# window of 64 tokens 400 KiB more: for a batch, a window, one window whose layers are computed twice, no window, not
# even the weights.
ROOMY, TIGHT, SAVERS_ONLY, TINY, UNLOADABLE = "200MiB", "4MiB", "1700KiB", "900KiB", "200KiB"


class MemoryTest(EndToEndTest):
    def limited(self, limit, *flags, **options):
        """Arguments of a training run under a limit."""
        return self.training("--memory-limit", limit, "--memory-reserve", 0, *flags, **options)

    def model_of(self, **sizes):
        """The model with other HIDDEN, LAYERS, HEADS, INTERMEDIATE; made once."""
        path = self.shared / "-".join(map(str, sizes.values()))
        if not path.exists():
            with unittest.mock.patch.multiple(__name__, **sizes):
                make_model(path)
        return path

    def thin_model(self):
        """Many layers of tensors so small that a step takes more memory than is expected."""
        return self.model_of(HIDDEN=4, LAYERS=24, HEADS=1, INTERMEDIATE=4)

    def one_long_window(self, num_tokens, num_short=9):
        """A training file of a few short windows and one of num_tokens tokens, at least 14."""
        contexts = num_short * ["Barden sells salt."] + ["Barden sells salt." + " a" * (num_tokens - 14)]
        qa = {"question": "Who sells salt?", "answers": [{"text": "Barden", "answer_start": 0}], "is_impossible": False}
        paragraphs = [{"context": c, "qas": [{"id": str(i), **qa}]} for i, c in enumerate(contexts)]
        return write_json(self.cwd / "long.json", {"data": [{"title": "Salt", "paragraphs": paragraphs}]})


def tree(directory):
    """Every path below a folder, with the content of files."""
    directory = pathlib.Path(directory)
    return {str(p.relative_to(directory)): p.read_bytes() if p.is_file() else None for p in directory.rglob("*")}


def names(directory):
    return sorted(p.name for p in pathlib.Path(directory).iterdir())


def change_json(path, **changes):
    write_json(path, {**json.loads(path.read_text()), **changes})


def metric_lines(run_directory, kind=None, timing=False):
    """Objects of metrics.jsonl; timings differ from run to run and are left out."""
    lines = [json.loads(line) for line in (pathlib.Path(run_directory) / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if not timing:
            del line["timing"]
    return [line for line in lines if kind in (None, line["kind"])]


SPEED = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}


def figures_of(results):
    """The metrics in eval_results.json, as metrics.jsonl names them."""
    return {key.removeprefix("eval_"): value for key, value in without_speed(results).items()
            if key not in ("epoch", "eval_samples")}


def without_speed(results):
    """Of eval_results.json what is the same from run to run."""
    return {key: value for key, value in results.items() if key not in SPEED}


def checkpoints(run_directory):
    """step -> path, in the order of steps."""
    paths = pathlib.Path(run_directory).glob("checkpoint-*")
    return dict(sorted((int(p.name.rpartition("-")[2]), p) for p in paths))


def child_of(process):
    """The process that it has started, once it has."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(children.read_text)
    return int(children.read_text().split()[0])


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.002)


EXIT_SKIPPED = 77  # what ctest is told to take for it


def main():
    """Runs the tests and ends the process; one line at the end for each reason why some were skipped."""
    program = unittest.main(verbosity=2, exit=False)
    num_tests, skipped = program.test.countTestCases(), program.result.skipped
    for reason, number in collections.Counter(reason for _, reason in skipped).items():
        print(f"skipped {number} of {num_tests} tests of {pathlib.Path(sys.argv[0]).name}: {reason}", flush=True)
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(EXIT_SKIPPED if skipped and len(skipped) == num_tests else 0)
