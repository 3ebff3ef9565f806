"""Whole runs on a tiny model: what they leave behind, that they learn, and that they repeat."""

import array
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import harness
from harness import EndToEndTest, metric_lines, names, wait_until

MODEL_FILES = {"model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json", "trainer_state.json",
               "bert_finetune_config.yaml", "README.md"}
RUN_FILES = MODEL_FILES | {"train.log", "metrics.jsonl", "environment.json", "run.lock", "train_results.json",
                           "all_results.json"}
EVALUATION_FILES = {"eval_results.json", "eval_predictions.json", "eval_nbest_predictions.json", "eval_null_odds.json"}


class RunDirectory(EndToEndTest):
    def read(self, name):
        return json.loads((self.cwd / "run" / name).read_text())

    def test_has_exactly_the_documented_files(self):
        self.trained("--validation-file", self.dev_file)
        self.assertEqual(set(names(self.cwd / "run")), RUN_FILES | EVALUATION_FILES | {"checkpoint-4"})
        self.assertEqual(set(names(self.cwd / "run" / "checkpoint-4")),
                         MODEL_FILES | {"optimizer.safetensors", "manifest.json"})

    def test_has_no_evaluation_without_validation_data(self):
        self.trained()
        self.assertEqual(set(names(self.cwd / "run")), RUN_FILES | {"checkpoint-4"})

    def test_keeps_that_questions_may_be_unanswerable_though_validation_data_have_none(self):
        answerable = harness.answerable_only(json.loads(self.dev_file.read_text()))
        self.trained("--validation-file", harness.write_json(self.cwd / "answerable.json", answerable))
        self.assertIn("version_2_with_negative: true ", (self.cwd / "run/bert_finetune_config.yaml").read_text())

    def test_has_metrics_as_json_lines(self):
        self.trained("--validation-file", self.dev_file, "--save-steps", 2)
        lines = metric_lines(self.cwd / "run", timing=True)
        self.assertEqual([(line["kind"], line["step"]) for line in lines],
                         [("log", 1), ("log", 2), ("checkpoint", 2), ("log", 3), ("log", 4), ("eval", 4), ("checkpoint", 4),
                          ("finish", 4)])
        self.assertEqual(list(lines[0]), ["kind", "step", "epoch", "loss", "grad_norm", "learning_rate", "timing"])
        self.assertEqual([line["learning_rate"] for line in lines if line["kind"] == "log"],
                         [1e-3, 7.5e-4, 5e-4, 2.5e-4])
        self.assertEqual([line["epoch"] for line in lines if line["kind"] == "log"], [0.125, 0.25, 0.375, 0.5])
        evaluation = next(line for line in lines if line["kind"] == "eval")
        self.assertLessEqual({"exact", "f1", "total", "HasAns_f1", "NoAns_f1", "best_f1", "loss"}, set(evaluation["metrics"]))
        self.assertEqual((evaluation["metrics"]["total"], evaluation["num_features"]), (20, 20))
        self.assertTrue(all(line["timing"]["elapsed_s"] > 0 for line in lines))

    def test_has_results_that_agree_with_each_other(self):
        self.trained("--validation-file", self.dev_file)
        evaluation = metric_lines(self.cwd / "run", "eval")[0]["metrics"]
        results, train, everything = (self.read(n) for n in ("eval_results.json", "train_results.json", "all_results.json"))
        self.assertEqual(results["eval_samples"], 20)
        self.assertEqual(results.keys() - harness.without_speed(results).keys(), harness.SPEED)
        self.assertEqual(harness.figures_of(results), evaluation)
        self.assertEqual(everything, {**train, **results})
        losses = [line["loss"] for line in metric_lines(self.cwd / "run", "log")]
        self.assertAlmostEqual(train["train_loss"], sum(losses) / 4, places=12)
        ids = [qa["id"] for qa in harness.questions_of(json.loads(self.dev_file.read_text()))]
        for name in ("eval_predictions.json", "eval_nbest_predictions.json", "eval_null_odds.json"):
            self.assertEqual(list(self.read(name)), ids, name)
        state = self.read("trainer_state.json")
        self.assertEqual([entry["step"] for entry in state["log_history"]], [1, 2, 3, 4, 4, 4])
        self.assertEqual(train.pop("train_samples"), 60)
        self.assertEqual(state["log_history"][-1], {**train, "step": 4})
        self.assertEqual((state["global_step"], state["max_steps"]), (4, 4))

    def test_has_a_log_of_all_that_was_said(self):
        result = self.trained("--warmup-steps", 100)
        self.assertIn("warm-up takes 100 steps", result.err)  # before there is a directory for the log
        log = (self.cwd / "run" / "train.log").read_text().splitlines()
        self.assertLessEqual(set(result.err.splitlines()), set(log))
        for line in log:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|warning|error) ")

    def test_has_the_tokenizer_byte_for_byte(self):
        self.trained()
        for name in ("vocab.txt", "tokenizer_config.json"):
            self.assertEqual((self.cwd / "run" / name).read_bytes(), (self.model / name).read_bytes())
        self.assertEqual(self.read("config.json")["architectures"], ["BertForQuestionAnswering"])

    def test_has_a_configuration_that_repeats_the_run(self):
        self.trained("--validation-file", self.dev_file, "--warmup-steps", "0.5", "--weight-decay", "0.1")
        again = self.run_program("--config", "run/bert_finetune_config.yaml", "--output-dir", "again")
        self.assertEqual(again.code, 0, again)
        for name in ("model.safetensors", "eval_predictions.json"):
            self.assertEqual((self.cwd / "again" / name).read_bytes(), (self.cwd / "run" / name).read_bytes())
        self.assertEqual(metric_lines(self.cwd / "again"), metric_lines(self.cwd / "run"))

    def test_holds_no_secret_and_nothing_for_others_to_write(self):
        self.trained(env={"HF_TOKEN": "hf_canary"})
        for path in (self.cwd / "run").rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o002, 0, path)
            self.assertFalse(path.is_file() and b"hf_canary" in path.read_bytes(), path)


