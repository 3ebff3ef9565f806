"""Answers a SQuAD file with a QA model directory by run_qa.py's rules: the peer of bert-finetune's predictor.

  build/peers/bin/python scripts/bench/hf_predict.py --model DIR --data SQUAD.json --out DIR [--v1]

Needs torch, transformers, numpy. Writes eval_predictions.json, eval_nbest_predictions.json and eval_null_odds.json as
run_qa does, except that the logits of pads never compete for a place among the best: with run_qa's padded batches
they can, so that its answers depend, rarely, on the batch size. Prints features/s and peak memory as one JSON line.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from hf_squad import make_features, read_squad
from hf_train import pad_batch

sys.path.append(str(Path(__file__).parents[2] / "tests" / "parity"))
import reference_postprocess


@torch.no_grad()
def predict_logits(model, features, pad_id, batch, bf16):
    """(start, end) logits of each feature's own tokens; rows of like length share a batch."""
    logits = [None] * len(features)
    order = sorted(range(len(features)), key=lambda i: len(features[i].ids))
    for begin in range(0, len(order), batch):
        chosen = order[begin : begin + batch]
        inputs = pad_batch([features[i] for i in chosen], pad_id)
        inputs = {name: inputs[name].to(model.device) for name in ("input_ids", "token_type_ids", "attention_mask")}
        with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
            output = model(**inputs)
        for row, i in enumerate(chosen):
            n = len(features[i].ids)
            logits[i] = tuple(x[row, :n].float().cpu().numpy() for x in (output.start_logits, output.end_logits))
    return logits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory of a QA model")
    parser.add_argument("--data", required=True, help="SQuAD JSON file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--v1", action="store_true", help="every question has an answer")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--n-best", type=int, default=20)
    parser.add_argument("--max-answer-length", type=int, default=30)
    parser.add_argument("--null-threshold", type=float, default=0.0)
    parser.add_argument("--max-samples", type=int, help="only the first so many questions")
    parser.add_argument("--bf16", action="store_true", help="torch.autocast in bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    questions = read_squad(arguments.data, arguments.max_samples)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    features = make_features(questions, tokenizer)
    model = AutoModelForQuestionAnswering.from_pretrained(arguments.model, dtype=torch.float32)
    model = model.to(arguments.device).eval()
    begin = time.perf_counter()
    logits = predict_logits(model, features, tokenizer.pad_token_id, arguments.batch, arguments.bf16)
    seconds = time.perf_counter() - begin

    windows = [[] for _ in questions]
    for feature, (start, end) in zip(features, logits):
        windows[feature.question].append((feature.offsets, start, end))
    predictions, n_best, null_odds = {}, {}, {}
    for question, own_windows in zip(questions, windows):
        text, entries, _, odds = reference_postprocess.decode(
            question["context"], own_windows, arguments.n_best, arguments.max_answer_length, arguments.null_threshold,
            with_negative=not arguments.v1)
        predictions[question["id"]], n_best[question["id"]], null_odds[question["id"]] = text, entries, odds

    arguments.out.mkdir(parents=True, exist_ok=True)
    outputs = {"predictions": predictions, "nbest_predictions": n_best}
    if not arguments.v1:
        outputs["null_odds"] = null_odds
    for name, content in outputs.items():
        (arguments.out / f"eval_{name}.json").write_text(json.dumps(content, indent=4) + "\n")
    print(json.dumps({"program": "hf", "precision": "bf16" if arguments.bf16 else "fp32", "features": len(features),
                      "seconds": seconds, "features_per_s": len(features) / seconds,
                      "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
