"""TrainingArguments, written out, are a configuration of the program: every key is known, and its default asks for nothing
that is not there. And what the program writes out Python reads as it was meant, and can write again.

usage: training_arguments_parity.py BERT_FINETUNE
"""

import dataclasses
import json
import subprocess
import sys
import tempfile

import yaml
from transformers import TrainingArguments

PROGRAM, = sys.argv[1:]
# Keys of transformers 4 that 5 no longer has, with their defaults there.
OLD = {"overwrite_output_dir": False, "warmup_ratio": 0.0, "no_cuda": False, "use_mps_device": False, "jit_mode_eval": False,
       "use_ipex": False, "half_precision_backend": "auto", "fp16_backend": "auto", "fp16_opt_level": "O1", "adafactor": False,
       "group_by_length": False, "past_index": -1, "ray_scope": "last", "mp_parameters": "", "tpu_num_cores": None,
       "tpu_metrics_debug": False, "torchdynamo": None, "split_batches": None, "dispatch_batches": None,
       "include_tokens_per_second": False, "include_inputs_for_metrics": False, "push_to_hub_model_id": None,
       "push_to_hub_organization": None, "push_to_hub_token": "<PUSH_TO_HUB_TOKEN>", "fsdp_min_num_params": 0,
       "fsdp_transformer_layer_cls_to_wrap": None, "logging_dir": "x/runs", "save_safetensors": True,
       "sharded_ddp": [], "_n_gpu": 1, "evaluation_strategy": None, "per_gpu_train_batch_size": None, "per_gpu_eval_batch_size": None}


def dumped(*arguments):
    done = subprocess.run([PROGRAM, "--dump-config", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def options_of(*arguments):
    lines = [line.partition("#")[0].strip() for line in dumped(*arguments).splitlines()]
    return {line for line in lines if line and not line.startswith(("output_dir", "save_total_limit"))}


def options_of_file(arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("".join(f"{key}: {json.dumps(value)}\n" for key, value in arguments.items()))
        file.flush()
        return options_of("--config", file.name)


today = TrainingArguments(output_dir="x").to_dict()
missing = {field.name for field in dataclasses.fields(TrainingArguments) if field.init} - set(today)
print(f"{len(today)} keys of today, {len(OLD)} older ones; not written out: {sorted(missing)}")
different = options_of_file(today) ^ options_of()
# What HF's defaults say otherwise than ours.
print("\n".join(sorted(different)))
allowed = ("bf16", "fp16", "gradient_checkpointing", "eval_steps")
if any(not line.startswith(allowed) for line in different):
    sys.exit("error: the defaults of transformers are not ours")
if options_of_file(today | OLD) != options_of_file(today):
    sys.exit("error: defaults of transformers 4 change something")

dump = yaml.safe_load(dumped("--learning-rate", "3e-5", "--adam-epsilon", "1e-8", "--seed", "7"))
expected = {"learning_rate": 3e-5, "adam_epsilon": 1e-8, "seed": 7, "eval_strategy": "no", "probe_memory": "off", "tf32": False}
if {key: dump[key] for key in expected} != expected:
    sys.exit(f"error: read by Python: {dump}")
if options_of_file(dump) != options_of("--learning-rate", "3e-5", "--seed", "7"):
    sys.exit("error: written again by Python, the configuration is another")
# As Python writes what has been read elsewhere: an unquoted no is false there.
if options_of_file({**dump, "eval_strategy": False, "probe_memory": False}) != options_of_file(dump):
    sys.exit("error: false is not the name no")