class Training(EndToEndTest):
    def test_learns_the_training_data(self):
        self.trained("--max-steps", 64, "--logging-steps", 16, "--learning-rate", "3e-3", "--validation-file", self.train_file)
        losses = [line["loss"] for line in metric_lines(self.cwd / "run", "log")]
        self.assertLess(losses[-1], losses[0] / 2, losses)
        self.assertGreater(metric_lines(self.cwd / "run", "eval")[0]["metrics"]["f1"], 50)

    def test_tells_its_plan_first_and_its_result_last(self):
        lines = self.trained("--validation-file", self.dev_file).err.splitlines()
        expected = ["train     60 questions (48 with answer) -> 60 windows", "validate  20 questions (16 with answer)",
                    "windows   64 tokens at most", "model     ", "words     ", "plan      4 steps, effective batch 8",
                    "device    CPU, 1 thread, fp32", "memory    ", "output    "]
        for line, text in zip(lines, expected):
            self.assertIn(f" info {text}", line)
        self.assertIn("qa_outputs.{weight,bias} newly initialised", lines[3])
        self.assertIn(" info done     step 4/4", lines[-5])
        self.assertRegex(lines[-4], r" info result   exact [\d.]+  f1 [\d.]+ ")
        self.assertRegex(lines[-3], r" info best     .* for f1 is kept in the checkpoint$")
        self.assertIn("--null-score-diff-threshold auto", lines[-2])
        self.assertRegex(lines[-1], r" info model    /.*/run  \(loads with from_pretrained\)$")

    def test_depends_on_the_seed_alone(self):
        self.trained(output="a")
        self.trained(output="b", env={"TZ": "Asia/Tokyo", "TERM": "dumb"})
        self.trained("--seed", 7, output="c")
        models = [(self.cwd / run / "model.safetensors").read_bytes() for run in "abc"]
        self.assertEqual(models[0], models[1])
        self.assertNotEqual(models[0], models[2])

    @unittest.skipUnless(shutil.which("localedef"), "localedef is not there")
    def test_does_not_depend_on_a_locale_with_decimal_commas(self):
        # Made here, since it is installed almost nowhere, and one that is not there is not taken.
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", self.cwd / "de_DE.UTF-8"], capture_output=True)
        if made.returncode != 0:
            self.skipTest("the sources of locales are not there")
        german = {"LC_ALL": "de_DE.UTF-8", "LOCPATH": str(self.cwd)}
        point = subprocess.run(["locale", "decimal_point"], env=os.environ | german, capture_output=True, check=True)
        self.assertEqual(point.stdout, b",\n")
        self.trained(output="a")
        self.trained(output="b", env=german)
        for name in ("model.safetensors", "config.json"):
            self.assertEqual(*((self.cwd / run / name).read_bytes() for run in "ab"), name)
        self.assertEqual(metric_lines(self.cwd / "a"), metric_lines(self.cwd / "b"))

    def test_keeps_no_weights_mapped_that_it_began_with(self):
        with self.started(*self.training("--max-steps", 10000)) as process:
            log = self.cwd / "run" / "metrics.jsonl"
            wait_until(lambda: log.exists() and '"log"' in log.read_text())
            maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
            self.assertNotIn(".safetensors", maps)
            self.assertIn("libtorch", maps)

    def test_leaves_out_a_step_that_is_not_finite_and_can_still_be_resumed(self):
        # The first step throws the weights so far that the second overflows.
        flags = ("--learning-rate", "1e30", "--max-steps", 2)
        result = self.trained(*flags)
        self.assertIn("step 2: loss or gradients are not finite; the step was not applied", result.err)
        log = (self.cwd / "run" / "train.log").read_text()
        ids = re.search(r"step 2 was of the questions (.*)", log)[1].split(", ")
        self.assertEqual(len(set(ids)), 8)
        self.assertLessEqual(set(ids), set(re.findall(r'"id": "([^"]+)"', self.train_file.read_text())))
        lines = metric_lines(self.cwd / "run", "log")
        self.assertEqual((lines[1]["loss"], lines[1]["grad_norm"]), (None, None))
        results = json.loads((self.cwd / "run/train_results.json").read_text())
        self.assertAlmostEqual(results["train_loss"], lines[0]["loss"])
        self.assertIn("is finished", self.trained(*flags, "--resume", "auto").err)

    def test_never_saves_weights_that_are_not_finite(self):
        flags = ("--learning-rate", "3e38", "--weight-decay", "1e30", "--max-steps", 12, "--save-steps", 1)
        result = self.run_program(*self.training(*flags))
        self.assertEqual(result.code, 1, result)
        self.assertIn("is not finite after step", result.err)
        resumed = self.run_program(*self.training(*flags, "--resume", "auto"))
        self.assertEqual(resumed.code, 1, resumed)  # as before, not 65

    def test_ends_with_1_and_keeps_the_last_checkpoint_when_it_diverges(self):
        result = self.run_program(*self.training("--learning-rate", "1e38", "--max-grad-norm", "null", "--max-steps", 50,
                                                 "--save-steps", 100, "--weight-decay", "1e3"))
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, r"(?m)^error: loss or gradients were not finite in 3 steps in a row")
        self.assertNotIn("model.safetensors", names(self.cwd / "run"))
        self.assertFalse([n for n in names(self.cwd / "run") if n.startswith(".tmp")])


