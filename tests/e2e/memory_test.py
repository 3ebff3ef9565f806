"""What fits into memory: limited, planned, probed, and cut into pieces where it does not."""

import json
import os
import re
import resource
import signal
import unittest

import harness
from harness import ROOMY, TIGHT, TINY, MemoryTest, metric_lines, wait_until


class OutOfMemory(MemoryTest):
    def losses(self, run):
        return [line["loss"] for line in metric_lines(self.cwd / run, "log")]

    def test_in_a_step_makes_smaller_pieces_of_the_same_step(self):
        for limit, run in ((ROOMY, "roomy"), (TIGHT, "tight")):
            result = self.run_program(*self.limited(limit, "--logging-steps", 1, "--output-dir", run))
            self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"warning step 1: out of memory in (forward|backward) \([\d,]+ tokens\); redone with "
                                     r"[\d,]+ tokens a micro-batch, effective batch still 8")
        for a, b in zip(self.losses("roomy"), self.losses("tight"), strict=True):
            self.assertAlmostEqual(a, b, delta=1e-6 * a)

    def test_leaves_its_smaller_pieces_to_the_resumed_run(self):
        for limit in (TIGHT, "2000KiB"):  # the latter has no room for the optimizer's moments twice
            with self.subTest(limit):
                self.assert_resumes_within(limit)

    def test_depends_on_no_checkpoint_that_is_being_written(self):
        for run, flags in (("saving", ("--save-steps", 2)), ("not_saving", ("--save-strategy", "no"))):
            result = self.run_program(*self.limited(TIGHT, "--max-steps", 16, "--output-dir", run, *flags))
            self.assertEqual(result.code, 0, result)
        self.assertEqual((self.cwd / "saving/model.safetensors").read_bytes(),
                         (self.cwd / "not_saving/model.safetensors").read_bytes())

    def test_in_an_evaluation_is_told_once_and_remembered(self):
        result = self.run_program(*self.limited(
            "3MiB", "--validation-file", self.dev_file, "--eval-strategy", "steps", "--eval-steps", 2, "--save-steps", 2,
            "--per-device-eval-batch-size", 128, "--set", "micro_batch_features=1"))
        self.assertEqual(result.code, 0, result)
        limits = re.findall(r"warning evaluation: out of memory \([\d,]+ tokens\); goes on with ([\d,]+) tokens a batch",
                            result.err)
        self.assertTrue(limits, result)
        self.assertEqual(len(limits), len(set(limits)), "the same shortage twice")
        state = json.loads((self.cwd / "run/checkpoint-4/trainer_state.json").read_text())
        self.assertEqual(state["stateful_callbacks"]["bert_finetune"]["eval_batch_tokens"], int(limits[-1].replace(",", "")))

    def assert_resumes_within(self, limit):
        for run, flags in (("whole", ()), ("parts", ("--save-steps", 2))):
            result = self.run_program(*self.limited(limit, "--output-dir", run, "--overwrite", *flags))
            self.assertEqual(result.code, 0, result)
        self.cut_short("parts")
        resumed = self.run_program(*self.limited(limit, "--output-dir", "parts", "--resume", "auto"))
        self.assertEqual(resumed.code, 0, resumed)
        self.assertNotIn("out of memory", resumed.err)
        self.assertEqual((self.cwd / "whole/model.safetensors").read_bytes(),
                         (self.cwd / "parts/model.safetensors").read_bytes())


class Limit(MemoryTest):
    def test_that_makes_no_sense_is_refused(self):
        for limit, said in (("0GiB", "leaves no memory"), ("-1GiB", "leaves no memory"), ("12", "no unit"),
                            ("12bananas", "'bananas' is no unit"), ("1000000GiB", "that is more than the")):
            with self.subTest(limit):
                self.assert_training_refused(self.training("--memory-limit=" + limit), 78, said)

    def test_that_makes_no_sense_in_a_file_is_refused_at_its_place(self):
        self.written("c.yaml", "seed: 1\nmemory_limit:   0GiB\nmemory_reserve: 12bananas\n")
        self.assert_training_refused(["--config", "c.yaml"], 78,
                                     "c.yaml:2:17: error: memory_limit: expected an amount such as 12GiB",
                                     "got '0GiB'; that leaves no memory", "c.yaml:3:17: error: memory_reserve: ",
                                     "got '12bananas'; 'bananas' is no unit of memory")

    # oneDNN makes code for every shape of a product, and packed batches have another number of rows each.
    @unittest.skipUnless(os.environ.get("BERTFT_MINILM_DIR"), "BERTFT_MINILM_DIR is not set")
    def test_leaves_room_for_what_a_run_holds_beside_its_tensors(self):
        limit, beside = 450, 220  # MiB; the least reserve is 256
        result = harness.run("--config", "configs/quickstart.yaml", "--model-name-or-path",
                             os.environ["BERTFT_MINILM_DIR"], "--device", "cpu", "--bf16", "--max-steps", 40,
                             "--micro-batch-features", 2, "--memory-limit", f"{limit}MiB", "--memory-reserve", 0,
                             "--eval-strategy", "no", "--output-dir", self.cwd / "run", cwd=harness.ROOT, timeout=200)
        self.assertEqual(result.code, 0, result)
        size, unit = re.search(r"peak ([\d.]+) (MiB|GiB)", result.err).groups()
        self.assertLess(float(size) * (1024 if unit == "GiB" else 1), limit + beside)


