"""Fine-tunes a question-answering model with a plain PyTorch loop that follows run_qa.py: the peer of bert-finetune.

  build/peers/bin/python scripts/bench/hf_train.py --model DIR --train SQUAD.json --out DIR [options]
  build/peers/bin/python scripts/bench/hf_train.py --model DIR --train SQUAD.json --steps-only --max-steps 20

Needs torch, transformers, numpy. Features, labels (run_qa's own unless --fix-last-token-label),
order, initial head, optimizer, schedule, clipping and the loss over padded rows are Hugging Face's; dropout
draws from torch's generator. A run that was killed goes on from its last save when started again with the
same arguments. Times cover the steps alone: no set-up, no saving. Figures are printed as one JSON line.
"""

import argparse
import json
import math
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, set_seed

from hf_squad import make_features, read_squad


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory of the pretrained model")
    parser.add_argument("--train", required=True, help="SQuAD 2.0 JSON file")
    parser.add_argument("--out", type=Path, help="where the model, and with --save-every the state, is written")
    parser.add_argument("--steps-only", action="store_true", help="time the steps, write nothing")
    parser.add_argument("--json", type=Path, help="also write the figures, with the loss of each step, here")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--max-steps", type=int, help="total steps, instead of --epochs, for the schedule too")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--padding", choices=["longest", "max"], default="longest",
                        help="pad rows to the batch's longest or to --max-length")
    parser.add_argument("--max-length", type=int, default=384)
    parser.add_argument("--stride", type=int, default=128)
    parser.add_argument("--max-samples", type=int, help="only the first so many questions")
    parser.add_argument("--fix-last-token-label", action="store_true",
                        help="correct run_qa's label for an answer that begins in a window's last token")
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--bf16", action="store_true", help="torch.autocast in bfloat16")
    half.add_argument("--fp16", action="store_true", help="torch.autocast in float16, with torch.amp.GradScaler")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--save-every", type=int, default=0, metavar="STEPS", help="save the state for resuming")
    parser.add_argument("--log-every", type=int, default=50, metavar="STEPS")
    arguments = parser.parse_args()
    if not arguments.steps_only and arguments.out is None:
        parser.error("give --out DIR, or --steps-only")
    return arguments


def load_model(directory, seed, **overrides):
    """Seeding first makes the freshly drawn QA head equal to the one run_qa starts from."""
    set_seed(seed)
    return AutoModelForQuestionAnswering.from_pretrained(directory, dtype=torch.float32, **overrides)


def make_optimizer(model, lr, weight_decay=0.0):
    """AdamW as the Trainer builds it: biases and LayerNorms, the 1-D tensors, are not decayed."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8, fused=True)


def linear_schedule(optimizer, total_steps):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, (total_steps - step) / total_steps))


def epoch_order(num_features, seed, epoch):
    return torch.randperm(num_features, generator=torch.Generator().manual_seed(seed + epoch)).tolist()


def pad_batch(features, pad_id, length=None):
    """The model's inputs, labels included, for rows padded to `length` or to the longest."""
    length = length or max(len(f.ids) for f in features)
    shape = (len(features), length)
    ids, types, mask = np.full(shape, pad_id), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, feature in enumerate(features):
        n = len(feature.ids)
        ids[row, :n], types[row, :n], mask[row, :n] = feature.ids, feature.types, 1
    return {
        "input_ids": torch.from_numpy(ids),
        "token_type_ids": torch.from_numpy(types),
        "attention_mask": torch.from_numpy(mask),
        "start_positions": torch.tensor([f.start for f in features]),
        "end_positions": torch.tensor([f.end for f in features]),
    }


