"""A run that was stopped goes on to the same bits; one that cannot says why."""

import hashlib
import json
import os
import re
import shutil
import signal

import harness
from harness import EndToEndTest, change_json, checkpoints, metric_lines, names, tree, wait_until

STEPS = 24
# Dropout is on. 60 windows in batches of 14 leave 4 for an epoch's last step; micro-batches of 3 are uneven too.
LONG = ("--max-steps", STEPS, "--per-device-train-batch-size", 7, "--gradient-accumulation-steps", 2,
        "--micro-batch-features", 3, "--save-steps", 6, "--save-total-limit", 2, "--eval-strategy", "steps",
        "--eval-steps", 5, "--eval-on-start")


def without_epochs(value):
    """They are counted in batches, of which another splitting makes another number."""
    if isinstance(value, list):
        return [without_epochs(one) for one in value]
    if isinstance(value, dict):
        return {key: without_epochs(one) for key, one in value.items() if key != "epoch"}
    return value


class ResumeTest(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.long = (*LONG, "--validation-file", cls.dev_file)
        cls.whole = cls.shared / "whole"

    def uninterrupted(self):
        """The run directory to compare with; made once."""
        if not self.whole.exists():
            self.trained(*self.long, output=self.whole)
        return self.whole

    def interrupt(self, number, when, **options):
        """Sends a signal once `when` stands in the log, with most of the run to come: this process may be late."""
        with self.started(*self.training(*self.long), **options) as process:
            log = self.cwd / "run" / "train.log"
            wait_until(lambda: log.exists() and when in log.read_text())
            process.send_signal(number)
            return harness.wait(process)

    def killed_after(self, step):
        """Makes run/ the uninterrupted run as it was once the checkpoint of `step` stood."""
        later = [f"checkpoint-{number}" for number in checkpoints(self.uninterrupted()) if number > step]
        shutil.copytree(self.uninterrupted(), self.cwd / "run",
                        ignore=shutil.ignore_patterns(*later, "eval_*", "train_results.json"))
        (self.cwd / "run" / "model.safetensors").unlink()

    def go_on(self, *flags, env=None):
        return self.trained(*self.long, "--resume", "auto", *flags, env=env)

    def assert_same_run(self, run, kinds=("log", "eval", "checkpoint", "finish"), in_view=lambda value: value):
        whole = self.uninterrupted()
        *_, last = checkpoints(whole)
        self.assertEqual(list(checkpoints(run)), list(checkpoints(whole)))
        for name in ("model.safetensors", "optimizer.safetensors", "config.json", "vocab.txt"):
            ours, expected = (folder / f"checkpoint-{last}" / name for folder in (run, whole))
            self.assertEqual(ours.read_bytes(), expected.read_bytes(), name)
        for name in ("model.safetensors", "eval_predictions.json", "eval_null_odds.json"):
            self.assertEqual((run / name).read_bytes(), (whole / name).read_bytes(), name)
        results = [json.loads((folder / "eval_results.json").read_text()) for folder in (run, whole)]
        self.assertEqual(*(in_view(harness.without_speed(one)) for one in results))
        states = [json.loads((folder / f"checkpoint-{last}" / "trainer_state.json").read_text()) for folder in (run, whole)]
        for state in states:
            state["best_model_checkpoint"] = state["best_model_checkpoint"].rpartition("/")[2]
            del state["train_batch_size"]  # the product counts, not its factors
        self.assertEqual(*map(in_view, states))
        for kind in kinds:
            self.assertEqual(in_view(metric_lines(run, kind)), in_view(metric_lines(whole, kind)), kind)


class Signals(ResumeTest):
    # A stopped run writes one checkpoint more, and metrics.jsonl says so.
    KINDS = ("log", "eval", "finish")

    def assert_stops_and_goes_on(self, number, code, when):
        stopped = self.interrupt(number, when)
        self.assertEqual(stopped.code, code, stopped)
        self.assertEqual(stopped.err.count(f"{number.name}: ending as soon as possible; what is done is kept\n"), 1, stopped)
        self.assertIn(f"interrupted by {number.name}", stopped.err)
        self.assertIn("go on", stopped.err)
        self.assertIn("--resume auto", stopped.err)
        self.assertNotIn("model.safetensors", names(self.cwd / "run"))
        resumed = self.go_on()
        self.assertRegex(resumed.err, rf"resume .*checkpoint-\d+: step \d+ of {STEPS}")
        self.assert_same_run(self.cwd / "run", self.KINDS)

    def test_term_is_143(self):
        self.assert_stops_and_goes_on(signal.SIGTERM, 143, "step=4 ")

    def test_int_is_130(self):
        self.assert_stops_and_goes_on(signal.SIGINT, 130, "step=6 ")

    def test_hup_is_143(self):
        self.assert_stops_and_goes_on(signal.SIGHUP, 143, "step=1 ")

    def test_usr1_is_75(self):
        self.assert_stops_and_goes_on(signal.SIGUSR1, 75, "step=8 ")

    def test_during_an_evaluation(self):
        # Of so many questions that the signal comes in the middle of the evaluation after step 5.
        large = harness.write_json(self.cwd / "large.json", harness.squad(160, seed=22))
        self.long = (*self.long, "--validation-file", large, "--eval-on-start", "false", "--max-steps", 6)
        self.whole = self.cwd / "whole"
        stopped = self.interrupt(signal.SIGTERM, "step=5 ")
        self.assertEqual(stopped.code, 143, stopped)
        self.assertNotIn("eval @ 5 ", stopped.err)
        self.go_on()
        self.assert_same_run(self.cwd / "run", self.KINDS)

    def test_during_an_evaluation_leave_it_to_the_next_process_which_keeps_it(self):
        large = harness.write_json(self.cwd / "large.json", harness.squad(160, seed=22))
        self.long = (*self.long, "--validation-file", large, "--max-steps", 2, "--save-total-limit", 9)
        stopped = self.interrupt(signal.SIGTERM, "output ")
        self.assertEqual(stopped.code, 143, stopped)
        self.assertNotIn("eval @ 0 ", stopped.err)
        self.assertIn("eval @ 0 ", self.go_on().err)
        history = json.loads((self.cwd / "run/checkpoint-0/trainer_state.json").read_text())["log_history"]
        self.assertEqual([entry["step"] for entry in history if "eval_f1" in entry], [0], "a later process would evaluate again")

    def test_that_the_parent_ignores_do_not_stop_the_run(self):
        ignored = self.interrupt(signal.SIGHUP, "step=4 ", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertEqual(ignored.code, 0, ignored)

    def test_int_twice_ends_at_once(self):
        # While the program reads what nobody has written yet: it cannot end in order between the two. What an end in
        # the middle of training leaves is kill_test's.
        vocabulary, _ = self.model_behind_a_pipe()
        with self.started(*self.training(*self.long, model="model")) as process, vocabulary.open("wb"):
            process.send_signal(signal.SIGINT)
            answer = process.stderr.readline().decode()
            self.assertEqual(answer, "SIGINT: ending as soon as possible; what is done is kept\n")
            process.send_signal(signal.SIGINT)
            ended = harness.wait(process)
        self.assertEqual((ended.code, ended.out, ended.err), (130, "", ""), ended)
        self.assertEqual(names(self.cwd), ["model"])

    def test_bus_which_a_file_cut_short_sends_ends_with_a_line(self):
        stopped = self.interrupt(signal.SIGBUS, "step=2 ")
        self.assertEqual(stopped.code, 74, stopped)
        self.assertIn("error: a file was cut short while it was in use", stopped.err)

    def test_stop_and_continue_are_harmless(self):
        with self.started(*self.training(*self.long)) as process:
            wait_until(lambda: (self.cwd / "run" / "metrics.jsonl").exists())
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
            self.assertEqual(harness.wait(process).code, 0)
        self.assert_same_run(self.cwd / "run")

    def test_while_the_inputs_load_leave_nothing(self):
        vocabulary, content = self.model_behind_a_pipe()
        for number, code in ((signal.SIGUSR1, 75), (signal.SIGHUP, 143), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number.name), self.started(*self.training(*self.long, model="model")) as process:
                with vocabulary.open("wb") as writer:  # opens once the program reads
                    process.send_signal(number)
                    writer.write(content)
                ended = harness.wait(process)
                answer, _, error = ended.err.partition("\n")
                self.assertEqual(answer, f"{number.name}: ending as soon as possible; what is done is kept")
                self.assert_refused(harness.Result(ended.code, ended.out, error), code,
                                    f"interrupted by {number.name} before the first step")
                self.assertEqual(names(self.cwd), ["model"])


class StoppedRun(ResumeTest):
    """What a run may and may not go on with, tried on copies of one that was killed in the middle."""

    STOPPED = 18

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.long = (*cls.long, "--save-total-limit", STEPS)
        cls.whole = cls.shared / "whole-with-all-checkpoints"

    def setUp(self):
        super().setUp()
        self.killed_after(self.STOPPED)
        self.newest = self.cwd / "run" / f"checkpoint-{self.STOPPED}"

    def refused(self, *flags, texts, code=65, **options):
        arguments = self.training(*self.long, "--resume", "auto", *flags, **options)
        self.assert_training_refused(arguments, code, *texts)

    def flip_a_bit(self, path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def rewrite(self, path, content):
        """Changes a file of a checkpoint and what its manifest says of it."""
        path.write_text(content)
        manifest = path.parent / "manifest.json"
        files = json.loads(manifest.read_text())["files"]
        for entry in files:
            if entry["name"] == path.name:
                entry |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        change_json(manifest, files=files)

    def test_needs_the_same_seed(self):
        self.refused("--seed", 7, texts=["belongs to another run: its seed is 42, this configuration's is 7"], code=78)
        self.refused("--data-seed", 7, texts=["its data_seed is 42, this configuration's is 7"], code=78)

    def test_needs_the_same_effective_batch(self):
        self.refused("--gradient-accumulation-steps", 1, texts=["its effective batch is 14, this configuration's is 7"], code=78)

    def test_needs_the_same_length(self):
        self.refused("--max-steps", 30, texts=["its number of steps is 24, this configuration's is 30"], code=78)

    def test_needs_the_same_data(self):
        other = self.written("train.json", self.train_file.read_text().replace("great fire", "great feud"))
        self.refused(train=other, texts=["its training file's SHA-256 is"])
        self.refused("--max-train-samples", 50, texts=["its number of features (max_seq_length, doc_stride, max_train_samples) is 60, this configuration's is 50"], code=78)

    def test_goes_on_with_another_batch_splitting(self):
        # Twice the same batch size and half the accumulation are the same effective batch.
        self.go_on("--per-device-train-batch-size", 14, "--gradient-accumulation-steps", 1)
        self.assert_same_run(self.cwd / "run", ["log", "eval", "finish"], in_view=without_epochs)

    def test_goes_on_with_other_micro_batches_and_threads(self):
        two_threads = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
        resumed = self.go_on("--micro-batch-features", "null", "--micro-batch-tokens", 150, env=two_threads)
        for said in ("on CPU, 2 threads, fp32; until here on CPU, 1 thread, fp32:", "in other micro-batches than before:"):
            self.assertIn(f"resume   {said} sums are rounded differently, so not to the same bits", resumed.err)
        ours, expected = (metric_lines(run, "log") for run in (self.cwd / "run", self.uninterrupted()))
        for line, expected_line in zip(ours, expected, strict=True):
            # Sums are taken in another order, and the steps carry the difference on.
            self.assertLess(abs(line["loss"] - expected_line["loss"]), 1e-4 * expected_line["loss"])

    def test_needs_no_weights_but_its_own(self):
        (self.copied_model() / "model.safetensors").unlink()
        arguments = self.training(*self.long, "--resume", "auto", model="model")
        for flags in (["--dry-run"], []):
            self.assertEqual(self.run_program(*arguments, *flags).code, 0)
        self.assert_same_run(self.cwd / "run")

    def test_needs_the_model_that_it_began_with_no_more(self):
        (self.cwd / "empty").mkdir()
        (self.cwd / "link").symlink_to("nowhere")
        for resume, model in (("auto", "gone"), (self.newest, "gone"), ("auto", "empty"), ("auto", "link")):
            with self.subTest(resume=resume, model=model):
                shutil.rmtree(self.cwd / "run")
                self.killed_after(self.STOPPED)
                result = self.trained(*self.long, "--resume", resume, model=model)
                for what in ("config.json", "the tokenizer"):
                    self.assertIn(f"{what} in {self.cwd}/{model} is gone: taken from {self.newest}\n", result.err)
                self.assert_same_run(self.cwd / "run")
        without = self.training(*self.long, "--resume", "auto", model="gone", output="new")
        self.assert_refused(self.run_program(*without), 66, f"{self.cwd}/gone: no such directory")

    def test_needs_the_model_that_it_began_with_no_more_when_the_newest_checkpoint_is_damaged(self):
        self.flip_a_bit(self.newest / "config.json")
        result = self.trained(*self.long, "--resume", "auto", model="gone")
        self.assertRegex(result.err, rf"config.json in {self.cwd}/gone is gone: taken from .*checkpoint-\d+\n")
        self.assertNotIn(f"taken from {self.newest}\n", result.err)
        self.assertIn(f"{self.newest} is damaged: config.json", result.err)
        self.assert_same_run(self.cwd / "run")

    def test_needs_the_same_configuration_and_tokenizer(self):
        for name, old, new in (("config.json", '"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.2'),
                               ("vocab.txt", "\na\nb\n", "\nb\na\n")):
            with self.subTest(name):
                path = self.copied_model() / name
                changed = path.read_text().replace(old, new)
                self.assertNotEqual(changed, path.read_text())
                path.write_text(changed)
                self.refused(model="model", texts=[f"was trained with another {self.cwd}/model/{name}."])

    def test_passes_over_a_damaged_checkpoint_with_auto(self):
        self.flip_a_bit(self.newest / "optimizer.safetensors")
        result = self.go_on()
        self.assertIn(f"{self.newest} is damaged: optimizer.safetensors has another content than written. It is passed over.",
                      result.err)
        self.assert_same_run(self.cwd / "run")

    def test_does_not_begin_again_where_no_checkpoint_is_whole(self):
        for checkpoint in checkpoints(self.cwd / "run").values():
            self.flip_a_bit(checkpoint / "optimizer.safetensors")
        self.refused(texts=["none of the checkpoints in", "has another content than written", "--overwrite"])

    def test_does_not_pass_over_a_checkpoint_of_another_version(self):
        change_json(self.newest / "manifest.json", version=999)
        self.refused(texts=["format version 999; this program reads version"])

    def put_a_pipe_for_the_manifest(self):
        (self.newest / "manifest.json").unlink()
        os.mkfifo(self.newest / "manifest.json")

    def test_refuses_a_damaged_checkpoint_that_was_named(self):
        for spoil, text in ((lambda: self.flip_a_bit(self.newest / "model.safetensors"), "another content"),
                            (lambda: (self.newest / "model.safetensors").write_bytes(b"short"), "another size"),
                            (lambda: (self.newest / "vocab.txt").unlink(), "vocab.txt is missing"),
                            (lambda: (self.newest / "manifest.json").write_text("{"), "manifest.json cannot be read"),
                            (self.put_a_pipe_for_the_manifest, "manifest.json is no file")):
            with self.subTest(text):
                shutil.rmtree(self.newest)
                shutil.copytree(self.uninterrupted() / self.newest.name, self.newest)
                spoil()
                self.refused("--resume", self.newest, texts=["is damaged", text, "--resume auto"])

    def test_refuses_manifests_of_other_versions_or_with_paths(self):
        manifest = self.newest / "manifest.json"
        content = json.loads(manifest.read_text())
        change_json(manifest, version=999)
        self.refused("--resume", self.newest, texts=["format version 999; this program reads version"])
        content["files"][0]["name"] = "../../../etc/passwd"
        harness.write_json(manifest, content)
        self.refused("--resume", self.newest, texts=["is damaged"])

    def test_refuses_a_directory_that_is_no_checkpoint(self):
        self.refused("--resume", "nowhere", texts=["nowhere is not there", "--resume auto"], code=66)
        self.refused("--resume", self.model, texts=["is no checkpoint of this program", "has no manifest.json"])

    def test_is_checked_by_a_dry_run_which_leaves_it_as_it_is(self):
        before = tree(self.cwd / "run")
        result = self.run_program(*self.training(*self.long, "--resume", "auto", "--dry-run"))
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"{self.newest}: step {self.newest.name.rpartition('-')[2]} of {STEPS}", result.err)
        self.flip_a_bit(self.newest / "model.safetensors")
        self.refused("--resume", self.newest, "--dry-run", texts=["is damaged"])
        self.flip_a_bit(self.newest / "model.safetensors")
        self.assertEqual(tree(self.cwd / "run"), before)

    def test_can_go_on_from_a_named_checkpoint_beside_a_damaged_one(self):
        oldest = self.cwd / "run" / f"checkpoint-{min(checkpoints(self.cwd / 'run'))}"
        self.assertNotEqual(oldest, self.newest)
        self.written(oldest / "trainer_state.json", "{")
        (self.cwd / "run" / "checkpoint-1").mkdir()  # somebody's, which the run has no use for
        self.trained(*self.long, "--resume", self.newest)
        self.assertTrue((self.cwd / "run" / "checkpoint-1").exists())

    def test_needs_the_configuration_as_it_is_meant_not_as_it_is_written(self):
        path = self.copied_model() / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps({"transformers_version": "5.0", **dict(reversed(config.items()))}))
        self.trained(*self.long, "--resume", "auto", model="model")

    def test_can_go_on_from_a_named_checkpoint(self):
        self.trained(*self.long, "--resume", self.newest)
        self.assert_same_run(self.cwd / "run")

    def test_goes_on_from_an_older_checkpoint_only_where_no_later_one_stands(self):
        oldest, *later = checkpoints(self.cwd / "run").values()
        self.refused("--resume", oldest, code=73,
                     texts=[f"holds {self.newest.name}, later than {oldest}", "Move later checkpoints away"])
        for checkpoint in later:
            checkpoint.rename(self.cwd / checkpoint.name)
        self.trained(*self.long, "--resume", oldest)
        self.assert_same_run(self.cwd / "run")

    def test_can_go_on_in_another_directory(self):
        self.trained(*self.long, "--resume", self.newest, output="elsewhere")
        self.assertEqual((self.cwd / "elsewhere" / "model.safetensors").read_bytes(),
                         (self.uninterrupted() / "model.safetensors").read_bytes())
        # There it goes on from, should it be killed before its first save; under the name that is looked for.
        self.assertEqual(tree(self.cwd / "elsewhere" / self.newest.name), tree(self.newest))
        self.newest.rename(self.cwd / "good")
        self.trained(*self.long, "--resume", "good", output="again")
        self.assertEqual(list(checkpoints(self.cwd / "again")), [self.STOPPED, STEPS])

    def test_can_be_told_again_to_go_on_in_another_directory(self):
        arguments = (*self.long, "--resume", self.newest)
        self.trained(*arguments, output="elsewhere")
        elsewhere = self.cwd / "elsewhere"
        for step, checkpoint in checkpoints(elsewhere).items():
            if step > self.STOPPED:
                shutil.rmtree(checkpoint)
        (elsewhere / "train_results.json").unlink()
        state = elsewhere / self.newest.name / "trainer_state.json"
        self.rewrite(state, state.read_text() + "\n")  # saved anew, as when a signal comes before the first step
        self.trained(*arguments, output="elsewhere")
        self.assertEqual((elsewhere / "model.safetensors").read_bytes(),
                         (self.uninterrupted() / "model.safetensors").read_bytes())

    def test_tells_of_another_program(self):
        state = self.newest / "trainer_state.json"
        written = state.read_text()
        self.rewrite(state, re.sub(r'"program": ".*"', '"program": "bert-finetune 0.0.1"', written))
        self.assertNotEqual(state.read_text(), written)
        self.assertRegex(self.go_on().err, r"resume   by bert-finetune .*; until here by bert-finetune 0\.0\.1: perhaps not")

    def test_tells_of_options_that_have_changed(self):
        result = self.go_on("--learning-rate", 0.5, "--logging-steps", 3)
        self.assertIn("resumed with other options than before: learning_rate 0.001 -> 0.5", result.err)
        self.assertNotIn("logging_steps", result.err)
        self.assertNotIn("validation_file", result.err)

    def test_may_find_its_inputs_elsewhere(self):
        """Where they are is not what they are: that is compared, and nothing is to warn of."""
        self.copied_model()
        shutil.copy(self.train_file, self.cwd / "moved.json")
        result = self.trained(*self.long, "--resume", "auto", "--train-file", "moved.json", "--test-file", "moved.json",
                              "--config-name", "model", "--tokenizer-name", "model", model="model")
        self.assertNotIn("warn", result.err)
        self.assert_same_run(self.cwd / "run")

    def test_goes_on_where_the_options_of_the_checkpoint_cannot_be_read(self):
        """As where another version has written it: they are only compared with."""
        config = self.newest / "bert_finetune_config.yaml"
        self.rewrite(config, config.read_text() + "key_of_tomorrow: 1\n")
        result = self.go_on()
        self.assertIn("whether options were changed is not known", result.err)
        self.assertIn("unknown key 'key_of_tomorrow'", result.err)

    def test_tells_of_other_validation_data(self):
        other = harness.write_json(self.cwd / "other.json", harness.squad(4, seed=5))
        result = self.go_on("--validation-file", other, "--max-eval-samples", 10)
        self.assertIn("resumed with another validation_file than before: the best model so far is the best of that one", result.err)
        self.assertIn("resumed with other options than before: max_eval_samples null -> 10", result.err)

    def test_forgets_the_best_model_that_another_metric_chose(self):
        saved = json.loads((self.newest / "trainer_state.json").read_text())
        self.assertIsNotNone(saved["best_metric"])
        result = self.go_on("--metric-for-best-model", "loss")
        self.assertIn("another measure of the best model than before (loss, less is better; was f1, greater is better)",
                      result.err)
        state = json.loads((self.cwd / "run" / "trainer_state.json").read_text())
        later = [e["eval_loss"] for e in state["log_history"] if "eval_loss" in e and e["step"] > saved["global_step"]]
        self.assertEqual(state["best_metric"], min(later))

    def test_brings_its_best_checkpoint_along_into_another_directory(self):
        flags = ("--validation-file", self.dev_file, *harness.FIRST_IS_BEST, "--load-best-model-at-end")
        self.trained(*flags, output="old")
        best = json.loads((self.cwd / "old" / "trainer_state.json").read_text())["best_global_step"]
        *_, newest = checkpoints(self.cwd / "old")
        self.assertLess(best, newest)
        (self.cwd / "link").symlink_to(f"old/checkpoint-{newest}")
        for number, name in enumerate((f"old/checkpoint-{newest}", f"old/checkpoint-{newest}/", "link")):
            with self.subTest(name):
                result = self.trained(*flags, "--resume", name, output=f"new{number}")
                self.assertIn(f"checkpoint-{best}, the best so far, to", result.err)
                self.assertIn(f"; checkpoint-{newest}: loaded", result.err)
                new = self.cwd / f"new{number}"
                self.assertEqual(harness.tree(new / f"checkpoint-{best}"), harness.tree(self.cwd / "old" / f"checkpoint-{best}"))
                self.assertEqual((new / "model.safetensors").read_bytes(), (self.cwd / "old" / "model.safetensors").read_bytes())

    def test_does_not_go_on_in_the_directory_of_another_run(self):
        self.trained("--seed", 9, "--max-steps", 2, output="other")
        self.refused("--resume", self.newest, output="other", code=73,
                     texts=[f"output_dir {self.cwd}/other holds another run", "belongs to another run: its effective batch is"])
        # As of a sweep over learning rates; and from a checkpoint after which nothing is left to train.
        self.trained(*self.long, "--learning-rate", 1e-4, output="sweep")
        self.cut_short("sweep")
        *_, last = checkpoints(self.uninterrupted()).values()
        self.refused("--resume", last, output="sweep", code=73,
                     texts=[f"output_dir {self.cwd}/sweep holds another run", "has learning_rate 0.0001, not 0.001"])

    def test_takes_back_a_checkpoint_that_was_about_to_be_replaced(self):
        for model in (self.model, "gone"):  # the model that it began with may be
            with self.subTest(model):
                self.newest.rename(self.newest.parent / f".trash-{self.newest.name}")
                result = self.trained(*self.long, "--resume", "auto", model=model)
                self.assertIn(f"{self.newest.name}: step", result.err)
                self.assert_same_run(self.cwd / "run")
                shutil.rmtree(self.cwd / "run")
                self.killed_after(self.STOPPED)

    def test_removes_what_killed_processes_left(self):
        for name in (".tmp-14-99", ".trash-checkpoint-2"):
            (self.cwd / "run" / name).mkdir()
            self.written(f"run/{name}/model.safetensors", b"half")
        self.written("run/.tmp-99-0", b"half")
        self.go_on()
        self.assertEqual([n for n in names(self.cwd / "run") if n.startswith(".")], [])

    def test_drops_metrics_that_a_killed_process_left_half_written(self):
        with (self.cwd / "run" / "metrics.jsonl").open("a") as file:
            file.write('{"kind":"log","step":23,"loss":1.0}\n{"kind":"log","st')
        self.go_on()
        self.assert_same_run(self.cwd / "run")


class EveryStep(ResumeTest):
    """Of a run over several epochs, with dropout, accumulation, short last batches and evaluations in between."""

    STEPS = 7
    # An epoch takes 3 steps, the last one of 4 windows; log lines and evaluations come after every second. The six
    # steps before the last are all pairs of a place in an epoch and one between evaluations.
    EVERY_PLACE = ("--max-train-samples", 32, "--max-steps", STEPS, "--logging-steps", 2, "--eval-steps", 2,
                   "--save-steps", 1, "--save-total-limit", STEPS)

    def assert_lead_to_the_same_end(self, *flags):
        self.long = (*self.long, *self.EVERY_PLACE, *flags)
        self.whole = self.cwd / "whole"
        self.assertEqual(list(checkpoints(self.uninterrupted())), list(range(1, self.STEPS + 1)))
        for step in range(1, self.STEPS):
            with self.subTest(step):
                self.killed_after(step)
                result = self.go_on()
                self.assertIn(f"step {step} of {self.STEPS}", result.err)
                self.assert_same_run(self.cwd / "run")
                shutil.rmtree(self.cwd / "run")

    def test_can_be_gone_on_from(self):
        self.assert_lead_to_the_same_end()

    def test_can_be_gone_on_from_in_bf16(self):
        self.assert_lead_to_the_same_end("--bf16")

    def test_can_be_gone_on_from_in_fp16(self):
        self.assert_lead_to_the_same_end("--fp16")


class SkippedSteps(EndToEndTest):
    # The first step throws the weights so far that all others overflow and are not applied.
    FLAGS = ("--learning-rate", "1e30", "--save-steps", 1)

    def test_are_part_of_what_a_run_goes_on_with(self):
        flags = (*self.FLAGS, "--max-steps", 3)
        self.trained(*flags, output="whole")
        shutil.copytree(self.cwd / "whole", self.cwd / "run", ignore=shutil.ignore_patterns("checkpoint-3", "train_results.json"))
        self.trained(*flags, "--resume", "auto")
        for name in ("model.safetensors", "optimizer.safetensors", "trainer_state.json"):
            ours, expected = ((self.cwd / run / "checkpoint-3" / name).read_bytes() for run in ("run", "whole"))
            self.assertEqual(ours, expected.replace(b"/whole/", b"/run/"), name)

    def test_in_a_row_are_counted_across_a_stop(self):
        flags = (*self.FLAGS, "--max-steps", 9)
        for more in ((), ("--resume", "auto")):
            result = self.run_program(*self.training(*flags, *more))
            self.assertEqual(result.code, 1, result)
            self.assertIn("not finite in 3 steps in a row, up to step 4", result.err)
            self.assertEqual(list(checkpoints(self.cwd / "run")), [2, 3])


class OtherRuns(ResumeTest):
    def test_that_are_finished_say_so(self):
        for flags in ((), ("--validation-file", self.dev_file)):
            with self.subTest(flags):
                self.trained(*flags, output="run")
                before = harness.tree(self.cwd / "run")
                result = self.trained(*flags, "--resume", "auto", output="run")
                self.assertRegex(result.err, r"resume .*run is finished: 4 of 4 steps done")
                self.assertEqual(harness.tree(self.cwd / "run"), before)
                shutil.rmtree(self.cwd / "run")

    def test_that_are_finished_say_so_without_their_checkpoints_too(self):
        self.trained()
        for checkpoint in checkpoints(self.cwd / "run").values():
            shutil.rmtree(checkpoint)
        before = harness.tree(self.cwd / "run")
        result = self.trained("--resume", "auto")
        self.assertRegex(result.err, r"resume .*run is finished; --overwrite trains it anew")
        self.assertEqual(harness.tree(self.cwd / "run"), before)

    def test_that_are_finished_are_not_taken_for_others(self):
        self.trained()
        for checkpoint in checkpoints(self.cwd / "run").values():
            shutil.rmtree(checkpoint)
        self.assert_training_refused(self.training("--resume", "auto", "--seed", 7), 78, "belongs to another run: its seed is 42")

    def test_that_lack_their_results_alone_need_the_same_tokenizer(self):
        vocabulary = self.copied_model() / "vocab.txt"
        self.trained(model="model")
        (self.cwd / "run" / "train_results.json").unlink()
        vocabulary.write_text(vocabulary.read_text().replace("\na\nb\n", "\nb\na\n"))
        self.assert_training_refused(self.training("--resume", "auto", model="model"), 65, "was trained with another")

    def test_that_are_finished_leave_their_model_in_another_directory_too(self):
        self.trained()
        self.trained("--resume", "run/checkpoint-4", output="elsewhere")
        again = self.trained("--resume", "run/checkpoint-4", output="elsewhere")
        self.assertRegex(again.err, r"resume .*elsewhere is finished: 4 of 4 steps done")
        self.assertEqual((self.cwd / "elsewhere/model.safetensors").read_bytes(),
                         (self.cwd / "run/model.safetensors").read_bytes())

    def test_that_replaced_another_do_not_hand_that_on(self):
        self.trained("--overwrite")
        self.assertIn("overwrite: false", (self.cwd / "run/bert_finetune_config.yaml").read_text())

    def test_that_were_killed_before_their_results_were_written_get_them(self):
        shutil.copytree(self.uninterrupted(), self.cwd / "run")
        for name in ("model.safetensors", "eval_results.json", "eval_predictions.json"):
            with self.subTest(name):
                (self.cwd / "run" / name).unlink()
                (self.cwd / "run" / "train_results.json").unlink()
                self.go_on()
                self.assert_same_run(self.cwd / "run")

    def test_that_have_no_checkpoint_start_afresh(self):
        result = self.go_on()
        self.assertRegex(result.err, r"resume .*no checkpoint in .*run; starting afresh")
        self.assert_same_run(self.cwd / "run")

    def test_write_a_configuration_that_can_be_resumed(self):
        stopped = self.interrupt(signal.SIGTERM, "step=3 ")
        self.assertEqual(stopped.code, 143, stopped)
        result = self.run_program("--config", "run/bert_finetune_config.yaml", "--resume", "auto")
        self.assertEqual(result.code, 0, result)
        self.assert_same_run(self.cwd / "run", ["log", "eval", "finish"])


if __name__ == "__main__":
    harness.main()