class Probe(MemoryTest):
    def test_prints_what_was_tried_and_keeps_it(self):
        result = self.run_program(*self.limited(TIGHT, "--probe-memory"))
        self.assertEqual(result.code, 0, result)
        lines = result.out.splitlines()
        self.assertEqual(lines[0].split(), ["features", "tokens", "peak", "features/s", "fits", "reached"])
        self.assertIn("use: ", result.out)
        kept = json.loads((self.cwd / "run/probe.json").read_text())
        self.assertEqual([trial["features"] for trial in kept["trials"]],
                         [int(n) for n in re.findall(r"trying (\d+) features? of 64 tokens", result.err)])
        self.assertEqual(len(kept["trials"]), sum(line.lstrip()[0].isdigit() for line in lines if line.strip()))
        self.assertGreater(kept["micro_batch_features"], 0)
        self.assertFalse((self.cwd / "run/model.safetensors").exists())

    def test_searches_up_to_the_data_when_asked_and_up_to_the_effective_batch_before_training(self):
        asked = self.run_program(*self.limited(ROOMY, "--probe-memory", output="asked"))
        self.assertEqual(asked.code, 0, asked)
        self.assertIn("\nlargest: 60 features (3,840 tokens)\nuse: the whole effective batch of 8 fits at once\n", asked.out)
        before = self.run_program(*self.limited(ROOMY, "--set", "probe_memory=auto", output="before"))
        self.assertEqual(before.code, 0, before)
        self.assertIn("probe     the whole effective batch of 8 fits at once", before.err)
        for run, most in (("asked", 60), ("before", 8)):
            kept = json.loads((self.cwd / run / "probe.json").read_text())
            self.assertEqual((kept["searched_up_to"], kept["micro_batch_features"]), (most, most), run)

    def test_says_how_many_micro_batches_make_an_accumulated_step(self):
        accumulated = ("--per-device-train-batch-size", 5, "--gradient-accumulation-steps", 4)
        result = self.run_program(*self.limited(TIGHT, "--probe-memory", *accumulated))
        self.assertEqual(result.code, 0, result)
        found = json.loads((self.cwd / "run/probe.json").read_text())["micro_batch_features"]
        self.assertIn(found, range(2, 20))
        self.assertIn(f"\nlargest: {found} features ({64 * found} tokens)\nuse: micro_batch_tokens {64 * found} ({found} "
                      f"features of 64): {-(-20 // found)} micro-batches make the effective batch of 20\n", result.out)

    def test_leaves_a_run_as_it_was(self):
        self.trained("--max-steps", 2)
        before = harness.tree(self.cwd / "run")
        result = self.run_program(*self.limited(TIGHT, "--probe-memory", "--resume", "auto"))
        self.assertEqual(result.code, 0, result)
        after = harness.tree(self.cwd / "run")
        del after["probe.json"]
        self.assertEqual(after, before)

    def test_of_nothing_that_fits_is_an_error(self):
        result = self.run_program(*self.limited(TINY, "--probe-memory"))
        self.assertEqual(result.code, 71, result)
        self.assertIn("not even one feature", result.err)

    def test_before_training_changes_nothing_but_the_micro_batch(self):
        probed = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--output-dir", "probed"))
        self.assertEqual(probed.code, 0, probed)
        self.assertNotIn("out of memory", probed.err)
        tokens = json.loads((self.cwd / "probed/probe.json").read_text())["micro_batch_tokens"]
        given = self.run_program(*self.limited(TIGHT, "--micro-batch-tokens", tokens, "--output-dir", "given"))
        self.assertEqual(given.code, 0, given)
        self.assertEqual((self.cwd / "probed/model.safetensors").read_bytes(),
                         (self.cwd / "given/model.safetensors").read_bytes())

    def test_is_used_again_while_it_holds(self):
        first = self.run_program(*self.limited(TIGHT, "--probe-memory"))
        self.assertEqual(first.code, 0, first)
        again = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto"))
        self.assertEqual(again.code, 0, again)
        self.assertIn("probe.json still holds", again.err)
        other = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--overwrite", "--max-seq-length", 48))
        self.assertEqual(other.code, 0, other)
        self.assertNotIn("still holds", other.err)

    def test_runs_in_a_process_of_its_own_where_asked(self):
        # Of what is doubtful in the inputs each would have something to say.
        doubtful = {"paragraphs": [{"context": "Salt.", "qas": [{"id": "a", "question": "Who?", "answers": []}]}]}
        validation = self.written("doubtful.json", json.dumps({"data": [doubtful]}))
        result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child",
                                                "--warmup-steps", 100, "--validation-file", validation))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, "")
        self.assertIn("micro-batches make the effective batch of 8", result.err)
        for said in ("no question has an answer", "warm-up takes"):
            self.assertEqual(result.err.count(said), 1, result)

    def test_in_a_process_of_its_own_has_the_options_of_this_one_wherever_they_came_from(self):
        reading, writing = os.pipe()
        os.write(writing, b"per_device_train_batch_size: 16\nsave_total_limit: null\n")
        os.close(writing)
        result = self.run_program(*self.limited(TIGHT, "--config", f"/dev/fd/{reading}", "--set", "probe_memory=auto",
                                                "--probe-process", "child"), pass_fds=[reading],
                                  env={"BERT_FINETUNE_MAX_SEQ_LENGTH": "24", "BERT_FINETUNE_PER_DEVICE_EVAL_BATCH_SIZE": "3"})
        os.close(reading)
        self.assertEqual(result.code, 0, result)
        key = json.loads((self.cwd / "run" / "probe.json").read_text())["key"]
        self.assertEqual((key["length"], key["eval_batch"]), (64, 3))

    def test_comes_after_what_refuses_the_run(self):
        (self.cwd / "run" / "checkpoint-2").mkdir(parents=True)
        self.written("run/run.lock", b"")
        for process in ("same", "child"):
            with self.subTest(process):
                arguments = self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", process, "--overwrite")
                self.assert_training_refused(arguments, 73, "is no checkpoint of this program")

    def test_that_looked_further_than_a_run_may_go_holds_as_far(self):
        self.assertEqual(self.run_program(*self.limited(TIGHT, "--probe-memory")).code, 0)
        for process in ("same", "child"):
            with self.subTest(process):
                result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", process,
                                                        "--set", "probe_up_to=2", "--overwrite"))
                self.assertIn("still holds", result.err)
                self.assertIn("(2 features of", result.err)

    def test_can_come_first_in_a_run_that_was_killed_before_it_had_a_checkpoint(self):
        for process in ("same", "child"):
            with self.subTest(process):
                (self.cwd / process).mkdir()
                self.written(f"{process}/run.lock", b"")
                result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", process,
                                                        "--resume", "auto", output=process))
                self.assertEqual(result.code, 0, result)
                self.assertIn("micro-batches make the effective batch of 8", result.err)

    def test_is_left_out_where_a_run_goes_on_from_a_checkpoint(self):
        flags = ("--set", "probe_memory=auto", "--save-steps", 2)
        self.trained(*flags)
        self.cut_short("run")
        (self.cwd / "run/probe.json").unlink()
        result = self.run_program(*self.limited(TIGHT, *flags, "--resume", "auto"))
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("probe ", result.err)

    def with_its_process_sent(self, number):
        """The result of a training whose probe, in a process of its own, gets that signal."""
        with self.started(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child")) as process:
            os.kill(harness.child_of(process), number)
            return harness.wait(process)

    def test_whose_process_the_kernel_kills_has_run_out_of_memory(self):
        result = self.with_its_process_sent(signal.SIGKILL)
        self.assertEqual(result.code, 71, result)
        self.assertIn("error: the probe was killed (SIGKILL), as the kernel does when the machine is out of memory", result.err)

    def test_whose_process_somebody_stops_stops_the_run(self):
        result = self.with_its_process_sent(signal.SIGTERM)
        self.assertEqual(result.code, 143, result)
        self.assertIn("interrupted by SIGTERM before the first step", result.err)

    def test_in_a_process_of_its_own_needs_nobody_who_listens(self):
        with open("/dev/full", "wb") as full:
            result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child"),
                                      stderr=full)
        self.assertEqual(result.code, 0, result)

    def test_in_a_process_of_its_own_that_fails_hands_its_exit_code_on(self):
        result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child"),
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        self.assertEqual(result.code, 74, result)
        self.assertIn("File too large", result.err)
        self.assertEqual(result.err.count("error:"), 1, result)
        self.assertFalse((self.cwd / "run").exists())

    def test_in_a_process_of_its_own_ends_with_a_parent_that_is_killed(self):
        vocabulary, content = self.model_behind_a_pipe()
        arguments = self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child", model="model")
        with self.started(*arguments) as process:
            vocabulary.write_bytes(content)
            child = harness.child_of(process)
            with vocabulary.open("wb"):  # once the child reads, which then waits for what is not written
                process.kill()
                wait_until(lambda: not harness.is_running(child))
        vocabulary.unlink()
        vocabulary.write_bytes(content)
        self.assertEqual(self.run_program(*arguments, "--resume", "auto").code, 0)


