"""Who may write where: an occupied, impossible or shared output directory, and a device that is not there."""

import json
import os
import re
import resource
import unittest

import shutil

import harness
from harness import EndToEndTest, checkpoints, names, tree, wait_until


class OutputDirectory(EndToEndTest):
    def refused(self, code, *texts, flags=(), **options):
        self.assert_training_refused(self.training(*flags, **options), code, *texts)

    def test_that_is_not_empty(self):
        (self.cwd / "run").mkdir()
        self.written("run/notes.txt", "mine")
        self.refused(73, "run is not empty and holds no run of this program", "--output-dir DIR")

    def test_that_is_a_file_or_below_one(self):
        self.written("file", "mine")
        self.refused(73, "file is a file, not a directory", output="file")
        self.refused(73, "file is a file", output="file/deeper/run")

    def test_that_is_a_link_to_nowhere(self):
        (self.cwd / "link").symlink_to("nowhere")
        for output in ("link", "link/", "link/deeper"):
            self.refused(73, "link is a link to nowhere, which is not there", "Make that directory", output=output)

    def test_of_somebody_else_is_not_even_touched(self):
        (self.cwd / "run").mkdir()
        self.written("run/notes.txt", "mine")
        os.utime(self.cwd / "run", (1, 1))
        for flags in ((), ("--overwrite",)):
            with self.subTest(flags):
                self.refused(73, "not empty", flags=flags)
                self.assertEqual((self.cwd / "run").stat().st_mtime, 1)

    def test_where_nothing_can_be_made(self):
        self.refused(73, "cannot be written", output="/proc/bertft/run")
        self.refused(73, "x" * 50, output="x" * 300)

    def test_that_is_read_only(self):
        (self.cwd / "run").mkdir(mode=0o555)
        (self.cwd / "locked").mkdir(mode=0o000)
        for output, fact in (("run", "run cannot be written"), ("run/deeper", "run/deeper cannot be written"),
                             ("locked", "locked cannot be read"), ("locked/deeper", "locked/deeper cannot be made")):
            with self.subTest(output):
                self.assert_training_refused(self.training(output=output), 73, f"{fact}: Permission denied",
                                             preexec_fn=harness.bound_by_permissions)

    def test_that_may_be_listed_and_not_entered(self):
        (self.cwd / "run").mkdir()
        self.written("run/model.safetensors", "mine")
        (self.cwd / "run").chmod(0o444)
        self.assert_training_refused(self.training(), 73, "run is not empty", "--output-dir DIR",
                                     preexec_fn=harness.bound_by_permissions)

    def test_that_is_empty_or_several_levels_deep_is_fine(self):
        (self.cwd / "run").mkdir()
        self.trained("--max-steps", 1)
        self.trained("--max-steps", 1, output="a/b/c")
        self.assertIn("model.safetensors", names(self.cwd / "a" / "b" / "c"))

    def test_is_not_made_when_a_gpu_is_asked_for_that_is_not_there(self):
        self.refused(69, "device is cuda, but no GPU can be used", "device: cpu", flags=["--device", "cuda"])


