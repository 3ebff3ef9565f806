"""Runs accelerate's find_executable_batch_size around a plain transformers loop, in a process with a memory budget.

  MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=1048576 \
    build/peers/bin/python scripts/bench/hf_find_batch.py --model DIR --budget-gib 2 [--try 8]

Needs torch, transformers, accelerate, and Linux. The peer of `bert-finetune --probe-memory`; memory_side_by_side.py
starts both. As in accelerate's example of automatic gradient accumulation, an execution loads the model and trains
with effective batch // size micro-batches a step. Here it ends after two optimizer steps of one micro-batch each: the
first leaves the optimizer's moments, and its gradients too where a step has several micro-batches, and the second
runs beside them. That is the most that a real run holds, in the least time. Rows have full length, dropout is on.

The budget counts what the process takes beyond its imports: RLIMIT_DATA is set to VmData of /proc/self/status, read
before the model is loaded but after a step of a tiny one has started the threads, plus the budget. A mapping beyond it
fails, and with one malloc arena torch says "DefaultCPUAllocator: can't allocate memory", which accelerate knows. From
MALLOC_MMAP_THRESHOLD_ on, blocks are mappings of their own, so that holes in malloc's heap do not fill the budget:
with glibc's own threshold 3 features of MiniLM fitted into 1.5 GiB, so 6. --try runs a single size, without a search.
Figures are printed as one JSON line; seconds are those of the executions, without start and imports.
"""

import argparse
import gc
import json
import os
import resource
import sys
import time

import torch
from accelerate.utils import find_executable_batch_size
from transformers import BertConfig, BertForQuestionAnswering
from transformers.utils import logging

from hf_train import load_model, make_optimizer

NUM_STEPS = 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory of the pretrained model")
    parser.add_argument("--budget-gib", type=float, required=True, help="memory beyond the imports")
    parser.add_argument("--effective-batch", type=int, default=128, help="features of a step; the search starts here")
    parser.add_argument("--try", type=int, dest="only", metavar="SIZE", help="run this size alone, no search")
    parser.add_argument("--length", type=int, default=384, help="tokens of every row")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if os.environ.get("MALLOC_ARENA_MAX") != "1":
        parser.error("start this with MALLOC_ARENA_MAX=1 in the environment")
    return arguments


def full_rows(config, batch, length):
    """The model's inputs for `batch` rows without padding, labels included."""
    return {
        "input_ids": torch.randint(1, config.vocab_size, (batch, length)),
        "token_type_ids": torch.ones(batch, length, dtype=torch.int64),
        "attention_mask": torch.ones(batch, length, dtype=torch.int64),
        "start_positions": torch.randint(length, (batch,)),
        "end_positions": torch.randint(length, (batch,)),
    }


def train(model, batch, length, num_micro_batches, execution):
    """Two optimizer steps of one micro-batch each, counted in `execution`."""
    optimizer = make_optimizer(model.train(), lr=5e-5)
    for _ in range(NUM_STEPS):
        loss = model(**full_rows(model.config, batch, length)).loss / num_micro_batches
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        execution["steps"] += 1
        if num_micro_batches == 1:
            optimizer.zero_grad()


def warm_up():
    """Starts the threads and imports what transformers imports late, so that the budget does not pay for them."""
    config = BertConfig(vocab_size=8, hidden_size=64, num_hidden_layers=1, num_attention_heads=1, intermediate_size=64)
    train(BertForQuestionAnswering(config), 8, 64, 1, {"steps": 0})
    gc.collect()


def limit_data(budget_bytes):
    """Caps the data of this process at what it has now plus the budget; returns the former."""
    with open("/proc/self/status", encoding="ascii") as status:
        in_use = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (in_use + budget_bytes, in_use + budget_bytes))
    return in_use


class Executions:
    """What was executed: one record for each size, in order."""

    def __init__(self, arguments):
        self.args = arguments
        self.records = []

    def __call__(self, size):
        record = {"size": size, "fits": False, "steps": 0}
        self.records.append(record)
        begin = time.perf_counter()
        try:
            model = load_model(self.args.model, self.args.seed)
            train(model, size, self.args.length, self.args.effective_batch // size, record)
            record["fits"] = True
        finally:
            record["seconds"] = time.perf_counter() - begin
            print(f"  {size}: {'fits' if record['fits'] else 'does not fit'}, {record['seconds']:.1f} s",
                  file=sys.stderr, flush=True)
        return size

    def search(self):
        @find_executable_batch_size(starting_batch_size=self.args.effective_batch)
        def execute(batch_size):
            return self(batch_size)

        return execute()


def main():
    arguments = parse_arguments()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    warm_up()
    data_bytes = limit_data(int(arguments.budget_gib * 2**30))
    executions = Executions(arguments)
    found, error = 0, None
    begin = time.perf_counter()
    try:
        found = executions(arguments.only) if arguments.only else executions.search()
    except (RuntimeError, MemoryError) as stop:
        error = (str(stop).strip() or type(stop).__name__).splitlines()[0]
    print(json.dumps({
        "program": "hf", "budget_gib": arguments.budget_gib, "data_before_mib": data_bytes / 2**20, "found": found,
        "seconds": time.perf_counter() - begin, "error": error, "executions": executions.records,
    }), flush=True)


if __name__ == "__main__":
    main()
