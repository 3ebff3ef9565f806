"""ELECTRA, DistilBERT, ALBERT, RoBERTa and XLM-RoBERTa: chosen by config.json alone, and treated as BERT is in everything a user can ask for.
Their numbers are compared with transformers' in tests/parity."""

import json
import shutil
import struct

import harness

WIDTH, NARROW, INNER = 32, 16, 64
BERT_LAYER = {"attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
              "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
              "attention.output.LayerNorm": (WIDTH,), "intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER),
              "output.LayerNorm": (WIDTH,)}
DISTILBERT_LAYER = dict(zip(("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm",
                             "ffn.lin1", "ffn.lin2", "output_layer_norm"), BERT_LAYER.values()))
ALBERT_LAYER = dict(zip(("attention.query", "attention.key", "attention.value", "attention.dense", "attention.LayerNorm",
                         "ffn", "ffn_output", "full_layer_layer_norm"), BERT_LAYER.values()))
SIZES = {"hidden_size": WIDTH, "num_attention_heads": 2, "intermediate_size": INNER,
         "max_position_embeddings": harness.MAX_POSITIONS}

ROBERTA = {**SIZES, "num_hidden_layers": 2, "type_vocab_size": 1, "pad_token_id": 1}

# model_type -> config.json, the class that is written, width of the tables, parts besides tables and layers, folder of
# the layers, a layer
FAMILIES = {
    "electra": ({**SIZES, "num_hidden_layers": 2, "embedding_size": NARROW}, "ElectraForQuestionAnswering", NARROW,
                {"embeddings_project": (WIDTH, NARROW)}, ["encoder.layer.0", "encoder.layer.1"], BERT_LAYER),
    "distilbert": ({"dim": WIDTH, "n_heads": 2, "n_layers": 2, "hidden_dim": INNER,
                    "max_position_embeddings": harness.MAX_POSITIONS}, "DistilBertForQuestionAnswering", WIDTH, {},
                   ["transformer.layer.0", "transformer.layer.1"], DISTILBERT_LAYER),
    "roberta": (ROBERTA, "RobertaForQuestionAnswering", WIDTH, {}, ["encoder.layer.0", "encoder.layer.1"], BERT_LAYER),
    "xlm-roberta": (ROBERTA, "XLMRobertaForQuestionAnswering", WIDTH, {}, ["encoder.layer.0", "encoder.layer.1"], BERT_LAYER),
    "albert": ({**SIZES, "num_hidden_layers": 3, "num_hidden_groups": 2, "embedding_size": NARROW,
                "hidden_dropout_prob": 0.1}, "AlbertForQuestionAnswering", NARROW,
               {"encoder.embedding_hidden_mapping_in": (WIDTH, NARROW)},
               [f"encoder.albert_layer_groups.{i}.albert_layers.0" for i in range(2)], ALBERT_LAYER),
}


def body_of(family):
    """Where the encoder's tensors are."""
    return "roberta" if family == "xlm-roberta" else family


def weight_shapes(family, vocab_size):
    _, _, width, parts, folders, layer = FAMILIES[family]
    shapes = {"embeddings.word_embeddings.weight": (vocab_size, width),
              "embeddings.position_embeddings.weight": (harness.MAX_POSITIONS, width)}
    if family != "distilbert":
        shapes["embeddings.token_type_embeddings.weight"] = (FAMILIES[family][0].get("type_vocab_size", 2), width)
    parts = {"embeddings.LayerNorm": (width,), **parts,
             **{f"{folder}.{name}": shape for folder in folders for name, shape in layer.items()}}
    for name, shape in parts.items():
        shapes[f"{body_of(family)}.{name}.weight"], shapes[f"{body_of(family)}.{name}.bias"] = shape, shape[:1]
    return shapes


def message(*fields):
    """A protobuf message of (number, value): bytes, a float, or an integer below 128."""
    def encoded(number, value):
        if isinstance(value, bytes):
            size = bytes([len(value) & 127 | (128 if len(value) > 127 else 0), *([len(value) >> 7] if len(value) > 127 else [])])
            return bytes([number << 3 | 2]) + size + value
        return bytes([number << 3 | 5]) + struct.pack("<f", value) if isinstance(value, float) else bytes([number << 3, value])

    return b"".join(encoded(*field) for field in fields)


def sentencepiece_file(special):
    """A Unigram model, and its number of pieces."""
    words = [piece for piece in harness.vocabulary() if piece[0] not in "[#"]
    pieces = [*special, "\u2581", *words, *("\u2581" + w for w in words if len(w) > 1)]
    fields = [(1, message((1, piece.encode()), (2, -8.0 if len(piece) == 1 else -5.0), (3, 1))) for piece in pieces]
    return message(*fields, (2, message((3, 1))), (3, message((1, b"identity")))), len(pieces)