class EarlierRun(EndToEndTest):
    def test_is_not_overwritten_by_accident(self):
        self.trained()
        self.assert_training_refused(self.training(), 73, "exists and is not empty")

    def test_is_replaced_by_overwrite_which_spares_files_of_other_names(self):
        self.trained("--validation-file", self.dev_file, "--save-steps", 2, "--seed", 1)
        for name in ("notes.txt", "checkpoint-best", "vocab.txt.bak"):
            self.written(f"run/{name}", "mine")
        self.trained("--overwrite", "--max-steps", 3)
        self.trained("--max-steps", 3, output="fresh")
        left = set(names(self.cwd / "run")) - set(names(self.cwd / "fresh"))
        self.assertEqual(left, {"notes.txt", "checkpoint-best", "vocab.txt.bak"})
        self.assertEqual(list(checkpoints(self.cwd / "fresh")), [3])
        self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(),
                         (self.cwd / "fresh" / "model.safetensors").read_bytes())
        self.assertNotIn("checkpoint-2", (self.cwd / "run" / "train.log").read_text())

    def test_is_spared_when_the_new_one_cannot_start(self):
        self.trained("--max-steps", 1)
        self.assert_training_refused(self.training("--overwrite", train="none.json"), 66, "none.json")

    def test_is_not_overwritten_when_it_is_the_model_to_start_from(self):
        self.trained("--max-steps", 1)
        for model in ("run", "run/checkpoint-1", "./run/../run"):
            with self.subTest(model):
                self.assert_training_refused(self.training("--overwrite", model=model), 73, "run holds model_name_or_path")

    def test_may_hold_a_model_that_it_does_not_replace(self):
        self.trained("--max-steps", 1)
        shutil.copytree(self.model, self.cwd / "run/base")
        self.trained("--max-steps", 2, "--overwrite", model="run/base")
        self.assertTrue((self.cwd / "run/base/model.safetensors").exists())

    def test_may_be_probed_for(self):
        self.trained("--max-steps", 1)
        before = harness.tree(self.cwd / "run")
        result = self.run_program(*self.training("--probe-memory", "--memory-limit", "8MiB", "--memory-reserve", 0))
        self.assertEqual(result.code, 0, result)
        after = harness.tree(self.cwd / "run")
        del after["probe.json"]
        self.assertEqual(after, before)

    def test_is_not_overwritten_when_it_holds_another_input(self):
        self.trained("--max-steps", 1)
        for key, path in (("tokenizer_name", "run"), ("config_name", "run/checkpoint-1"),
                          ("train_file", "run/checkpoint-1/config.json")):
            with self.subTest(key):
                self.assert_training_refused(self.training("--overwrite", "--set", f"{key}={path}"), 73, f"run holds {key}")

    def test_is_not_mixed_with_the_model_to_start_from_when_resuming(self):
        shutil.copytree(self.model, self.cwd / "base")
        self.assert_training_refused(self.training("--resume", "auto", model="base", output="base"), 73,
                                     "holds no run of this program")
        self.trained("--max-steps", 1)
        self.assert_training_refused(self.training("--resume", "auto", model="run"), 73, "run holds model_name_or_path")

    def test_of_another_program_is_neither_overwritten_nor_gone_on_with(self):
        (self.cwd / "run/checkpoint-7").mkdir(parents=True)
        for name in ("README.md", "config.json", "checkpoint-7/model.safetensors"):
            self.written(f"run/{name}", "mine")
        for flags in (("--overwrite",), ("--resume", "auto")):
            with self.subTest(flags):
                self.assert_training_refused(self.training(*flags), 73, "holds no run of this program")

    def test_beside_which_somebody_else_put_something_that_looks_like_its_checkpoint(self):
        flags = ("--max-steps", 4, "--save-steps", 2)
        self.trained(*flags)
        shutil.rmtree(self.cwd / "run/checkpoint-4")
        for step in (4, 10**6):
            (self.cwd / "run" / f"checkpoint-{step}").mkdir()
            self.written(f"run/checkpoint-{step}/notes.txt", "mine")
        before = tree(self.cwd / "run")
        for how in (("--resume", "auto"), ("--overwrite",)):
            with self.subTest(how):
                result = self.run_program(*self.training(*flags, *how))
                self.assertEqual(result.code, 73, result)
                self.assertRegex(result.err, r"(?m)^error: \S*run/checkpoint-4 is no checkpoint of this program")
                self.assertEqual(tree(self.cwd / "run"), before)
        name = self.cwd / "run/checkpoint-4"
        shutil.rmtree(name)
        for put in (lambda: name.write_text("mine"), lambda: name.symlink_to("nowhere")):
            put()
            result = self.run_program(*self.training(*flags, "--resume", "auto"))
            self.assertEqual(result.code, 73, result)
            self.assertIn("run/checkpoint-4 is no checkpoint of this program", result.err)
            name.unlink()
        self.trained(*flags, "--resume", "run/checkpoint-2")
        self.trained(*flags, "--overwrite")
        self.assertEqual((self.cwd / "run/checkpoint-1000000/notes.txt").read_text(), "mine")  # it never comes so far

    def test_is_not_told_to_train_into_one_of_its_checkpoints(self):
        self.trained("--max-steps", 2)
        for flags in ((), ("--resume", "auto"), ("--overwrite",)):
            with self.subTest(flags):
                self.assert_training_refused(self.training("--max-steps", 2, *flags, output="run/checkpoint-2"), 73,
                                             "run/checkpoint-2 is a checkpoint, which the run would replace")

    def test_can_be_trained_further_into_another_directory(self):
        self.trained("--max-steps", 1)
        result = self.trained(model="run", output="further")
        self.assertIn("loaded 39/39 tensors", result.err)


