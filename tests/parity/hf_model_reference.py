"""Reference values from Hugging Face's question-answering classes for the tests of the C++ model, in fp32 on the CPU.

  build/peers/bin/python tests/parity/hf_model_reference.py logits --model DIR --features FILE --count 200 --out PREFIX
  build/peers/bin/python tests/parity/hf_model_reference.py train --model DIR --features FILE --count 128 --out PREFIX
  build/peers/bin/python tests/parity/hf_model_reference.py tiny --family electra --vocab vocab.txt --out DIR
  build/peers/bin/python tests/parity/hf_model_reference.py tiny --family albert --vocab-size 30000 --out DIR

Needs torch, transformers, safetensors. FILE is what `bert-finetune data features` writes: JSON lines with
input_ids, token_type_ids, start, end. `logits` and `train` write PREFIX.safetensors; a base checkpoint gets the QA
head that Hugging Face draws after set_seed(--seed).
Every feature runs alone and unpadded, because Hugging Face's loss depends on the padding.

logits  start, end: [T] packed; cu_seqlens: [features + 1]
train   dropout 0, with --fp16 under autocast and torch.amp.GradScaler, AdamW without decay, linear schedule, clipping at
        1.0. loss, grad_norm (before clipping): [steps];
        initial.qa_outputs.*; grad.* of the first batch before clipping; final.* weights.
tiny    a random model of few layers as a Hugging Face directory. No tensor keeps a neutral value (a bias of 0, a
        LayerNorm weight of 1), so that exchanging or forgetting one shows. Without --vocab no tokenizer is written.
"""

import argparse
import itertools
import json
import math
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import (AlbertConfig, AutoConfig, AutoModelForQuestionAnswering, BertConfig, BertTokenizer, DistilBertConfig,
                          ElectraConfig, RobertaConfig, XLMRobertaConfig, set_seed)

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
from hf_train import epoch_order, linear_schedule, load_model, make_optimizer


SIZES = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
TINY = {
    "bert": (BertConfig, {**SIZES, "num_hidden_layers": 2}),
    # ReLU, which no pretrained one has: between them they have every activation.
    "electra": (ElectraConfig, {**SIZES, "num_hidden_layers": 2, "embedding_size": 32, "hidden_act": "relu"}),
    "distilbert": (DistilBertConfig, {"dim": 64, "n_heads": 4, "hidden_dim": 128, "n_layers": 2}),
    "albert": (AlbertConfig, {**SIZES, "num_hidden_layers": 3, "num_hidden_groups": 2, "inner_group_num": 2,
                              "embedding_size": 16}),
    "roberta": (RobertaConfig, {**SIZES, "num_hidden_layers": 2, "type_vocab_size": 1, "max_position_embeddings": 514}),
    "xlm-roberta": (XLMRobertaConfig, {**SIZES, "num_hidden_layers": 2, "type_vocab_size": 1, "max_position_embeddings": 514}),
}
DROPOUT_KEYS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "qa_dropout")


def read_features(path, count):
    with open(path, encoding="utf-8") as file:
        features = [json.loads(line) for line in itertools.islice(file, count)]
    if len(features) < count:
        sys.exit(f"error: {path} has only {len(features)} features, {count} are wanted")
    return features


def inputs(model, feature):
    ids = torch.tensor([feature["input_ids"]])
    types = {"token_type_ids": torch.tensor([feature["token_type_ids"]])}
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)} | (
        types if getattr(model.config, "type_vocab_size", 0) > 1 else {})


def write(prefix, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, f"{prefix}.safetensors")


@torch.no_grad()
def logits(arguments):
    features = read_features(arguments.features, arguments.count)
    model = load_model(arguments.model, arguments.seed).eval()
    outputs = [model(**inputs(model, feature)) for feature in features]
    lengths = torch.tensor([len(feature["input_ids"]) for feature in features], dtype=torch.int32)
    write(arguments.out, {
        "start": torch.cat([output.start_logits[0] for output in outputs]),
        "end": torch.cat([output.end_logits[0] for output in outputs]),
        "cu_seqlens": torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0)),
    })


