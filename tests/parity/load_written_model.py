"""Checks that Hugging Face loads a QA model directory of ours without a single complaint, and prints ok.

  build/peers/bin/python tests/parity/load_written_model.py DIR

Needs torch and transformers. Fails on any warning, log line, missing, unexpected or mismatched tensor, and on
weights or logits that are not finite.
"""

import logging
import sys
import warnings

import torch
import transformers
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, TrainerState


class Complaints(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def complaints_about(directory):
    handler = Complaints()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_warning()
    transformers.utils.logging.add_handler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, loading = AutoModelForQuestionAnswering.from_pretrained(directory, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        with torch.no_grad():
            inputs = tokenizer("Who wrote it?", "Ada wrote it.", return_tensors="pt")
            outputs = model.eval()(**inputs)
        state = TrainerState.load_from_json(f"{directory}/trainer_state.json")
    complaints = handler.lines + [str(warning.message) for warning in caught]
    complaints += [f"{kind}: {sorted(names)}" for kind, names in loading.items() if names]
    complaints += [f"{name} is not finite" for name, p in model.named_parameters() if not p.isfinite().all()]
    if getattr(model.config, "type_vocab_size", 0) > 1 and inputs.get("token_type_ids", torch.tensor(0)).max() != 1:
        complaints.append("the tokenizer gives no token types, which the model was trained with")
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in inputs["input_ids"]:
        complaints.append("the tokenizer does not know all of the words")
    if state.global_step == 0:
        complaints.append("trainer_state.json knows of no step")
    if not (outputs.start_logits.isfinite().all() and outputs.end_logits.isfinite().all()):
        complaints.append("the logits are not finite")
    return complaints


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    complaints = complaints_about(sys.argv[1])
    if complaints:
        sys.exit("\n".join(complaints))
    print("ok")


if __name__ == "__main__":
    main()
