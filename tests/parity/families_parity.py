"""Compares each family of encoders with its class of transformers: logits, gradients, 20 training steps; small random
models, fp32, and the steps in fp16, too. Then the program trains each one, and transformers must load what it leaves without a complaint, and read
text with it as the program did, also where the tokenizer came from elsewhere.

usage: families_parity.py HELPER BERT_FINETUNE DATA_DIR WORK_DIR

HELPER is the program made of model_parity.cpp.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import albert_parity
import hf_model_reference
import load_written_model
import roberta_parity
import xlm_roberta_parity
from transformers import AutoTokenizer, BertTokenizer

HELPER, PROGRAM, DATA_DIR, WORK_DIR = sys.argv[1:]
NUM_LOGITS, NUM_TRAIN = 50, 64
data = pathlib.Path(DATA_DIR)
SQUAD = data / "squad" / "squad-v2.0-train-mini.json"


def reference(*arguments):
    hf_model_reference.main([str(argument) for argument in arguments])


def make_model(family, directory):
    """A random one, with its family's tokenizer."""
    if family == "roberta":
        vocab, merges = roberta_parity.roberta_vocab(), roberta_parity.gpt2_files()[1]
        reference("tiny", "--family", family, "--vocab-size", len(vocab), "--out", directory)
        (directory / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
        (directory / "merges.txt").write_text(merges, encoding="utf-8")
        return
    if family == "xlm-roberta":
        pieces, charsmap = xlm_roberta_parity.xquad_model(data)
        reference("tiny", "--family", family, "--vocab-size", len(pieces) + 5, "--out", directory)
        tokenizer = xlm_roberta_parity.tokenizer_json(pieces, charsmap)
        (directory / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
        (directory / "sentencepiece.bpe.model").write_bytes(xlm_roberta_parity.sentencepiece_model(pieces, charsmap))
        return
    if family != "albert":
        reference("tiny", "--family", family, "--vocab", data / "vocab" / "bert-base-uncased-vocab.txt", "--out", directory)
        return
    spiece = data / "vocab" / "albert-layout-30k.model"
    pieces, charsmap = albert_parity.read_spiece(spiece)
    reference("tiny", "--family", family, "--vocab-size", len(pieces), "--out", directory)
    albert_parity.write_tokenizer(directory, albert_parity.tokenizer_json(albert_parity.lowered(pieces), charsmap), spiece)


def with_padding(path, work):
    """The data with RoBERTa's padding in every other question, where it takes no position."""
    document = json.loads(path.read_text(encoding="utf-8"))
    questions = [qa for article in document["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    for qa in questions[::2]:
        qa["question"] = f"<pad> {qa['question']} <pad><pad>"
    spoilt = work / "padded.json"
    spoilt.write_text(json.dumps(document), encoding="utf-8")
    return spoilt


def compared(family, work):
    """True when the model's numbers are transformers'."""
    model, features = work / "model", work / "features.jsonl"
    make_model(family, model)
    squad = with_padding(SQUAD, work) if family.endswith("roberta") else SQUAD
    with features.open("w", encoding="utf-8") as out:
        subprocess.run([PROGRAM, "data", "features", squad, "--model", model, "--training"], stdout=out, check=True)
    for mode, count, name in (("logits", NUM_LOGITS, "logits"), ("train", NUM_TRAIN, "train"),
                              ("train", NUM_TRAIN, "fp16")):
        reference(mode, "--model", model, "--features", features, "--count", count, "--out", work / name,
                  *(["--fp16"] if name == "fp16" else []))
    done = subprocess.run([HELPER, model, squad, work / "logits.safetensors", work / "train.safetensors", str(NUM_TRAIN),
                           work / "fp16.safetensors"])
    return done.returncode == 0


def loads_after_training(work):
    """True when transformers takes the program's model directory without a complaint."""
    run = work / "run"
    subprocess.run([PROGRAM, "--model-name-or-path", work / "model", "--train-file", SQUAD, "--output-dir", run, "--max-steps",
                    "2", "--device", "cpu", "-q"], check=True)
    complaints = load_written_model.complaints_about(run)
    print("\n".join(complaints) or "transformers loads the trained model without a complaint")
    return not complaints


def tokenizers_from_elsewhere(folder):
    """(name, model, tokenizer): directories of which the tokenizer's is to be read otherwise than the model's config.json
    alone would have it read."""
    vocab = lambda name: (data / "vocab" / f"bert-base-{name}-vocab.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    bert, albert = folder.parent / "bert" / "model", folder.parent / "albert" / "model"

    def directory(name, **files):
        (folder / name).mkdir(parents=True)
        for file, content in files.items():
            (folder / name / file.replace("__", ".")).write_text(content, encoding="utf-8")
        return folder / name

    plain = directory("plain", vocab__txt="".join(vocab("uncased")))
    # ALBERT has fewer embeddings.
    yield "ALBERT with BERT's vocabulary", albert, directory("cut", vocab__txt="".join(vocab("uncased")[:20000]))
    fast = directory("fast", vocab__txt="".join(vocab("cased")), config__json='{"tokenizer_class": "PreTrainedTokenizerFast"}')
    cased = BertTokenizer(vocab=str(fast / "vocab.txt"), do_lower_case=False)
    cased.backend_tokenizer.save(str(fast / "tokenizer.json"))
    (fast / "tokenizer_config.json").write_text(json.dumps({"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}))
    yield "BERT with a fast tokenizer that its config.json names", bert, fast
    named = shutil.copytree(bert, folder / "named")
    config = json.loads((named / "config.json").read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    (named / "config.json").write_text(json.dumps(config))
    yield "BERT whose config.json names a fast tokenizer, with a vocab.txt", named, plain
    spare = directory("spare", vocab__txt="".join(vocab("cased")),
                      tokenizer_config__json='{"additional_special_tokens": ["[was]"]}')
    yield "BERT with a special token in a spare row", bert, spare


def reads_as_it_was_trained(folder, model, tokenizer):
    """True when the trained model's directory is read by the program and by transformers as what it was trained with."""
    run = folder / f"run-{tokenizer.name}"
    subprocess.run([PROGRAM, "--model-name-or-path", model, "--tokenizer-name", tokenizer, "--train-file", SQUAD, "--output-dir",
                    run, "--max-steps", "1", "--device", "cpu", "-qq"], check=True)
    windows = lambda *flags: subprocess.run([PROGRAM, "data", "features", SQUAD, *flags], check=True, capture_output=True).stdout
    trained, written = windows("--model", model, "--set", f"tokenizer_name={tokenizer}"), windows("--model", run)
    first = json.loads(written.split(b"\n", 1)[0])
    question = json.loads(SQUAD.read_text(encoding="utf-8"))["data"][0]["paragraphs"][0]
    theirs = AutoTokenizer.from_pretrained(run)(question["qas"][0]["question"], question["context"])
    same = [first[key] == theirs.get(key) for key in ("input_ids", "token_type_ids")]
    print(f"read as it was trained: by the program {trained == written}, by transformers {same}")
    return trained == written and all(same)


failed = []
shutil.rmtree(WORK_DIR, ignore_errors=True)
for name in hf_model_reference.TINY:
    print(f"{name}", flush=True)
    folder = pathlib.Path(WORK_DIR) / name
    folder.mkdir(parents=True)
    if not (compared(name, folder) and loads_after_training(folder)):
        failed.append(name)
elsewhere = pathlib.Path(WORK_DIR) / "elsewhere"
for name, model, tokenizer in tokenizers_from_elsewhere(elsewhere):
    print(name, flush=True)
    if not reads_as_it_was_trained(elsewhere, model, tokenizer):
        failed.append(name)
sys.exit(f"different from transformers: {', '.join(failed)}" if failed else 0)