class TwoRuns(EndToEndTest):
    def test_never_share_a_directory(self):
        with self.started(*self.training("--max-steps", 100_000)) as first:
            wait_until(lambda: (self.cwd / "run" / "metrics.jsonl").exists())
            for flags, text in (((), "not empty"), (("--resume", "auto"), "in use by another run"),
                                (("--overwrite",), "in use by another run"),
                                (("--overwrite", "--dry-run"), "in use by another run")):
                with self.subTest(flags):
                    result = self.run_program(*self.training(*flags))
                    self.assertEqual(result.code, 73, result)
                    self.assertIn(text, result.err)
            self.assertIsNone(first.poll())
            self.assertIn("metrics.jsonl", names(self.cwd / "run"))

    def test_started_together_have_one_winner(self):
        for attempt in range(3):
            arguments = self.training(output=f"run{attempt}")
            with self.started(*arguments) as one, self.started(*arguments) as other:
                results = [harness.wait(one), harness.wait(other)]
            self.assertEqual(sorted(r.code for r in results), [0, 73], results)


class DiskFull(EndToEndTest):
    def test_is_foreseen(self):
        checked = self.training("--dry-run", "--save-steps", 1, "--max-steps", 10**12)
        every = self.run_program(*checked, "--set", "save_total_limit=null")
        self.assertRegex(every.err, r"warning .*/run has .* of disk left, and up to 1,000,000,000,000 checkpoints of .* each are to come")
        self.assertNotIn("disk", self.run_program(*checked).err)

    # model.safetensors (350 KB) may be written, optimizer.safetensors (700 KB) may not.
    FILES_UP_TO_500_KB = resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY)

    def limit_files_to_500_kb(self):
        resource.setrlimit(*self.FILES_UP_TO_500_KB)

    def test_at_the_last_save_is_74_and_leaves_no_half_checkpoint(self):
        result = self.run_program(*self.training(), preexec_fn=self.limit_files_to_500_kb)
        self.assertEqual(result.code, 74, result)
        self.assertRegex(result.err, r"(?m)^error: .*optimizer\.safetensors.*File too large")
        left = names(self.cwd / "run")
        self.assertFalse([n for n in left if n.startswith((".tmp", "checkpoint"))], left)

    def test_at_the_last_save_leaves_the_model_alone_where_that_has_room(self):
        self.trained(output="whole")
        result = self.run_program(*self.training(), preexec_fn=self.limit_files_to_500_kb)
        self.assertEqual(result.code, 74, result)
        self.assertRegex(result.err, r"(?m)^The model of step 4 was saved; it is in \S*run\.$")
        self.assertNotIn("train_results.json", names(self.cwd / "run"))
        self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(),
                         (self.cwd / "whole" / "model.safetensors").read_bytes())
        self.assertIn("There is no checkpoint to go on from: once that is mended, start again.", result.err)
        answered = self.run_program("eval", "run", "--data", self.dev_file)
        self.assertEqual(answered.code, 0, answered)
        before = tree(self.cwd / "run")
        mixed = self.run_program(*self.training("--resume", "auto", "--seed", 7))
        self.assert_refused(mixed, 78, "belongs to another run", "seed")
        self.assertEqual(tree(self.cwd / "run"), before)

    def test_at_the_last_save_leaves_the_best_model_of_an_earlier_one(self):
        # As good at every evaluation, so that the first one stays the best.
        flags = ("--validation-file", self.dev_file, "--eval-strategy", "steps", "--eval-steps", 2, "--save-steps", 2,
                 "--load-best-model-at-end", "--learning-rate", "1e-12")
        self.trained(*flags)
        self.cut_short("run")
        result = self.run_program(*self.training(*flags, "--resume", "auto"), preexec_fn=self.limit_files_to_500_kb)
        self.assertEqual(result.code, 74, result)
        self.assertRegex(result.err, r"(?m)^The model of step 2 was saved; it is in \S*run\.$")
        self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(),
                         (self.cwd / "run" / "checkpoint-2" / "model.safetensors").read_bytes())

    def with_room_after_a_failed_save(self, num_steps):
        """The result of a run whose first save of several, that of the best model, fails, and the steps of those that did."""
        arguments = self.training("--validation-file", self.dev_file, *harness.FIRST_IS_BEST, "--load-best-model-at-end",
                                  "--save-total-limit", 1, "--max-steps", num_steps, "--eval-steps", 10, "--save-steps", 10,
                                  "--overwrite")
        metrics = self.cwd / "run" / "metrics.jsonl"
        with self.started(*arguments, preexec_fn=self.limit_files_to_500_kb) as process:
            wait_until(lambda: metrics.exists() and "checkpoint_failed" in metrics.read_text() or process.poll() is not None)
            if process.poll() is None:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            result = harness.wait(process)
        return result, {e["step"] for e in harness.metric_lines(self.cwd / "run", "checkpoint_failed")}

    def test_at_the_save_of_the_best_model_makes_it_the_best_of_those_that_were_saved(self):
        for num_steps in (100, 800):
            result, failed = self.with_room_after_a_failed_save(num_steps)
            if len(failed) < num_steps // 20:  # else this process was late, and a longer run gives it more time
                break
        self.assertEqual(result.code, 0, result)
        state = json.loads((self.cwd / "run" / "trainer_state.json").read_text())
        saved = {e["step"]: e["eval_loss"] for e in state["log_history"] if "eval_loss" in e and e["step"] not in failed}
        best = max(saved, key=saved.get)
        self.assertLess(best, max(saved))
        self.assertEqual(state["best_global_step"], best)
        self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(),
                         (self.cwd / "run" / f"checkpoint-{best}" / "model.safetensors").read_bytes())

    def test_at_an_earlier_save_does_not_stop_the_run(self):
        result = self.run_program(*self.training("--save-steps", 1), preexec_fn=self.limit_files_to_500_kb)
        self.assertEqual(result.code, 74, result)
        self.assertIn("step=4 ", result.err)
        events = [(e["kind"], e["step"]) for e in harness.metric_lines(self.cwd / "run") if "checkpoint" in e["kind"]]
        self.assertEqual(events, [(kind, step) for step in (1, 2, 3, 4) for kind in ("checkpoint", "checkpoint_failed")])
        self.assertEqual(result.err.count("checkpoint-4 was not saved"), 1, result)

    def test_at_an_earlier_save_is_told_of_long_before_the_next(self):
        def told_in_time(interval):
            self.run_program(*self.training("--save-steps", interval, "--max-steps", 2 * interval, "--overwrite"),
                             preexec_fn=self.limit_files_to_500_kb)
            events = [(e["kind"], e["step"]) for e in harness.metric_lines(self.cwd / "run")]
            return events.index(("checkpoint_failed", interval)) < events.index(("log", 2 * interval - 1))

        self.assertTrue(any(map(told_in_time, (50, 200, 800))))  # a slow disk takes longer than some steps

    def test_at_an_earlier_save_that_training_has_to_wait_for_does_not_stop_it_either(self):
        # Within this limit there is no room for copies of weights and moments beside them.
        result = self.run_program(*self.training("--save-steps", 1, "--memory-limit", "1800KiB", "--memory-reserve", 0,
                                                 "--gradient-checkpointing"), preexec_fn=self.limit_files_to_500_kb)
        self.assertEqual(result.code, 74, result)
        self.assertIn("step=4 ", result.err)

    def test_leaves_a_run_that_goes_on_when_there_is_room_again(self):
        self.trained("--save-steps", 2, output="whole")
        self.run_program(*self.training("--save-steps", 2), preexec_fn=self.limit_files_to_500_kb)
        self.trained("--save-steps", 2, "--resume", "auto")
        self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(),
                         (self.cwd / "whole" / "model.safetensors").read_bytes())


