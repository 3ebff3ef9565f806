"""Holds our safetensors reader and writer, and what we make of model directories, against
the Python packages safetensors and transformers.

usage: python safetensors_parity.py SAFETENSORS_TOOL
"""

import json
import logging
import random
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import transformers
from transformers import BertConfig, BertForPreTraining, BertForQuestionAnswering, BertModel

TOOL = ""
PROJECT = Path(__file__).resolve().parents[2]


def tool(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        torch.manual_seed(7)


class Files(Case):
    def assert_copied_byte_for_byte(self, tensors):
        source, copy = self.folder / "source", self.folder / "copy"
        safetensors.torch.save_file(tensors, source, {"format": "pt"})
        copy.unlink(missing_ok=True)
        tool("copy", source, copy)
        self.assertEqual(source.read_bytes(), copy.read_bytes())

    def test_every_dtype(self):
        dtypes = [torch.uint64, torch.int64, torch.float64, torch.float32, torch.uint32, torch.int32, torch.bfloat16,
                  torch.float16, torch.uint16, torch.int16, torch.int8, torch.uint8, torch.bool]
        random.Random(1).shuffle(dtypes)
        self.assert_copied_byte_for_byte(
            {f"{name}{i}": torch.arange(5 + i).to(dtype) for i, dtype in enumerate(dtypes) for name in "ba"})

    def test_scalars_and_empty_tensors(self):
        self.assert_copied_byte_for_byte({
            "scalar": torch.tensor(1.5), "empty": torch.empty(0), "none": torch.empty(3, 0, 2, dtype=torch.float64),
            "half": torch.tensor(2.5, dtype=torch.float16), "long": torch.empty(0, 7, dtype=torch.int64),
            "bool": torch.tensor([True])})

    def test_names_of_any_kind(self):
        names = ["", " ", "ü", "名前", "\U0001f600", "a\"b\\c/d", "\b\f\n\r\t", "\x01\x1f\x7f\u0080", "\u2028\u2029", "\ufeff",
                 "\ufffd", "\0", "z" * 500, "Z", "é", "e\u0301"]
        self.assert_copied_byte_for_byte({name: torch.full((i,), i, dtype=torch.uint8) for i, name in enumerate(names)})

    def test_no_tensors(self):
        self.assert_copied_byte_for_byte({})

    def test_headers_of_every_length_modulo_eight(self):
        for length in range(1, 18):
            self.assert_copied_byte_for_byte({"n" * length: torch.zeros(3, dtype=torch.int16)})

    def test_random_files(self):
        pick = random.Random(2)
        for _ in range(20):
            self.assert_copied_byte_for_byte({
                "".join(pick.choices("ab.é0_", k=8)) + str(i): torch.zeros(
                    [pick.randrange(4) for _ in range(pick.randrange(4))],
                    dtype=pick.choice([torch.float32, torch.bfloat16, torch.int64, torch.uint8]))
                for i in range(pick.randrange(30))})

    def test_the_example_of_the_unit_test(self):
        """The bytes that tests/weights/safetensors_test.cpp expects come from the reference."""
        buffers = {}

        def spec(dtype, shape, data):
            buffers[len(buffers)] = buffer = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)
            return safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=buffer.data_ptr(), data_len=len(data))

        written = safetensors.serialize({
            'a"\\\x01\x7f\u2028é\n/': spec("uint8", [], b"\1"), "z": spec("float32", [0, 3], b""),
            "y": spec("float32", [0], b""), "b": spec("int64", [1], b"12345678"),
            "c": spec("bfloat16", [1, 2], b"abcd"), "d": spec("float16", [1], b"ef")}, {"format": "pt"})
        (self.folder / "in").write_bytes(written)
        tool("copy", self.folder / "in", self.folder / "out")
        self.assertEqual((self.folder / "out").read_bytes(), written)

    def test_metadata_survives(self):
        safetensors.torch.save_file({"a": torch.ones(1)}, self.folder / "in", {"format": "pt", "note": "ä \"x\"\n"})
        tool("copy", self.folder / "in", self.folder / "out")
        with safetensors.safe_open(self.folder / "out", "pt") as file:
            self.assertEqual(file.metadata(), {"format": "pt", "note": "ä \"x\"\n"})

    def test_what_we_accept_the_reference_accepts(self):
        """Mutated files: we may be stricter than the reference, never laxer."""
        pick = random.Random(3)
        seed = safetensors.torch.save({"a": torch.arange(6).float().reshape(2, 3), "b": torch.ones(4).bfloat16(),
                                       "c": torch.empty(0, 2)}, {"format": "pt"})
        paths = []
        for i in range(3000):
            mutated = bytearray(seed)
            for _ in range(pick.choice([1, 1, 1, 2, 4])):
                at = pick.randrange(min(len(mutated), 300))
                mutated[at] = pick.choice([pick.randrange(256), *b'0123456789[]{}",:F ', mutated[at] ^ 1])
            paths.append(self.folder / str(i))
            paths[-1].write_bytes(mutated)
        verdicts = tool("check", *paths).splitlines()
        self.assertEqual(len(verdicts), len(paths))
        accepted = [path for path, verdict in zip(paths, verdicts) if verdict == "ok"]
        self.assertGreater(len(accepted), 100)
        for path in accepted:
            safetensors.deserialize(path.read_bytes())


