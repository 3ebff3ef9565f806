"""Whole runs on a tiny model: what they leave, how they stop, and that they go on to the same bits."""

import json
import signal
import unittest

import harness
from harness import EndToEndTest, metric_lines, names, newest_checkpoint, wait_until

STEPS = 24
# Dropout is on; 60 windows in batches of 14 leave 4 for an epoch's last step; micro-batches of 3 are uneven too.
LONG = ("--max-steps", STEPS, "--per-device-train-batch-size", 7, "--gradient-accumulation-steps", 2,
        "--micro-batch-features", 3, "--save-steps", 7, "--eval-strategy", "steps", "--eval-steps", 9)


class Run(EndToEndTest):
    def test_leaves_a_complete_run_directory(self):
        result = self.trained("--validation-file", self.dev_file)
        self.assertNotIn("\r", result.err)
        self.assertEqual(result.out, "")
        expected = {"model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json", "bert_finetune_config.yaml",
                    "train.log", "metrics.jsonl", "environment.json", "run.lock", "trainer_state.json",
                    "train_results.json", "eval_results.json", "all_results.json", "eval_predictions.json",
                    "eval_nbest_predictions.json", "eval_null_odds.json", "checkpoint-4", "README.md"}
        self.assertEqual(set(names(self.cwd / "run")), expected)
        self.assertEqual(len(metric_lines(self.cwd / "run", "log")), 4)

    def test_learns(self):
        self.trained("--max-steps", 60, "--logging-steps", 20, "--learning-rate", "5e-3")
        losses = [line["loss"] for line in metric_lines(self.cwd / "run", "log")]
        self.assertLess(losses[-1], losses[0])

    def test_dry_run_writes_nothing(self):
        result = self.run_program(*self.training("--dry-run"))
        self.assertEqual((result.code, names(self.cwd)), (0, []), result)

    def test_is_not_overwritten_by_accident_and_overwriting_spares_foreign_files(self):
        self.trained()
        (self.cwd / "run" / "notes.txt").write_text("mine")
        self.assertEqual(self.run_program(*self.training()).code, 73)
        self.trained("--overwrite", "--max-steps", 2)
        self.assertIn("notes.txt", names(self.cwd / "run"))
        self.assertNotIn("checkpoint-4", names(self.cwd / "run"))

    def test_micro_batches_do_not_change_the_losses(self):
        losses = {}
        for number, cut in enumerate(((), ("--micro-batch-features", 1), ("--micro-batch-features", 3),
                                      ("--micro-batch-tokens", 150))):
            self.trained("--max-steps", 8, *cut, output=f"run{number}")
            losses[number] = [line["loss"] for line in metric_lines(self.cwd / f"run{number}", "log")]
        for other in losses.values():
            for ours, whole in zip(other, losses[0], strict=True):
                self.assertLess(abs(ours - whole), 1e-6 * whole)


