"""Options from files, the environment and the command line: errors, precedence, and the dump that is read back."""

import harness
from harness import EndToEndTest


def values_of(dump):
    """key -> (value, origin) of what --dump-config printed."""
    found = {}
    for line in dump.splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, rest = line.partition(": ")
        value, _, origin = rest.partition("  # ")
        found[key] = (value, origin)
    return found


class ConfigurationTest(EndToEndTest):
    def refused(self, args, *texts, code=78, num_lines=range(1, 4), env=None):
        self.assert_training_refused(args, code, *texts, num_lines=num_lines, env=env)

    def file(self, text, name="c.yaml"):
        self.written(name, text)
        return "--config", name

    def dumped(self, *args, env=None):
        result = self.run_program(*args, "--dump-config", env=env)
        self.assertEqual(result.code, 0, result)
        return result.out


class Errors(ConfigurationTest):
    def test_of_a_file_come_at_once_with_their_places(self):
        self.refused(self.file("learing_rate: 3\nper_device_train_batch_size: thirty\nseed: 1\nseed: 2\npush_to_hub: true\n"
                               "doc_stride: -1\nmax_seq_length: [1]\n"),
                     "c.yaml:1:1: error: unknown key 'learing_rate'; did you mean 'learning_rate'?",
                     "c.yaml:2:30: error: per_device_train_batch_size: expected a positive integer, got 'thirty'",
                     "c.yaml:4:1: error: duplicate key 'seed' (first on line 3)",
                     "c.yaml:5:1: error: 'push_to_hub' is not supported: nothing is uploaded; push output_dir yourself",
                     "c.yaml:6:13: error: doc_stride", "c.yaml:7:17: error: max_seq_length", "\n6 errors\n",
                     num_lines=[7])

    def test_of_every_source_come_together(self):
        self.refused([*self.file("learing_rate: 3\n"), "--set", "foo=1", "--max-seq-length", "x"],
                     "c.yaml:1:1: error: ", "unknown key 'frobnicate'  (BERT_FINETUNE_FROBNICATE)",
                     "error: seed: expected a non-negative integer, got 'zz'  (BERT_FINETUNE_SEED)",
                     "unknown key 'foo'  (--set, argument 1)", "got 'x'  (--max-seq-length)", "\n5 errors\n",
                     num_lines=[6], env={"BERT_FINETUNE_SEED": "zz", "BERT_FINETUNE_FROBNICATE": "1"})

    def test_of_a_file_that_may_not_be_read(self):
        self.written("private.yaml", "seed: 1\n").chmod(0o000)
        self.assert_training_refused(["--config", "private.yaml"], 66, "private.yaml", "Permission denied",
                                     preexec_fn=harness.bound_by_permissions)

    def test_of_a_single_setting_is_one_line(self):
        self.refused(["--set", "learing_rate=3e-5"], "error: unknown key 'learing_rate'  (--set, argument 1)",
                     "did you mean 'learning_rate'?", num_lines=[1])

    def test_of_syntax_name_the_place(self):
        for text, place in (("seed: [1\n", "c.yaml:2:1: error: "), ("seed: 1\n  x: 2\n", "c.yaml:2:4: error: "),
                            ("- seed\n", "c.yaml:1:1: error: "), ("seed: &a 1\n", "c.yaml:1:7: error: "),
                            ("learning_rate:\n", "got nothing"), ("seed: 1\0\n", "c.yaml:1:"), ("\xff", "c.yaml")):
            with self.subTest(text):
                self.refused(self.file(text.encode("latin-1")), place)

    def test_of_values_out_of_range(self):
        for setting in ("learning_rate=-1", "adam_beta1=1", "max_grad_norm=nan", "seed=1.5", "seed=99999999999999999999",
                        "bf16=maybe", "eval_strategy=sometimes", "warmup_steps=1_000", "n_best_size=0", "logging_steps=2.5",
                        "max_seq_length=1000001", "probe_up_to=9223372036854775807"):
            with self.subTest(setting):
                self.refused(["--set", setting], setting.partition("=")[0], num_lines=[1])

    def test_of_options_that_contradict_each_other(self):
        for flags, texts in (
                (["--micro-batch-features", "1", "--micro-batch-tokens", "9"], ["exclude each other"]),
                (["--fp16", "--bf16"], ["fp16: true (--fp16) and bf16: true (--bf16) exclude each other; fp16 is for GPUs before Ampere"]),
                (["--eval-strategy", "steps"], ["eval_strategy: steps (--eval-strategy) needs validation_file"]),
                (["--doc-stride", "384"], ["doc_stride", "max_seq_length"]),
                (["--early-stopping-patience", "1"], ["early_stopping_patience", "load_best_model_at_end"]),
                (["--metric-for-best-model", "bleu"], ["metric_for_best_model", "f1"])):
            with self.subTest(flags):
                self.refused(flags, *texts)

    def test_of_inputs_not_named(self):
        self.refused(["--device", "cpu"], "training needs model_name_or_path, train_file, output_dir",
                     "--model-name-or-path DIR --train-file FILE --output-dir DIR")

    def test_of_a_file_that_cannot_be_read(self):
        self.refused(["--config", "none.yaml"], "none.yaml", "No such file", code=66)
        self.refused(["--config", "."], "directory", code=66)

    def test_of_keys_that_other_programs_know(self):
        self.refused(["--set", "deepspeed=ds.json"], "'deepspeed' is not supported", "one device is used")
        self.refused(["--push-to-hub"], "'push_to_hub' is not supported")


