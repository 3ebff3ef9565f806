"""Compares each family of encoders with its class of transformers: logits, gradients, 20 training steps; small random
models, fp32. Then the program trains each one, and transformers must load what it leaves without a complaint.

usage: families_parity.py HELPER BERT_FINETUNE DATA_DIR WORK_DIR

HELPER is the program made of model_parity.cpp.
"""

import pathlib
import shutil
import subprocess
import sys

import albert_parity
import hf_model_reference
import load_written_model

HELPER, PROGRAM, DATA_DIR, WORK_DIR = sys.argv[1:]
NUM_LOGITS, NUM_TRAIN = 50, 64
data = pathlib.Path(DATA_DIR)
squad = data / "squad" / "squad-v2.0-train-mini.json"


def reference(*arguments):
    hf_model_reference.main([str(argument) for argument in arguments])


def make_model(family, directory):
    """A random one, with its family's tokenizer."""
    if family != "albert":
        reference("tiny", "--family", family, "--vocab", data / "vocab" / "bert-base-uncased-vocab.txt", "--out", directory)
        return
    spiece = data / "vocab" / "albert-layout-30k.model"
    pieces, charsmap = albert_parity.read_spiece(spiece)
    reference("tiny", "--family", family, "--vocab-size", len(pieces), "--out", directory)
    albert_parity.write_tokenizer(directory, albert_parity.tokenizer_json(albert_parity.lowered(pieces), charsmap), spiece)


def compared(family, work):
    """True when the model's numbers are transformers'."""
    model, features = work / "model", work / "features.jsonl"
    make_model(family, model)
    with features.open("w", encoding="utf-8") as out:
        subprocess.run([PROGRAM, "data", "features", squad, "--model", model, "--training"], stdout=out, check=True)
    for mode, count in (("logits", NUM_LOGITS), ("train", NUM_TRAIN)):
        reference(mode, "--model", model, "--features", features, "--count", count, "--out", work / mode)
    done = subprocess.run([HELPER, model, squad, work / "logits.safetensors", work / "train.safetensors", str(NUM_TRAIN)])
    return done.returncode == 0


def loads_after_training(work):
    """True when transformers takes the program's model directory without a complaint."""
    run = work / "run"
    subprocess.run([PROGRAM, "--model-name-or-path", work / "model", "--train-file", squad, "--output-dir", run, "--max-steps",
                    "2", "--device", "cpu", "-q"], check=True)
    complaints = load_written_model.complaints_about(run)
    print("\n".join(complaints) or "transformers loads the trained model without a complaint")
    return not complaints


failed = []
shutil.rmtree(WORK_DIR, ignore_errors=True)
for name in hf_model_reference.TINY:
    print(f"{name}", flush=True)
    folder = pathlib.Path(WORK_DIR) / name
    folder.mkdir(parents=True)
    if not (compared(name, folder) and loads_after_training(folder)):
        failed.append(name)
sys.exit(f"different from transformers: {', '.join(failed)}" if failed else 0)
