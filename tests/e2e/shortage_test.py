"""What a command that memory does not suffice for says, and the command that it names behind 'try:'."""

import re
import subprocess

import harness
from harness import ROOMY, SAVERS_ONLY, TINY, UNLOADABLE, MemoryTest, tree


class ShortageTest(MemoryTest):
    def short(self, arguments):
        """The result of a command that memory does not suffice for."""
        result = self.run_program(*arguments)
        self.assertEqual((result.code, result.out), (71, ""), result)
        for head in ("error: ", "has: ", "needs: ", "try: "):
            self.assertEqual(len(re.findall("(?m)^" + head, result.err)), 1, result)
        return result

    def command_of(self, result):
        return re.search(r"(?m)^try:   (.*)$", result.err)[1]

    def in_shell(self, command):
        done = subprocess.run(["bash", "-c", command], cwd=self.cwd, capture_output=True, timeout=60,
                              env=harness.environment())
        return harness.Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def tried(self, result):
        """The result of the command behind 'try:', which must succeed."""
        tried = self.in_shell(self.command_of(result))
        self.assertEqual(tried.code, 0, tried)
        return tried

    def assert_command(self, result, arguments, *beginning):
        """A shell takes it for `arguments` with enough memory in place of theirs and, last, `beginning`."""
        words = self.in_shell(r"printf '%s\0' " + self.command_of(result)).out.split("\0")[1:-1]
        kept = list(map(str, arguments))
        limit = kept.index("--memory-limit")
        del kept[limit:limit + 2]
        self.assertRegex(words.pop(len(kept) + 1), r"^memory_limit=\d+MiB$")
        self.assertEqual(words, [*kept, "--set", *beginning])

    def assert_saved(self, result, checkpoint):
        self.assertRegex(result.err, rf"(?m)^saved: .*/{checkpoint}$")