@unittest.skipUnless(harness.can_mount(), "no file system may be mounted here")
class SmallDisk(EndToEndTest):
    # A checkpoint takes 1000 KiB, of which the model is 345.
    def test_costs_no_checkpoint_that_was_saved_and_is_told_with_what_is_missing(self):
        self.trained("--save-steps", 1, output="whole")
        disk = self.cwd / "disk"
        disk.mkdir()
        saved = []
        for kib in (200, 700, 1300, 2000, 3400):
            kept = self.cwd / f"kept-{kib}"
            kept.mkdir()
            run = self.training("--save-steps", 1, "--save-total-limit", 1, output="disk/run")
            result = harness.run_on_small_disk(kib, disk, kept, *run, cwd=self.cwd)
            saved.append(sorted(n for n in names(kept / "run") if n.startswith("checkpoint")))
            self.assertEqual(result.code, 0 if saved[-1] == ["checkpoint-4"] else 74, result)
            self.assertFalse([n for n in names(kept / "run") if n.startswith(".tmp")])
            if result.code == 74:
                self.assertRegex(result.err, r"checkpoint-4 was not saved: .*No space left on device; it takes "
                                             r"981 KiB, and [0-9.]+ [KM]iB of disk are left")
            self.trained("--save-steps", 1, "--resume", "auto", output=kept / "run")
            self.assertEqual((kept / "run" / "model.safetensors").read_bytes(),
                             (self.cwd / "whole" / "model.safetensors").read_bytes(), kib)
        self.assertEqual(saved, [[], [], ["checkpoint-1"], ["checkpoint-1"], ["checkpoint-4"]])