class WordsInUse(EndToEndTest):
    """Of the word table the rows that some text uses are trained alone, and the whole is written."""

    def changed_rows(self, run):
        tables = []
        for directory, prefix in ((self.model, ""), (self.cwd / run, "bert.")):
            (num_rows, width), data = harness.read_safetensors(directory / "model.safetensors")[
                prefix + "embeddings.word_embeddings.weight"]
            tables.append([data[4 * width * row:][:4 * width] for row in range(num_rows)])
        self.assertEqual(*map(len, tables))
        return {row for row, (before, after) in enumerate(zip(*tables)) if before != after}

    def used_rows(self, file):
        result = self.run_program("data", "features", file, "--model", self.model, *self.WINDOWS)
        return {row for line in result.out.splitlines() for row in json.loads(line)["input_ids"]}

    def test_change_alone(self):
        result = self.trained("--validation-file", self.dev_file, "--num-train-epochs", 1, "--max-steps", -1)
        used = self.used_rows(self.train_file)
        self.assertEqual(self.changed_rows("run"), used)
        pieces = (self.model / "vocab.txt").read_text().split("\n")
        in_table = used | self.used_rows(self.dev_file) | {pieces.index("[PAD]"), pieces.index("[UNK]")}
        self.assertIn(f"words     {len(in_table)} of {len(pieces) - 1} rows of the word table are in use", result.err)

    def test_are_all_where_decay_changes_the_others(self):
        result = self.trained("--weight-decay", 0.1)
        self.assertNotIn("word table", result.err)
        self.assertEqual(len(self.changed_rows("run")), len(harness.vocabulary()))

    def test_are_read_from_a_checkpoint_when_a_run_goes_on_with_other_validation_data(self):
        self.trained("--validation-file", self.dev_file, "--save-steps", 2, "--save-total-limit", 2)
        whole = self.cwd / "run" / "checkpoint-4"
        self.trained("--validation-file", self.train_file, "--resume", self.cwd / "run" / "checkpoint-2", output="other")
        ours, expected = (harness.read_safetensors(folder / "model.safetensors") for folder in (self.cwd / "other", whole))
        for name, (shape, data) in expected.items():
            self.assertEqual(ours[name][0], shape, name)
            for x, y in zip(array.array("f", ours[name][1]), array.array("f", data)):
                self.assertAlmostEqual(x, y, delta=1e-5, msg=name)


