"""Models that cannot be trained: foreign, damaged or mismatched files are refused by name before anything is written."""

import json
import struct

import harness
from harness import EndToEndTest, change_json

LAST_TENSOR = "bert.encoder.layer.1.output.LayerNorm.bias"


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class BadModelTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.spoilt = self.copied_model()
        self.weights = self.spoilt / "model.safetensors"

    def refused(self, code, *texts, flags=()):
        self.assert_training_refused(self.training(*flags, model=self.spoilt), code, *texts)


class Directory(BadModelTest):
    def test_of_a_name_that_no_system_takes_is_no_input(self):
        self.assert_training_refused(self.training(model="x" * 300), 66, "File name too long")


class Weights(BadModelTest):
    def test_of_other_formats_are_recognised(self):
        for content, *texts in (
                (b"", "empty file"), (b"GGUF\x03\0\0\0" * 4, "GGUF"), (b"<!DOCTYPE html><html>", "web page", "hf download"),
                (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer", "git lfs pull"),
                (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl", "PyTorch checkpoint", "save_file"),
                (b"\x80\x02}q\0.", "pickle", "save_file"), (b"\x89HDF\r\n\x1a\n" * 2, "HDF5"), (b'{"a": 1}', "JSON document"),
                (b"\x1f\x8b\x08\0" * 4, "gzip")):
            with self.subTest(content[:20]):
                self.weights.write_bytes(content)
                self.refused(65, "model.safetensors", *texts)

    def test_of_a_pickle_are_never_opened(self):
        for name in ("pytorch_model.bin", "pytorch_model.pt"):
            with self.subTest(name):
                self.spoilt = self.copied_model()
                (self.spoilt / "model.safetensors").rename(self.spoilt / name)
                self.refused(65, f"no model.safetensors, but {name}", "save_file")

    def test_not_there_at_all(self):
        self.weights.unlink()
        self.refused(66, "no weights", "hf download")

    def test_with_a_malformed_header(self):
        whole = self.weights.read_bytes()
        size = struct.unpack("<Q", whole[:8])[0]
        a = {"a": tensor([1], 0, 4)}
        for what, content in {
                "shorter than its length field": whole[:5], "header longer than the file": struct.pack("<Q", 1 << 40) + whole[8:],
                "header cut": whole[:8 + size // 2], "data cut": whole[:-1], "bytes to spare": whole + b"\0",
                "not JSON": safetensors(b"{'a': 1}"), "not an object": safetensors(b"[1]"),
                "unknown dtype": safetensors({"a": tensor([1], 0, 4, "F99")}, bytes(4)),
                "shape and size differ": safetensors({"a": tensor([2], 0, 4)}, bytes(4)),
                "negative size": safetensors({"a": tensor([-1], 0, 4)}, bytes(4)),
                "size that overflows": safetensors({"a": tensor([1 << 62, 1 << 62], 0, 4)}, bytes(4)),
                "offsets the wrong way": safetensors({"a": tensor([1], 4, 0)}, bytes(4)),
                "overlap": safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 0, 4)}, bytes(4)),
                "a hole": safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)),
                "a name twice": safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(a["a"]).encode(),) * 2), bytes(4)),
                "deep nesting": safetensors(b'{"a":' + b"[" * 10_000)}.items():
            with self.subTest(what):
                self.weights.write_bytes(content)
                self.refused(65, "model.safetensors")

    def test_that_are_not_finite(self):
        whole = self.weights.read_bytes()
        for bits in (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\x00\x00\x80\xff"):
            with self.subTest(bits):
                self.weights.write_bytes(whole[:-4] + bits)
                self.refused(65, LAST_TENSOR, "1 NaN or infinite of 64 values")

    def test_of_another_shape_than_the_configuration_says(self):
        change_json(self.spoilt / "config.json", hidden_size=32)
        self.refused(65, "embeddings.word_embeddings.weight is [208, 64], expected [208, 32]", "and 32 more")

    def test_that_lack_a_layer(self):
        change_json(self.spoilt / "config.json", num_hidden_layers=3)
        self.refused(65, "encoder.layer.2.attention.self.query.weight is missing", "and 13 more")

    def test_in_shards_of_which_one_is_missing(self):
        index = {"metadata": {}, "weight_map": {"bert.embeddings.LayerNorm.bias": "model-00002-of-00002.safetensors"}}
        self.weights.rename(self.spoilt / "model-00001-of-00002.safetensors")
        harness.write_json(self.spoilt / "model.safetensors.index.json", index)
        self.refused(66, "model-00002-of-00002.safetensors", "no such file")

    def test_are_checked_by_a_dry_run_too(self):
        self.weights.write_bytes(self.weights.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")
        self.refused(65, LAST_TENSOR, flags=["--dry-run"])


class Vocabulary(BadModelTest):
    def test_larger_than_the_embeddings(self):
        with (self.spoilt / "vocab.txt").open("a") as file:
            file.write("onemore\n")
        self.refused(65, "209 pieces", "vocab_size 208")

    def test_much_smaller_than_the_embeddings_is_told(self):
        vocabulary = self.spoilt / "vocab.txt"
        vocabulary.write_text("".join(vocabulary.read_text().splitlines(keepends=True)[:60]))
        result = self.run_program(*self.training("--dry-run", model=self.spoilt))
        self.assertEqual(result.code, 0, result)
        self.assertIn("has 60 pieces, the model 208 (vocab_size): is its file whole?", result.err)

    def test_of_a_configuration_that_the_weights_do_not_follow(self):
        change_json(self.spoilt / "config.json", vocab_size=300)
        self.refused(65, "word_embeddings.weight is [208, 64], expected [300, 64]")

    def test_not_there(self):
        (self.spoilt / "vocab.txt").unlink()
        self.refused(66, "holds none of tokenizer.json, vocab.txt")

    def test_without_the_pieces_that_bert_needs(self):
        (self.spoilt / "vocab.txt").write_text("the\na\n")
        self.refused(65, "vocab.txt: the vocabulary has no '[CLS]'")

    def test_empty(self):
        (self.spoilt / "vocab.txt").write_text("")
        self.refused(65, "vocab.txt", "no pieces")

    def test_in_a_malformed_file(self):
        (self.spoilt / "tokenizer.json").write_text('{"model": ')
        self.refused(65, "tokenizer.json:1:")


class Configuration(BadModelTest):
    def test_of_another_kind_of_model(self):
        change_json(self.spoilt / "config.json", model_type="deberta-v2")
        self.refused(78, "model_type 'deberta-v2' is not supported; supported: albert, bert")

    def test_of_relative_positions(self):
        change_json(self.spoilt / "config.json", position_embedding_type="relative_key")
        self.refused(78, "relative_key", "absolute")

    def test_of_impossible_numbers(self):
        for changes in ({"hidden_size": 65}, {"num_attention_heads": 0}, {"num_hidden_layers": -1}, {"layer_norm_eps": "small"},
                        {"hidden_dropout_prob": 1.5}, {"vocab_size": 1e30}, {"hidden_act": "swoosh"}, {"type_vocab_size": 1}):
            with self.subTest(changes):
                self.spoilt = self.copied_model()
                change_json(self.spoilt / "config.json", **changes)
                result = self.run_program(*self.training(model=self.spoilt))
                self.assertIn(result.code, (65, 78), result)
                self.assert_refused(result, result.code, next(iter(changes)))

    def test_malformed_or_missing(self):
        (self.spoilt / "config.json").write_text('{"model_type": ')
        self.refused(65, "config.json:1:")
        (self.spoilt / "config.json").unlink()
        self.refused(66, "config.json")

    def test_windows_longer_than_the_positions(self):
        self.refused(78, "max_seq_length is 500; this model takes 128 tokens at most", flags=["--max-seq-length", "500"])


class Place(BadModelTest):
    def test_that_is_no_directory(self):
        self.assert_training_refused(self.training(model="none"), 66, "none: no such directory", "hf download")
        self.assert_training_refused(self.training(model=self.written("f", b"x")), 66, "not a directory")

    def test_whose_links_lead_nowhere(self):
        # What is left of a copy out of the hub's cache without the blobs that its links lead to.
        for name in ("config.json", "vocab.txt", "model.safetensors"):
            with self.subTest(name):
                self.spoilt = self.copied_model()
                (self.spoilt / name).unlink()
                (self.spoilt / name).symlink_to("../../blobs/53aa")
                self.refused(66, f"{name}': it is a link to '../../blobs/53aa', which is not there")

    def test_that_may_not_be_read(self):
        for name in ("config.json", "vocab.txt", "model.safetensors", "."):
            with self.subTest(name):
                self.spoilt = self.copied_model()
                (self.spoilt / name).chmod(0o000)
                self.assert_training_refused(self.training(model=self.spoilt), 66, str(self.spoilt / name),
                                             "Permission denied", preexec_fn=harness.bound_by_permissions)

    def test_that_is_a_name_on_the_hub(self):
        self.assert_training_refused(self.training(model="google-bert/bert-base-uncased"), 66, "hf download")


if __name__ == "__main__":
    harness.main()