def backward(model, batch, scaler):
    """Leaves the gradients of the batch's mean loss, scaled, in the model, one feature at a time; returns that loss."""
    total = 0.0
    for feature in batch:
        with torch.autocast("cpu", torch.float16, enabled=scaler.is_enabled()):
            loss = model(**inputs(model, feature), start_positions=torch.tensor([feature["start"]]),
                         end_positions=torch.tensor([feature["end"]])).loss / len(batch)
        scaler.scale(loss).backward()
        total += loss.item()
    return total


def train(arguments):
    features = read_features(arguments.features, arguments.count)
    known = AutoConfig.from_pretrained(arguments.model).to_dict()
    no_dropout = {key: 0.0 for key in DROPOUT_KEYS if key in known}
    model = load_model(arguments.model, arguments.seed, **no_dropout).train()
    optimizer = make_optimizer(model, arguments.lr)
    schedule = linear_schedule(optimizer, arguments.steps)
    scaler = torch.amp.GradScaler("cpu", enabled=arguments.fp16)
    tensors = {f"initial.qa_outputs.{name}": p.detach().clone() for name, p in model.qa_outputs.named_parameters()}
    losses, norms = [], []
    steps_per_epoch = math.ceil(len(features) / arguments.batch)
    for step in range(arguments.steps):
        order = epoch_order(len(features), arguments.seed, step // steps_per_epoch)
        begin = step % steps_per_epoch * arguments.batch
        optimizer.zero_grad()
        losses.append(backward(model, [features[i] for i in order[begin : begin + arguments.batch]], scaler))
        scaler.unscale_(optimizer)
        if step == 0:
            tensors |= {f"grad.{name}": p.grad.clone() for name, p in model.named_parameters()}
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
    if arguments.fp16 and scaler.get_scale() != 65536:
        sys.exit("error: a step overflowed; the scaler skips it, where ours does it again")
    tensors |= {f"final.{name}": p.detach() for name, p in model.named_parameters()}
    tensors |= {"loss": torch.tensor(losses), "grad_norm": torch.tensor(norms)}
    write(arguments.out, tensors)


def tiny(arguments):
    vocab_size = arguments.vocab_size
    if arguments.vocab:
        vocab_size = len(arguments.vocab.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    set_seed(arguments.seed)
    config_class, sizes = TINY[arguments.family]
    config = config_class(vocab_size=vocab_size, initializer_range=0.1, **sizes)
    model = AutoModelForQuestionAnswering.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn_like(parameter)
    config.initializer_range = 0.02
    arguments.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(arguments.out)
    if not arguments.vocab:
        return
    tokenizer = BertTokenizer(vocab=str(arguments.vocab), do_lower_case=True, model_max_length=512)
    tokenizer.save_pretrained(arguments.out)
    (arguments.out / "vocab.txt").write_bytes(arguments.vocab.read_bytes())


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    for mode in (logits, train):
        options = modes.add_parser(mode.__name__)
        options.set_defaults(run=mode)
        options.add_argument("--model", required=True, help="model directory")
        options.add_argument("--features", required=True, help="JSON lines of `bert-finetune data features`")
        options.add_argument("--count", type=int, required=True, help="the first so many features")
        options.add_argument("--out", required=True, metavar="PREFIX")
        options.add_argument("--seed", type=int, default=42)
    options.add_argument("--fp16", action="store_true")
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--batch", type=int, default=4)
    options.add_argument("--lr", type=float, default=5e-5)
    options = modes.add_parser("tiny")
    options.set_defaults(run=tiny)
    options.add_argument("--family", choices=TINY, default="bert")
    vocabulary = options.add_mutually_exclusive_group(required=True)
    vocabulary.add_argument("--vocab", type=Path, help="vocab.txt of BERT's tokenizer")
    vocabulary.add_argument("--vocab-size", type=int)
    options.add_argument("--out", type=Path, required=True, metavar="DIR")
    options.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