class Training(ShortageTest):
    """The command begins as it was told to until output_dir is the run's own; then it goes on from there."""

    def test_of_a_new_run_tells_what_there_is_and_what_would_help(self):
        arguments = self.limited(TINY)
        result = self.short(arguments)
        for line in (r"error: out of memory: .* of a budget of 900 KiB\.$",
                     r"has:   900 KiB \(memory_limit 900KiB\); CPU",
                     r"needs: about [\d.]+ MiB for one feature of 60 tokens: weights ",
                     r"fix:   memory_limit: \d+MiB +would do"):
            self.assertRegex(result.err, "(?m)^" + line)
        self.assert_command(result, arguments, "--resume", "auto")
        self.tried(result)
        self.assertIn("model.safetensors", harness.names(self.cwd / "run"))

    def test_says_what_of_the_limit_is_kept_in_reserve(self):
        result = self.run_program(*self.limited("2MiB", "--memory-reserve", "1536KiB", "--probe-memory"))
        self.assertIn("has:   2.0 MiB (memory_limit 2MiB, 1.5 MiB of it memory_reserve); CPU", result.err)

    def test_repeats_no_password(self):
        arguments = self.limited(TINY)
        result = self.short([*arguments, "--do_lower_case", "--local_rank", "-1", "--hub-token", "hf_secret", "--token=hf_secret", "--seed", "42",
                             "--push_to_hub_token", "-hf_secret", "--report_to", "tensorboard", "wandb",
                             "--set", "push_to_hub_token=hf_secret"])
        self.assertNotIn("hf_secret", result.err)
        self.assert_command(result, [*arguments, "--seed", "42"], "--resume", "auto")
        self.tried(result)
        self.assertNotIn("hf_secret", (self.cwd / "run" / "train.log").read_text())

    def test_in_a_later_step_keeps_the_steps_before_it(self):
        def arguments(limit, *flags):
            return self.limited(limit, "--per-device-train-batch-size", 1, "--max-steps", 10, *flags,
                                train=self.one_long_window(64))

        result = self.short(arguments("1350KiB"))
        step = int(re.search(r"one feature of 64 tokens does not fit .* of step (\d+)\)", result.err)[1]) - 1
        self.assertGreater(step, 0)
        self.assert_saved(result, f"run/checkpoint-{step}")
        self.assert_command(result, arguments("1350KiB"), "--resume", "auto")
        self.assertIn(f"step {step} of 10", self.tried(result).err)
        self.assertEqual(self.run_program(*arguments(ROOMY, "--output-dir", "whole")).code, 0)
        self.assertEqual((self.cwd / "whole/model.safetensors").read_bytes(),
                         (self.cwd / "run/model.safetensors").read_bytes())

    def test_of_a_window_that_no_smaller_micro_batch_makes_shorter_cuts_none_of_the_others(self):
        result = self.short(self.limited("1900KiB", "--per-device-train-batch-size", 10, "--max-seq-length", 128,
                                         train=self.one_long_window(128)))
        self.assertIn("one feature of 128 tokens does not fit", result.err)
        self.assertEqual(re.findall(r"redone with (\d+) tokens", result.err), ["127"], result)

    def test_of_a_probe_speaks_of_its_full_windows_though_the_data_has_shorter_ones(self):
        result = self.short(self.limited("1600KiB", "--max-seq-length", 128, "--set", "probe_memory=auto"))
        self.assertIn("for one feature of 128 tokens", result.err)
        self.tried(result)

    def one_short_window(self):
        return harness.write_json(self.cwd / "short.json", {"data": [{"title": "Salt", "paragraphs": [
            {"context": "Barden sells salt.", "qas": [{"id": "1", "question": "Who sells salt?", "is_impossible": False,
                                                       "answers": [{"text": "Barden", "answer_start": 0}]}]}]}]})

    def test_of_an_evaluation_of_longer_windows_than_training_has_names_a_command_that_works(self):
        result = self.short(self.limited(
            "1600KiB", "--max-seq-length", 128, "--validation-file", self.one_long_window(120),
            "--per-device-eval-batch-size", 1, train=self.one_short_window(),
            model=self.model_of(HIDDEN=16, LAYERS=2, HEADS=4, INTERMEDIATE=1024)))
        self.assertIn("(evaluation)", result.err)
        self.assertRegex(result.err, "for one feature of 120 tokens in an evaluation:\n       weights [^,]*, AdamW [^,]*, workspace ")
        self.assertRegex(result.err, r"(?m)^       bf16: true +saves ")
        self.assertNotIn("gradient_checkpointing", result.err)
        self.tried(result)

    def test_of_an_evaluation_takes_the_room_of_gradients(self):
        result = self.run_program(*self.limited(
            "21800KiB", "--max-seq-length", 128, "--validation-file", self.one_long_window(120, num_short=0),
            "--per-device-train-batch-size", 1, train=self.one_short_window(),
            model=self.model_of(HIDDEN=128, LAYERS=4, HEADS=4, INTERMEDIATE=1024)))
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("out of memory", result.err)

    def test_before_an_earlier_run_is_replaced_leaves_that_alone(self):
        self.trained("--max-steps", 1)
        before = tree(self.cwd / "run")
        arguments = self.limited(UNLOADABLE, "--overwrite")
        result = self.short(arguments)
        self.assertNotIn("saved:", result.err)
        self.assertEqual(tree(self.cwd / "run"), before)
        self.assert_command(result, arguments)
        self.tried(result)
        self.assertEqual(list(harness.checkpoints(self.cwd / "run")), [4])

    def test_once_an_earlier_run_is_replaced_goes_on_with_the_new_one(self):
        self.trained("--max-steps", 1)
        for flags in (("--overwrite_output_dir", "true"), ("--set", "overwrite=true"), ("--set=overwrite=true",)):
            with self.subTest(flags):
                result = self.short(self.limited(TINY, *flags))
                self.assertNotIn("saved:", result.err)
                self.assert_command(result, self.limited(TINY), "--resume", "auto")
        self.tried(result)

    def test_of_a_resumed_run_says_once_that_it_resumes(self):
        self.trained("--save-steps", 2)
        self.cut_short("run")
        for flags in (("--resume", "auto"), ("--resume=auto",), ("--set", "resume_from_checkpoint=auto")):
            with self.subTest(flags):
                result = self.short(self.limited(SAVERS_ONLY, *flags))
                self.assert_saved(result, "run/checkpoint-2")
                self.assert_command(result, self.limited(SAVERS_ONLY), "--resume", "auto")
        before_loading = self.short(self.limited(UNLOADABLE, *flags))
        self.assert_saved(before_loading, "run/checkpoint-2")
        self.assert_command(before_loading, self.limited(UNLOADABLE, *flags))
        self.assertIn("step 2 of 4", self.tried(before_loading).err)

    def test_of_a_resumed_run_comes_no_earlier_than_of_a_new_one(self):
        self.trained("--save-steps", 2)
        self.cut_short("run")
        result = self.short(self.limited("1200KiB", "--resume", "auto"))  # weights and moments take 1 MiB
        self.assertIn(" of step 3)", result.err)

    def test_of_a_run_that_goes_on_elsewhere_names_its_checkpoint_there_once_there_is_one(self):
        self.trained("--save-steps", 2)
        resume = ("--resume", "run/checkpoint-2")
        arguments = self.limited(UNLOADABLE, *resume, "--output-dir", "third")
        before = self.short(arguments)
        self.assertNotIn("saved:", before.err)
        self.assert_command(before, arguments)
        for limit in ("900KiB", SAVERS_ONLY):  # the former short before the first step
            with self.subTest(limit):
                result = self.short(self.limited(limit, *resume, "--output-dir", "other"))
                self.assert_saved(result, "other/checkpoint-2")
                self.assert_command(result, self.limited(limit, "--output-dir", "other"), "--resume", "auto")
        for short in (result, before):
            self.assertRegex(self.tried(short).err, r"resume .*/checkpoint-2: step 2 of 4")

    def test_once_steps_are_saved_names_no_shorter_windows_which_would_be_another_run(self):
        free = float(re.search(r"([\d.]+) GiB free", self.short(self.limited(TINY)).err)[1])
        reserve = 100 - 100 * 330 / (free * 2 ** 20)  # 330 KiB to be used, and no limit that could be raised
        result = self.run_program(*self.training(
            "--memory-reserve", f"{reserve:.8f}%", "--per-device-train-batch-size", 1, "--max-steps", 10, "--overwrite",
            "--max-seq-length", 128, model=self.thin_model(), train=self.one_long_window(128)))
        self.assertEqual(result.code, 71, result)
        self.assert_saved(result, r"run/checkpoint-\d")
        self.assertIn(" gradient_checkpointing: true ", result.err)
        self.assertNotRegex(result.err, "max_seq_length[:=]")
        self.assertRegex(result.err, r"(?m)^fix:   memory_reserve: auto +would do")
        self.assertRegex(result.err, r"(?m)^try:   .* --set memory_reserve=auto --resume auto$")

    def test_quotes_words_for_a_shell(self):
        folder, tokenizer = "it's a\\run\x1b[2J\né\u202e", self.cwd / "tok\x07$HOME `ls`"
        self.copied_model().rename(tokenizer)
        arguments = self.limited(TINY, "--output-dir", folder, "--set", f"tokenizer_name={tokenizer}")
        result = self.short(arguments)
        self.assertTrue(self.command_of(result).isprintable(), result)
        self.assert_command(result, arguments, "--resume", "auto")
        self.tried(result)
        self.assertIn("model.safetensors", harness.names(self.cwd / folder))