class Run:
    """A training run: what it needs, what it has done so far, and how that is saved and restored."""

    def __init__(self, arguments):
        self.args = arguments
        self.tokenizer = AutoTokenizer.from_pretrained(arguments.model)
        self.features = make_features(
            read_squad(arguments.train, arguments.max_samples), self.tokenizer, arguments.max_length, arguments.stride,
            arguments.max_length if arguments.padding == "max" else 0, arguments.fix_last_token_label)
        self.steps_per_epoch = math.ceil(len(self.features) / arguments.batch)
        self.total_steps = arguments.max_steps or self.steps_per_epoch * arguments.epochs
        self.model = load_model(arguments.model, arguments.seed).to(arguments.device).train()
        self.optimizer = make_optimizer(self.model, arguments.lr)
        self.schedule = linear_schedule(self.optimizer, self.total_steps)
        self.scaler = torch.amp.GradScaler(arguments.device, enabled=arguments.fp16)
        self.losses, self.seconds, self.counts = [], [], []
        set_seed(arguments.seed)  # the Trainer seeds again before its first step
        self.restore()

    @property
    def precision(self):
        return "fp16" if self.args.fp16 else "bf16" if self.args.bf16 else "fp32"

    @property
    def state_path(self):
        return self.args.out / "resume-state.pt"

    def save(self):
        self.args.out.mkdir(parents=True, exist_ok=True)
        partial = self.state_path.with_suffix(".partial")
        torch.save(
            {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
             "schedule": self.schedule.state_dict(), "scaler": self.scaler.state_dict(), "total_steps": self.total_steps,
             "rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all(),
             "losses": self.losses, "seconds": self.seconds, "counts": self.counts}, partial)
        os.replace(partial, self.state_path)

    def restore(self):
        if not self.args.save_every or self.args.steps_only or not self.state_path.exists():
            return
        state = torch.load(self.state_path, weights_only=True)
        if state["total_steps"] != self.total_steps:
            sys.exit(f"error: {self.state_path} is of a run of {state['total_steps']} steps, not {self.total_steps}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["rng"])
        torch.cuda.set_rng_state_all(state["cuda_rng"])
        self.losses, self.seconds, self.counts = state["losses"], state["seconds"], state["counts"]
        print(f"resuming after step {len(self.losses)}", file=sys.stderr, flush=True)

    def step(self, chosen):
        begin = time.perf_counter()
        length = self.args.max_length if self.args.padding == "max" else None
        batch = pad_batch(chosen, self.tokenizer.pad_token_id, length)
        batch = {name: tensor.to(self.args.device) for name, tensor in batch.items()}
        with torch.autocast(self.args.device, torch.float16 if self.args.fp16 else torch.bfloat16,
                            enabled=self.args.fp16 or self.args.bf16):
            loss = self.model(**batch).loss
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.losses.append(loss.item())
        self.seconds.append(time.perf_counter() - begin)
        self.counts.append(len(chosen))

    def train(self):
        epoch, order = None, None
        for done in range(len(self.losses), self.total_steps):
            if done // self.steps_per_epoch != epoch:
                epoch = done // self.steps_per_epoch
                order = epoch_order(len(self.features), self.args.seed, epoch)
            begin = done % self.steps_per_epoch * self.args.batch
            self.step([self.features[i] for i in order[begin : begin + self.args.batch]])
            self.report_progress()
            if self.args.save_every and not self.args.steps_only and (done + 1) % self.args.save_every == 0:
                self.save()

    def report_progress(self):
        step = len(self.losses)
        if step % self.args.log_every == 0 or step == self.total_steps:
            recent = self.losses[-self.args.log_every :]
            speed = sum(self.counts[-self.args.log_every :]) / sum(self.seconds[-self.args.log_every :])
            print(f"step {step}/{self.total_steps}  loss {sum(recent) / len(recent):.4f}  {speed:.2f} features/s",
                  file=sys.stderr, flush=True)

    def figures(self):
        speeds = [count / seconds for count, seconds in zip(self.counts, self.seconds)]
        figures = {
            "program": "hf", "device": self.args.device, "precision": self.precision,
            "padding": self.args.padding, "threads": self.args.threads, "batch": self.args.batch,
            "features": len(self.features),
            "steps": len(self.losses), "seconds": sum(self.seconds),
            "features_per_s_median_step": float(np.median(speeds)),
            "features_per_s": sum(self.counts) / sum(self.seconds),
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "first_loss": self.losses[0], "last_loss": self.losses[-1],
        }
        if self.args.device == "cuda":
            figures["peak_gpu_mib"] = torch.cuda.max_memory_reserved() / 2**20
        return figures


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    run = Run(arguments)
    run.train()
    figures = run.figures()
    print(json.dumps(figures), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures | {"losses": run.losses, "step_seconds": run.seconds}) + "\n")
    if not arguments.steps_only:
        run.model.save_pretrained(arguments.out)
        run.tokenizer.save_pretrained(arguments.out)
        run.state_path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
