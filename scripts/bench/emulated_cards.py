"""The largest micro-batch of a BERT-base on cards of several sizes: what --probe-memory finds, beside what a Hugging
Face loop takes at most.

    build/peers/bin/python scripts/bench/emulated_cards.py --train FILE

FILE has as many questions as the largest card takes. No GPU is needed: both programs use LibTorch's CUDA allocator on a
stand-in for one (tests/cuda_stand_in), which takes memory and computes nothing. It is an A100's, limited to what a card
leaves beside CUDA's context. All features are of full length, so that the peer pads nothing. Its loop is
BertForQuestionAnswering with fused AdamW and autocast for bf16; its largest micro-batch is found by bisection, each
size for three steps. A step adds up the gradients of two micro-batches, of both.
"""

import argparse
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from random_bert import write_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "build/tests/cuda_stand_in/libcuda.so.1"
CONTEXT_MIB = 768
CARDS = [(gib, 384, precision) for precision in ("fp32", "bf16") for gib in (8, 11, 12, 16, 24, 40, 80)]
CARDS += [(12, length, "fp32") for length in (64, 128, 256, 320, 512)]
PUBLISHED = {64: 64, 128: 32, 256: 16, 320: 14, 384: 12, 512: 6}  # by Google for 12 GB, in fp32


def peer(precision, length, mib):
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.cuda.set_per_process_memory_fraction(mib * 2**20 / torch.cuda.get_device_properties(0).total_memory)

    def train(n):
        model = BertForQuestionAnswering(BertConfig()).cuda().train()
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        ids = torch.zeros(n, length, dtype=torch.long, device="cuda")
        for _ in range(3):
            for _ in range(2):
                with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
                    loss = model(input_ids=ids, start_positions=ids[:, 0], end_positions=ids[:, 0]).loss
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    def fits(n):
        try:
            train(n)
        except torch.OutOfMemoryError:
            return False
        finally:
            gc.collect()
            torch.cuda.empty_cache()
        return True

    fitting, too_large = 0, 1
    while fits(too_large):
        fitting, too_large = too_large, 2 * too_large
    while too_large - fitting > 1:
        middle = (fitting + too_large) // 2
        fitting, too_large = (middle, too_large) if fits(middle) else (fitting, middle)
    print(fitting)


def on_stand_in(*command):
    environment = {**os.environ, "LD_PRELOAD": str(STAND_IN), "CUDA_STAND_IN_CAPABILITY": "80",
                   "CUDA_STAND_IN_MIB": str(96 * 1024), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def ours(model, train, precision, length, mib, folder):
    run = pathlib.Path(folder, f"{precision}-{length}-{mib}")
    on_stand_in(ROOT / "build/bert-finetune", "--model-name-or-path", model, "--train-file",
                train, "--device", "cuda", f"--{'no-' * (precision == 'fp32')}bf16",
                "--max-seq-length", length, "--doc-stride", 0, "--output-dir", run, "--probe-memory", "--memory-limit",
                f"{mib}MiB", "--memory-reserve", 0, "--per-device-train-batch-size", 2048,
                "--weight-decay", 0.01)  # all rows of the word table are in the run, as in the peer's
    probe = json.loads((run / "probe.json").read_text())
    return probe["micro_batch_features"], len(probe["trials"]), sum(not trial["fits"] for trial in probe["trials"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    job = parser.add_mutually_exclusive_group(required=True)
    job.add_argument("--train", type=pathlib.Path, help="a SQuAD file")
    job.add_argument("--peer", nargs=3, metavar=("PRECISION", "LENGTH", "MIB"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        precision, length, mib = arguments.peer
        return peer(precision, int(length), int(mib))
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder, "model")
        write_model(model)
        print("| card | length | precision | found | trials | did not fit | Hugging Face | Google |\n|---|---|---|---|---|---|---|---|")
        for gib, length, precision in CARDS:
            mib = gib * 1024 - CONTEXT_MIB
            found = " | ".join(map(str, ours(model, arguments.train, precision, length, mib, folder)))
            theirs = on_stand_in(sys.executable, __file__, "--peer", precision, length, mib).strip()
            published = PUBLISHED[length] if (gib, precision) == (12, "fp32") else ""
            print(f"| {gib} GiB | {length} | {precision} | {found} | {theirs} | {published} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