class Plan(MemoryTest):
    def test_needs_neither_data_nor_device(self):
        result = self.run_program("--model-name-or-path", self.model, "--plan-memory", *self.WINDOWS)
        self.assertEqual(result.code, 0, result)
        self.assertIn("Largest micro-batch of a GPU", result.out)
        self.assertLessEqual(max(map(len, result.out.splitlines())), 80)

    def test_leaves_out_the_words_that_no_text_uses_where_the_data_are_there(self):
        arguments = ("--model-name-or-path", self.model, "--plan-memory", "--json", *self.WINDOWS)
        result = self.run_program(*arguments, "--train-file", "no-such-file")
        self.assertRegex(result.err, "planned for the whole word table, .*: .*no-such-file is not there")
        whole = self.printed_json(result)
        used = self.printed_json(self.run_program(*arguments, "--train-file", self.train_file))
        self.assertEqual(whole["trained_parameters"], whole["parameters"])
        self.assertEqual(used["parameters"], whole["parameters"])
        self.assertLess(used["trained_parameters"], used["parameters"])
        plan = self.run_program(*arguments, "--train-file", self.train_file, "--validation-file", "gone.json")
        self.assertEqual(self.printed_json(plan), whole)
        decayed = self.printed_json(self.run_program(*arguments, "--train-file", self.train_file, "--weight-decay", 0.1))
        self.assertEqual(decayed, whole)

    def test_is_a_report_also_when_nothing_fits(self):
        arguments = ("--model-name-or-path", self.model, "--plan-memory", *self.WINDOWS,
                     "--memory-limit", "300MiB", "--memory-reserve", "299.9MiB")
        result = self.run_program(*arguments, "--json")
        self.assertEqual(result.code, 0, result)
        rows = json.loads(result.out)["micro_batches"]
        self.assertTrue(all(row["fits"] is False for row in rows))
        self.assertIn("Nothing fits, not even one feature", self.run_program(*arguments).out)

    def test_takes_a_share_of_this_machines_memory_but_not_of_a_gpu_that_nobody_looks_at(self):
        arguments = ("--plan-memory", "--model-name-or-path", self.model, *self.WINDOWS, "--memory-limit", "50%")
        rows = self.printed_json(self.run_program(*arguments, "--device", "cpu", "--json"))["micro_batches"]
        self.assertTrue(all(row["fits"] for row in rows))
        self.assert_refused(self.run_program(*arguments), 78, "made without a GPU", "12GiB, or --device cpu")

    def test_is_made_for_the_named_configuration_and_marks_the_row_that_training_would_take(self):
        larger = self.model_of(HIDDEN=128, LAYERS=2, HEADS=4, INTERMEDIATE=256)
        plans = {}
        for name, flags in (("own", ()), ("larger", ("--config-name", larger))):
            result = self.run_program("--plan-memory", "--json", "--model-name-or-path", self.model, *self.WINDOWS, *flags)
            plans[name] = self.printed_json(result)
        self.assertGreater(plans["larger"]["parameters"], plans["own"]["parameters"])
        row, = (row for row in plans["own"]["micro_batches"] if row["configured"])
        self.assertEqual((row["precision"], row["gradient_checkpointing"]), ("bf16", False))  # of a GPU, by default

    def test_is_not_made_for_windows_that_the_model_cannot_take(self):
        self.assert_refused(self.run_program("--plan-memory", "--model-name-or-path", self.model, "--max-seq-length", 140),
                            78, "this model takes 128 tokens at most")

    def test_is_made_for_the_windows_that_training_makes(self):
        model = self.copied_model()
        harness.change_json(model / "tokenizer_config.json", model_max_length=30)
        result = self.run_program("--plan-memory", "--json", "--model-name-or-path", model, "--max-seq-length", 140)
        self.assertEqual((result.code, json.loads(result.out)["length"]), (0, 30), result)

    def test_needs_a_model(self):
        self.assertEqual(self.run_program("--plan-memory").code, 78)


if __name__ == "__main__":
    harness.main()