class Probe(ShortageTest):
    def test_in_a_child_process_tells_of_it_once(self):
        for where in ("child", "same"):
            with self.subTest(where):
                arguments = self.limited(TINY, "--set", "probe_memory=auto", "--probe-process", where)
                result = self.short(arguments)
                self.assertEqual(result.err.count("not even one feature of 64 tokens fits in memory"), 1, result)
                self.assertNotIn(" windows ", result.err)
                self.assert_command(result, arguments)
        self.tried(result)


class Answering(ShortageTest):
    """By a trained model: nothing is saved, and nothing but its weights and a window has to fit."""

    def setUp(self):
        super().setUp()
        self.trained("--max-steps", 1)

    def assert_helps(self, limit, *arguments):
        arguments = [*map(str, arguments), "--memory-limit", limit, "--set", "memory_reserve=0"]
        result = self.short(arguments)
        for line in (r"error: .*(out of memory|does not fit in memory).*",
                     rf"has:   .* \(memory_limit {limit}\); CPU.*",
                     r"needs: about .* for one window of \d+ tokens: weights .*, workspace .*",
                     r"fix:   memory_limit: .*"):
            self.assertRegex(result.err, f"(?m)^{line}$")
        self.assertNotRegex(result.err, "saved|gradient_checkpointing|max_seq_length")
        self.assert_command(result, arguments)
        return self.tried(result)

    def test_in_an_evaluation_names_a_command_that_works(self):
        arguments = ("eval", "run", "--data", self.dev_file, "--json")
        scores = self.run_program(*arguments).out
        for limit in (UNLOADABLE, "400KiB"):  # the latter for the weights alone
            with self.subTest(limit):
                self.assertEqual(self.assert_helps(limit, *arguments).out, scores)

    def test_in_a_prediction_names_a_command_that_works(self):
        self.written("a.txt", "Barden sells salt.")
        self.assert_helps(UNLOADABLE, "predict", "run", "--question", "Who sells salt?", "--context-file", "a.txt")
        self.assert_helps("400KiB", "predict", "run", "--data", self.dev_file, "--save-to", "answers")
        self.assertIn("predictions.json", harness.names(self.cwd / "answers"))


if __name__ == "__main__":
    harness.main()