class Precedence(ConfigurationTest):
    def seed(self, *args, env=None):
        return values_of(self.dumped(*args, env=env))["seed"]

    def test_later_sources_win_and_the_dump_names_them(self):
        first, second = self.file("seed: 1\n", "a.yaml"), self.file("seed: 2\n", "b.yaml")
        environment = {"BERT_FINETUNE_SEED": "3"}
        self.assertEqual(self.seed(), ("42", "default"))
        self.assertEqual(self.seed(*first), ("1", "a.yaml:1"))
        self.assertEqual(self.seed(*first, *second), ("2", "b.yaml:1"))
        self.assertEqual(self.seed(*second, *first), ("1", "a.yaml:1"))
        self.assertEqual(self.seed(*first, env=environment), ("3", "BERT_FINETUNE_SEED"))
        self.assertEqual(self.seed("--set", "seed=4", *first, env=environment), ("4", "--set, argument 1"))
        self.assertEqual(self.seed("--seed", "5", "--set", "seed=4"), ("4", "--set, argument 1"))
        self.assertEqual(self.seed("--set", "seed=4", "--seed", "5"), ("5", "--seed"))
        self.assertEqual(self.seed("--seed=6", "--seed", "7"), ("7", "--seed"))

    def test_flags_take_both_spellings_and_booleans_their_forms(self):
        values = values_of(self.dumped("--max_seq_length", "100", "--doc-stride=50", "--overwrite", "--tf32=false"))
        self.assertEqual([values[k][0] for k in ("max_seq_length", "doc_stride", "overwrite", "tf32")],
                         ["100", "50", "true", "false"])

    def test_old_names_are_read_with_a_notice(self):
        old = self.file("warmup_ratio: 0.1\nevaluation_strategy: no\n")
        result = self.run_program(*old, "--batch-size", "4", "--dump-config")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(values_of(result.out)["warmup_steps"][0], "0.1")
        self.assertEqual(values_of(result.out)["per_device_train_batch_size"][0], "4")
        self.assertIn("c.yaml:1:1: note: 'warmup_ratio' is read as warmup_steps: 0.1", result.err)
        self.assertIn("'batch_size' is read as", result.err)
        self.assertEqual(len(result.err.splitlines()), 3, result)


class Dump(ConfigurationTest):
    def test_is_accepted_back_and_dumps_the_same(self):
        settings = ["--learning-rate", "1e-3", "--set", "max_steps=7", "--max-grad-norm", "null", "--output-dir", "a: b #c",
                    "--null-score-diff-threshold", "auto", "--eval-strategy", "no", "--train-file", "é.json"]
        self.written("first.yaml", self.dumped(*settings))
        again = self.dumped("--config", "first.yaml")
        self.written("again.yaml", again)
        first = values_of((self.cwd / "first.yaml").read_text())
        self.assertEqual({k: v for k, (v, _) in first.items()}, {k: v for k, (v, _) in values_of(again).items()})
        self.written("first.yaml", again)
        self.assertEqual(self.dumped("--config", "first.yaml"), again)

    def test_lists_every_option_of_the_reference(self):
        reference = (harness.ROOT / "docs" / "configuration.md").read_text()
        keys = [line.split("`")[1] for line in reference.partition("## Options\n")[2].partition("\n## ")[0].splitlines()
                if line.startswith("| `")]
        self.assertEqual(list(values_of(self.dumped())), keys)

    def test_of_the_shipped_files_works(self):
        paths = sorted((harness.ROOT / "configs").glob("*.yaml"))
        self.assertEqual([p.name for p in paths], ["quickstart.yaml", "squad-small-gpu.yaml", "squad.yaml"])
        for path in paths:
            with self.subTest(path.name):
                self.assertIn(path.name, values_of(self.dumped("--config", str(path)))["model_name_or_path"][1])

    def test_of_the_squad_recipes_have_one_effective_batch(self):
        for name in ("squad.yaml", "squad-small-gpu.yaml"):
            values = values_of(self.dumped("--config", str(harness.ROOT / "configs" / name)))
            batch = int(values["per_device_train_batch_size"][0]) * int(values["gradient_accumulation_steps"][0])
            self.assertEqual((batch, values["learning_rate"][0], values["num_train_epochs"][0], values["max_seq_length"][0]),
                             (32, "3.0e-05", "2", "384"))


class Sizes(EndToEndTest):
    def test_beyond_any_run_are_refused(self):
        for flags in (("--per-device-train-batch-size", 2 ** 62, "--gradient-accumulation-steps", 4),
                      ("--num-train-epochs", "1e300", "--max-steps", "null"), ("--max-steps", 2 ** 62)):
            with self.subTest(flags):
                self.assert_training_refused(self.training(*flags), 78, "Lower ")


if __name__ == "__main__":
    harness.main()