class DryRun(EndToEndTest):
    def test_tells_the_plan_and_writes_nothing(self):
        result = self.run_program(*self.training("--dry-run", "--validation-file", self.dev_file))
        self.assertEqual((result.code, result.out, names(self.cwd)), (0, "", []), result)
        for text in ("train     60 questions", "plan      4 steps, effective batch 8", "dry run: nothing was written"):
            self.assertIn(text, result.err)

    def test_tells_what_a_micro_batch_takes_in_features_too(self):
        for flags, text in (((), "8 features at once take"), (("--micro-batch-tokens", 150), "2 features at once take"),
                            (("--micro-batch-tokens", 20), "1 feature at once takes"),
                            (("--micro-batch-features", 3), "3 features at once take")):
            with self.subTest(flags):
                self.assertIn(text, self.run_program(*self.training("--dry-run", *flags)).err)


class MicroBatches(EndToEndTest):
    # Beyond the end of an epoch, whose last batch is of 4 windows.
    ACCUMULATION = ("--per-device-train-batch-size", 7, "--gradient-accumulation-steps", 2, "--max-steps", 7,
                    "--learning-rate", "5e-5")

    def losses(self, *cut):
        output = "run" + "".join(map(str, cut))
        self.trained(*self.ACCUMULATION, *cut, output=output)
        return [line["loss"] for line in metric_lines(self.cwd / output, "log")]

    def test_do_not_change_the_losses(self):
        whole = self.losses()
        for cut in (("--micro-batch-features", 1), ("--micro-batch-features", 2), ("--micro-batch-features", 4),
                    ("--micro-batch-tokens", 64), ("--micro-batch-tokens", 200), ("--gradient-checkpointing",)):
            with self.subTest(cut):
                for ours, expected in zip(self.losses(*cut), whole, strict=True):
                    self.assertLess(abs(ours - expected), 1e-6 * expected)

    def test_of_an_effective_batch_follow_its_product_alone(self):
        whole = self.losses()
        self.assertEqual(whole, self.losses("--per-device-train-batch-size", 14, "--gradient-accumulation-steps", 1))


if __name__ == "__main__":
    harness.main()