class Resume(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.long = [*LONG, "--validation-file", self.dev_file]

    def uninterrupted(self):
        self.trained(*self.long, output="whole")
        return self.cwd / "whole"

    def interrupt(self, number, after_step):
        arguments = self.training(*self.long)
        lines = self.cwd / "run" / "metrics.jsonl"
        with self.started(*arguments) as process:
            wait_until(lambda: lines.exists() and lines.read_text().count('"kind"') >= after_step)
            process.send_signal(number)
            return harness.wait(process).code

    def assert_goes_on_to_the_same_bits(self):
        self.trained(*self.long, "--resume", "auto")
        whole = self.uninterrupted()
        for name in ("model.safetensors", "optimizer.safetensors"):
            path = f"checkpoint-{STEPS}/{name}"
            self.assertEqual((self.cwd / "run" / path).read_bytes(), (whole / path).read_bytes(), name)
        for kind in ("log", "eval"):
            self.assertEqual(metric_lines(self.cwd / "run", kind), metric_lines(whole, kind))

    def test_after_sigterm(self):
        self.assertEqual(self.interrupt(signal.SIGTERM, 5), 143)
        self.assert_goes_on_to_the_same_bits()

    def test_after_sigint(self):
        self.assertEqual(self.interrupt(signal.SIGINT, 11), 130)
        self.assert_goes_on_to_the_same_bits()

    def test_after_sigkill(self):
        self.interrupt(signal.SIGKILL, 12)
        self.assert_goes_on_to_the_same_bits()

    def test_of_a_finished_run_says_so(self):
        self.trained()
        result = self.trained("--resume", "auto")
        self.assertIn("is finished", result.err)

    def test_refuses_another_seed(self):
        self.trained("--max-steps", 2, "--save-steps", 1)
        self.assert_refused(self.run_program(*self.training("--max-steps", 2, "--seed", 7, "--resume", "auto")), 65, "seed")

    def test_passes_over_a_damaged_checkpoint(self):
        self.trained(*self.long)
        step, path = newest_checkpoint(self.cwd / "run")
        damaged = bytearray((path / "optimizer.safetensors").read_bytes())
        damaged[-1] ^= 1
        (path / "optimizer.safetensors").write_bytes(damaged)
        self.assert_refused(self.run_program(*self.training(*self.long, "--resume", path)), 65, "damaged")
        result = self.trained(*self.long, "--resume", "auto")
        self.assertIn("damaged", result.err)
        self.assertEqual(newest_checkpoint(self.cwd / "run")[0], step)


class Use(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        arguments = ["--model-name-or-path", str(cls.model), "--train-file", str(cls.train_file), "--output-dir", "run",
                     "--max-seq-length", "64", "--doc-stride", "16", "--device", "cpu", "--max-steps", "4"]
        assert harness.run(*arguments, cwd=cls.shared).code == 0
        cls.trained_model = cls.shared / "run"

    def test_eval_prints_one_object_and_scoring_its_predictions_agrees(self):
        result = self.run_program("eval", self.trained_model, "--data", self.dev_file, "--json", "--save-predictions", ".")
        metrics = json.loads(result.out)
        self.assertEqual(list(metrics)[:3], ["exact", "f1", "total"])
        scored = self.run_program("eval", "--predictions", "predictions.json", "--data", self.dev_file, "--json")
        self.assertEqual({k: v for k, v in metrics.items() if not k.startswith("best_")}, json.loads(scored.out))

    def test_eval_refuses_a_base_model(self):
        self.assert_refused(self.run_program("eval", self.model, "--data", self.dev_file, "--max-seq-length", "64",
                                             "--doc-stride", "16"), 65, "qa_outputs")

    def test_predict_answers_from_the_context(self):
        (self.cwd / "context.txt").write_text("The ferry to Barden sells salt in march.")
        result = self.run_program("predict", self.trained_model, "--question", "What is sold?", "--context-file",
                                  "context.txt", "--json")
        self.assertEqual(result.code, 0, result)
        self.assertIn("n_best", json.loads(result.out))

    def test_predict_answers_a_file(self):
        result = self.run_program("predict", self.trained_model, "--data", self.dev_file)
        self.assertEqual(result.code, 0, result)
        questions = harness.questions_of(json.loads(self.dev_file.read_text()))
        self.assertEqual(len(json.loads((self.cwd / "predictions.json").read_text())), len(list(questions)))

    def test_data_check_and_features_print_json(self):
        check = self.run_program("data", "check", self.dev_file, "--model", self.model, "--json", "--max-seq-length", "64",
                                 "--doc-stride", "16")
        self.assertEqual(check.code, 0, check)
        json.loads(check.out)
        features = self.run_program("data", "features", self.dev_file, "--model", self.model, "--max-seq-length", "64",
                                    "--doc-stride", "16")
        first = json.loads(features.out.splitlines()[0])
        self.assertEqual(list(first), ["id", "window", "input_ids", "token_type_ids", "offsets", "start", "end"])


if __name__ == "__main__":
    harness.main()