TINY = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=20)


class Warned(logging.Handler):
    """Collects what transformers says while a block runs."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def __enter__(self):
        transformers.logging.get_logger().addHandler(self)
        return self

    def __exit__(self, *_):
        transformers.logging.get_logger().removeHandler(self)


class ModelDirectories(Case):
    def load_calmly(self, path):
        with Warned() as warned, warnings.catch_warnings():
            warnings.simplefilter("error")
            model = BertForQuestionAnswering.from_pretrained(path)
        self.assertEqual(warned.lines, [])
        return model

    def export(self, base):
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        (out / "model.safetensors").unlink(missing_ok=True)
        return out, tool("export", base, out)

    def assert_read_as_transformers_does(self, base):
        """Same tensors under the same names as transformers finds, but for the head that it draws."""
        out, summary = self.export(base)
        ours = safetensors.torch.load_file(out / "model.safetensors")
        with Warned() as warned:
            theirs = BertForQuestionAnswering.from_pretrained(base).state_dict()
        self.assertIn("LOAD REPORT", "".join(warned.lines))
        self.assertEqual(set(theirs) - set(ours), {"qa_outputs.weight", "qa_outputs.bias"})
        for name, tensor in ours.items():
            self.assertTrue(torch.equal(tensor, theirs[name]), name)
        return summary

    def test_question_answering_model_and_back(self):
        model = BertForQuestionAnswering(BertConfig(**TINY)).eval()
        model.save_pretrained(self.folder / "base")
        out, summary = self.export(self.folder / "base")
        self.assertEqual(summary, "loaded 39/39 tensors\n")
        ids = torch.tensor([[2, 7, 3, 9, 9, 3]])
        with torch.no_grad():
            expected, got = model(ids), self.load_calmly(out).eval()(ids)
        self.assertTrue(torch.equal(expected.start_logits, got.start_logits))
        self.assertTrue(torch.equal(expected.end_logits, got.end_logits))
        self.assertEqual((out / "model.safetensors").read_bytes(),
                         (self.folder / "base" / "model.safetensors").read_bytes())

    def test_pretraining_model_in_one_file_and_in_shards(self):
        model = BertForPreTraining(BertConfig(**TINY))
        model.save_pretrained(self.folder / "one")
        model.save_pretrained(self.folder / "shards", max_shard_size="8KB")
        self.assertTrue((self.folder / "shards" / "model.safetensors.index.json").exists())
        summaries = {self.assert_read_as_transformers_does(self.folder / name) for name in ["one", "shards"]}
        self.assertEqual(len(summaries), 1)
        self.assertIn("loaded 37/39 tensors", summaries.pop())

    def test_bare_encoder_and_old_layer_norm_names(self):
        BertModel(BertConfig(**TINY)).save_pretrained(self.folder / "bare")
        self.assertIn("ignored: pooler.* (2)", self.assert_read_as_transformers_does(self.folder / "bare"))
        path = self.folder / "bare" / "model.safetensors"
        old = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
               for name, tensor in safetensors.torch.load_file(path).items()}
        self.assertIn("encoder.layer.1.output.LayerNorm.gamma", old)
        safetensors.torch.save_file(old, path, {"format": "pt"})
        self.assert_read_as_transformers_does(self.folder / "bare")

    def test_the_advice_for_a_pickle_works(self):
        BertForPreTraining(BertConfig(**TINY)).save_pretrained(self.folder / "base")
        weights = safetensors.torch.load_file(self.folder / "base" / "model.safetensors")
        weights["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"]  # tied
        (self.folder / "base" / "model.safetensors").unlink()
        names = list(weights)
        shards = [self.folder / "base" / f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
        for shard, part in zip(shards, (names[:9], names[9:]), strict=True):
            torch.save({name: weights[name] for name in part}, shard)
        refused = subprocess.run([TOOL, "export", self.folder / "base", self.folder], capture_output=True, text=True,
                                 check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no model.safetensors, but pytorch_model-00001-of-00002.bin", refused.stderr)
        advice = refused.stderr[refused.stderr.index("python -c"):].strip()
        base = str(self.folder / "base")
        command = advice.replace("python", sys.executable, 1).replace("FILE...", " ".join(map(str, shards)))
        command = command.replace("MODEL_DIR", base)
        subprocess.run(command, shell=True, check=True, cwd=self.folder)
        self.assert_read_as_transformers_does(self.folder / "base")

    def test_half_precision_bases_become_float32_models(self):
        for dtype in [torch.float16, torch.bfloat16]:
            base = self.folder / str(dtype)
            BertForQuestionAnswering(BertConfig(**TINY)).to(dtype).save_pretrained(base)
            out, _ = self.export(base)
            self.assertEqual(self.load_calmly(out).dtype, torch.float32)

    def test_configurations_load_calmly(self):
        """Old and odd keys of the base do no harm to what we write."""
        BertForQuestionAnswering(BertConfig(**TINY)).save_pretrained(self.folder / "base")
        base = json.loads((self.folder / "base" / "config.json").read_text())
        minilm = PROJECT / "build" / "minilm" / "config.json"
        odd = [{"torch_dtype": "float16"}, {"model_type": None, "architectures": ["BertModel"]},
               {"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}},
               {"num_labels": 3}, {"num_labels": 3, "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}},
               {"problem_type": "single_label_classification", "_num_labels": 5},
               {"position_embedding_type": "absolute", "unknown": {"deep": [1.0, 1e-12, True, None, "ü"]}},
               {**json.loads(minilm.read_text()), **TINY} if minilm.exists() else {}]
        for keys in odd:
            config = {name: value for name, value in {**base, **keys}.items() if value is not None}
            (self.folder / "base" / "config.json").write_text(json.dumps(config, indent=2))
            out, _ = self.export(self.folder / "base")
            model = self.load_calmly(out)
            self.assertEqual(model.config.architectures, ["BertForQuestionAnswering"])
            self.assertEqual(model.config.num_labels, 2)
            self.assertEqual(model.dtype, torch.float32)
            written = json.loads((out / "config.json").read_text())
            kept = {name: value for name, value in config.items()
                    if name not in ["architectures", "dtype", "torch_dtype", "id2label", "label2id", "num_labels"]}
            self.assertEqual({name: written[name] for name in kept}, kept)


if __name__ == "__main__":
    TOOL = sys.argv.pop(1)
    transformers.logging.disable_progress_bar()
    transformers.logging.disable_default_handler()  # what it says is collected where it matters
    unittest.main()