def byte_char(byte):
    """GPT-2's character for a byte."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in visible else chr(256 + sum(other not in visible for other in range(byte)))


def roberta_files():
    """A byte-level tokenizer that makes one piece of most words, and its number of pieces."""
    words = [piece for piece in harness.vocabulary() if piece.isalpha() and len(piece) > 1]
    merges = [(word[:i], word[i]) for word in words for i in range(1, len(word))]
    merges = list(dict.fromkeys(merges + [("\u0120", word) for word in words]))
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *map(byte_char, range(256)), *dict.fromkeys(map("".join, merges)), "<mask>"]
    return {"vocab.json": json.dumps({piece: i for i, piece in enumerate(pieces)}).encode(),
            "merges.txt": "".join(f"{left} {right}\n" for left, right in merges).encode()}, len(pieces)


def own_tokenizer(family):
    """The files of a family that does not have BERT's tokenizer, and the number of pieces; else nothing."""
    if family == "albert":
        content, size = sentencepiece_file(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])
        return {"spiece.model": content}, size
    if family == "xlm-roberta":
        content, size = sentencepiece_file(["<unk>", "<s>", "</s>"])
        return {"sentencepiece.bpe.model": content}, size + 2  # <pad> and <mask>
    return roberta_files() if family == "roberta" else None


class Families(harness.EndToEndTest):
    def model_of(self, family):
        path = self.shared / family
        if not path.exists():
            shutil.copytree(self.model, path)
            if own := own_tokenizer(family):
                for name in ("vocab.txt", "tokenizer_config.json"):
                    (path / name).unlink()
                for name, content in own[0].items():
                    (path / name).write_bytes(content)
            vocab_size = self.vocab_size(family)
            harness.write_json(path / "config.json", {"model_type": family, "vocab_size": vocab_size, **FAMILIES[family][0]})
            harness.write_safetensors(path / "model.safetensors", harness.random_values(weight_shapes(family, vocab_size)))
        return path

    @staticmethod
    def vocab_size(family):
        own = own_tokenizer(family)
        return own[1] if own else len(harness.vocabulary())

    def each(self):
        return [(family, self.model_of(family)) for family in FAMILIES]

    def test_train_and_resume_to_the_same_bits_in_both_precisions(self):
        for family, model in self.each():
            for precision in ("fp32", "bf16"):
                flags = ("--save-steps", 2, "--per-device-train-batch-size", 6, "--gradient-accumulation-steps", 2,
                         *(["--bf16"] if precision == "bf16" else []))
                whole, half = f"{family}-{precision}", f"{family}-{precision}-half"
                self.trained(*flags, model=model, output=whole)
                self.trained(*flags, "--resume", self.cwd / whole / "checkpoint-2", model=model, output=half)
                for name in ("model.safetensors", "optimizer.safetensors"):
                    ours, expected = ((self.cwd / run / "checkpoint-4" / name).read_bytes() for run in (half, whole))
                    self.assertEqual(ours, expected, (family, precision, name))

    def test_leave_a_model_directory_of_their_own_class(self):
        for family, model in self.each():
            self.trained(model=model, output=family)
            config = json.loads((self.cwd / family / "config.json").read_text())
            self.assertEqual(config["architectures"], [FAMILIES[family][1]])
            self.assertEqual(config["model_type"], family)
            weights = (self.cwd / family / "model.safetensors").read_bytes()
            header = json.loads(weights[8:8 + int.from_bytes(weights[:8], "little")])
            expected = weight_shapes(family, self.vocab_size(family))
            body = body_of(family)
            self.assertEqual({n for n in header if n.startswith(body)},
                             {n if n.startswith(body) else f"{body}.{n}" for n in expected})
            for name in {"vocab.txt", "tokenizer_config.json", *(own_tokenizer(family) or [{}])[0]} & set(harness.names(model)):
                for directory in (family, f"{family}/checkpoint-4"):
                    self.assertEqual((self.cwd / directory / name).read_bytes(), (model / name).read_bytes(), (family, name))

    def test_lose_half_their_loss_on_a_small_set_and_answer_from_it(self):
        for family, model in self.each():
            self.trained("--learning-rate", "3e-3", "--max-steps", 48, "--logging-steps", 8, "--validation-file",
                         self.train_file, "--eval-strategy", "no", model=model, output=family)
            losses = [line["loss"] for line in harness.metric_lines(self.cwd / family, "log")]
            self.assertLess(losses[-1], losses[0] / 2, family)
            self.assertEqual(self.printed_json(self.run_program("eval", family, "--data", self.dev_file, "--json",
                                                                *self.WINDOWS))["total"], 20)
            text = self.written("text.txt", "Barden sells salt.")
            answered = self.run_program("predict", family, "--question", "Who sells salt?", "--context-file", text)
            self.assertEqual(answered.code, 0, answered)

    def test_are_planned_and_probed_for_memory(self):
        for family, model in self.each():
            plan = self.printed_json(self.run_program("--plan-memory", "--json", "--model-name-or-path", model, *self.WINDOWS))
            self.assertTrue(plan)
            result = self.run_program(*self.training("--probe-memory", "--memory-limit", "8MiB", "--memory-reserve", 0,
                                                     model=model, output=family))
            self.assertEqual(result.code, 0, result)
            found = json.loads((self.cwd / family / "probe.json").read_text())
            self.assertGreater(found["micro_batch_features"], 0)
            self.assertLessEqual(sum(not trial["fits"] for trial in found["trials"]), 1, family)

    def test_are_named_where_the_model_is_of_none_of_them(self):
        model = self.copied_model()
        harness.change_json(model / "config.json", model_type="deberta-v2")
        self.assert_training_refused(self.training(model=model), 78, "'deberta-v2' is not supported",
                                     "albert, bert, distilbert, electra, roberta, xlm-roberta")


if __name__ == "__main__":
    harness.main()