class TheInputs(EndToEndTest):
    def test_are_left_as_they_were(self):
        model = self.copied_model()
        data = self.written("data.json", self.train_file.read_bytes())
        before = (tree(model), data.read_bytes())
        self.trained(model=model, train=data)
        self.assertEqual((tree(model), data.read_bytes()), before)


@unittest.skipUnless(harness.can_trace(), "strace is not there, or may not trace")
class FileSystem(EndToEndTest):
    def test_without_hard_links_gets_a_copy_of_the_weights(self):
        result = harness.run_traced("link,linkat", "error=EPERM", *self.training(), cwd=self.cwd)
        self.assertEqual(result.code, 0, result)
        ours, saved = (self.cwd / "run" / part / "model.safetensors" for part in ("", "checkpoint-4"))
        self.assertEqual(ours.read_bytes(), saved.read_bytes())
        self.assertEqual(ours.stat().st_nlink, 1)
        self.assertEqual([n for n in names(self.cwd / "run") if n.startswith(".")], [])

    def test_is_told_to_keep_each_folder_that_was_made(self):
        result, calls = harness.calls_of("fsync", *self.training(output="a/b/run"), cwd=self.cwd)
        self.assertEqual(result.code, 0, result)
        for folder in (self.cwd, self.cwd / "a", self.cwd / "a" / "b", self.cwd / "a" / "b" / "run"):
            self.assertTrue(any(f"<{folder}>)" in call for call in calls), (folder, calls))

    def test_is_told_to_keep_files_before_their_names_and_names_before_an_older_checkpoint_goes(self):
        arguments = self.training("--save-steps", 1, "--save-total-limit", 1, "--validation-file", self.dev_file)
        result, calls = harness.calls_of("fsync,rename,link", *arguments, cwd=self.cwd, injections=["link:error=EPERM"])
        self.assertEqual(result.code, 0, result)
        run, flushed, targets, names_are_safe = self.cwd / "run", set(), [], True
        for call in calls:
            if match := re.search(r"fsync\(\d+<(.*?)>", call):
                flushed.add(match[1])
                names_are_safe = names_are_safe or match[1] == str(run)
            elif match := re.search(r'rename\("(.*?)", "(.*?)"', call):
                source, target = match.groups()
                targets.append(os.path.basename(target))
                if os.path.basename(source).startswith("checkpoint-"):
                    self.assertTrue(names_are_safe, call)
                    continue
                self.assertIn(source, flushed)
                if targets[-1].startswith("checkpoint-"):
                    names_are_safe = False
                    for name in ("config.json", "manifest.json", "model.safetensors", "optimizer.safetensors"):
                        self.assertIn(f"{source}/{name}", flushed)
        self.assertTrue({".trash-checkpoint-3", "checkpoint-4", "model.safetensors", "trainer_state.json"} <= set(targets))

    def test_without_locks_gets_a_warning(self):
        result = harness.run_traced("flock", "error=ENOLCK", *self.training(), cwd=self.cwd)
        self.assertEqual(result.code, 0, result)
        self.assertIn("run cannot be locked (No locks available): start no second run there", result.err)

    def test_that_cannot_list_the_run_is_told_of_and_no_run_begins_anew(self):
        self.trained()
        before = tree(self.cwd)
        result = harness.run_traced("getdents64", "error=EIO", *self.training("--resume", "auto"), cwd=self.cwd)
        self.assert_refused(result, 73, "run cannot be read: Input/output error")
        self.assertEqual(tree(self.cwd), before)


if __name__ == "__main__":
    harness.main()
