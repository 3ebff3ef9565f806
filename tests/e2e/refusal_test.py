"""Bad input: one clear message, the documented exit code, nothing written."""

import os
import unittest

import harness
from harness import EndToEndTest


class CommandLine(EndToEndTest):
    def test_help_fits_a_screen(self):
        result = self.run_program("--help")
        self.assertEqual(result.code, 0)
        lines = result.out.splitlines()
        self.assertLessEqual(len(lines), 40)
        self.assertLessEqual(max(map(len, lines)), 90)

    def test_version_is_one_line(self):
        result = self.run_program("--version")
        self.assertEqual((result.code, len(result.out.splitlines())), (0, 1))

    def test_an_unknown_command_is_answered_with_the_nearest(self):
        self.assert_refused(self.run_program("trian"), 2, "unknown command 'trian'", "did you mean 'train'?")

    def test_an_unknown_flag_is_a_usage_error(self):
        self.assert_refused(self.run_program("--no-such-flag"), 2, "--no-such-flag")


class Configuration(EndToEndTest):
    def test_a_misspelt_key_is_answered_with_the_nearest(self):
        arguments = self.training("--set", "learing_rate=3e-5")
        self.assert_training_refused(arguments, 78, "unknown key 'learing_rate'", "did you mean 'learning_rate'?")

    def test_all_errors_of_a_file_come_at_once_with_their_places(self):
        (self.cwd / "bad.yaml").write_text("seed: 1\nlearning_rate: fast\nsed: 3\n")
        result = self.run_program("--config", "bad.yaml")
        self.assert_refused(result, 78, "bad.yaml:2:16: error:", "bad.yaml:3:1: error:", "2 errors")

    def test_what_dump_config_prints_is_accepted_back(self):
        first = self.run_program(*self.training("--dump-config"))
        self.assertEqual(first.code, 0, first)
        (self.cwd / "dumped.yaml").write_text(first.out)
        second = self.run_program("--config", "dumped.yaml", "--dump-config")
        self.assertEqual(second.code, 0, second)
        without_origins = [[line.partition("  #")[0] for line in r.out.splitlines()] for r in (first, second)]
        self.assertEqual(*without_origins)

    def test_the_shipped_files_load(self):
        for path in sorted((harness.ROOT / "configs").glob("*.yaml")):
            with self.subTest(path.name):
                self.assertEqual(self.run_program("--config", str(path), "--dump-config").code, 0)


class Inputs(EndToEndTest):
    def refused(self, code, *texts, flags=(), **options):
        self.assert_training_refused(self.training(*flags, **options), code, *texts)

    def written(self, name, content):
        path = self.cwd / name
        path.write_bytes(content)
        return path

    def changed_model(self, name, content):
        harness.shutil.rmtree(self.cwd / "model", ignore_errors=True)
        model = harness.make_model(self.cwd / "model")
        (model / "model.safetensors").unlink()
        (model / name).write_bytes(content)
        return model

    def test_missing_and_unreadable_data(self):
        self.refused(66, "none.json", train="none.json")
        self.refused(66, "directory", train=str(self.shared))

    def test_malformed_data(self):
        for content in (b"", b'{"data": [', b"[1, 2]", b'{"data": 3}', b"<html></html>"):
            with self.subTest(content):
                self.refused(65, "bad.json", train=self.written("bad.json", content))

    def test_foreign_weights(self):
        for name, content in (("pytorch_model.bin", b"PK\x03\x04"), ("model.safetensors", b"GGUF\x03\0\0\0" * 4),
                              ("model.safetensors", b"<!DOCTYPE html><html></html>"),
                              ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")):
            with self.subTest((name, content[:8])):
                self.refused(65, model=self.changed_model(name, content))

    def test_truncated_weights(self):
        whole = (self.model / "model.safetensors").read_bytes()
        self.refused(65, "model.safetensors", model=self.changed_model("model.safetensors", whole[:-4]))

    def test_weights_that_are_not_finite(self):
        whole = (self.model / "model.safetensors").read_bytes()
        nan = whole[:-4] + b"\x00\x00\xc0\x7f"
        self.refused(65, "finite", model=self.changed_model("model.safetensors", nan))

    def test_a_vocabulary_larger_than_the_model(self):
        model = harness.make_model(self.cwd / "model")
        with (model / "vocab.txt").open("a") as file:
            file.write("onemore\n")
        self.refused(65, "vocab_size", model=model)

    def test_another_kind_of_model(self):
        model = harness.make_model(self.cwd / "model")
        text = (model / "config.json").read_text().replace('"bert"', '"roberta"')
        (model / "config.json").write_text(text)
        self.refused(78, "roberta", model=model)

    def test_windows_longer_than_the_positions(self):
        self.refused(78, "positions", flags=("--max-seq-length", "600"))

    @unittest.skipIf(os.path.exists("/dev/nvidia0"), "a GPU is there")
    def test_a_gpu_that_is_not_there(self):
        self.refused(69, "no GPU", flags=("--device", "cuda"))

    def test_an_output_directory_in_use_or_impossible(self):
        (self.cwd / "run").mkdir()
        self.written("run/notes.txt", b"mine")
        self.refused(73, "not empty", "--overwrite")
        self.refused(73, "is a file", output="run/notes.txt/deeper")


if __name__ == "__main__":
    harness.main()
