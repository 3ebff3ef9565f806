"""What fits into memory: planned, probed, and survived when it does not."""

import json
import re
import shutil
import subprocess

import harness
from harness import EndToEndTest, metric_lines

# The small model's weights, gradients and moments take 2 MiB; a window of 64 tokens about 400 KiB.
ROOMY, TIGHT, TINY = "200MiB", "4MiB", "1MiB"


class MemoryTest(EndToEndTest):
    def limited(self, limit, *flags):
        return self.training("--max-steps", 4, "--memory-limit", limit, "--memory-reserve", 0, *flags)

    def losses(self, run):
        return [line["loss"] for line in metric_lines(self.cwd / run, "log")]


class OutOfMemory(MemoryTest):
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

    def assert_resumes_within(self, limit):
        for run, flags in (("whole", ()), ("parts", ("--save-steps", 2))):
            result = self.run_program(*self.limited(limit, "--output-dir", run, "--overwrite", *flags))
            self.assertEqual(result.code, 0, result)
        shutil.rmtree(self.cwd / "parts/checkpoint-4")
        for name in ("model.safetensors", "train_results.json"):
            (self.cwd / "parts" / name).unlink()
        resumed = self.run_program(*self.limited(limit, "--output-dir", "parts", "--resume", "auto"))
        self.assertEqual(resumed.code, 0, resumed)
        self.assertNotIn("out of memory", resumed.err)
        self.assertEqual((self.cwd / "whole/model.safetensors").read_bytes(),
                         (self.cwd / "parts/model.safetensors").read_bytes())

    def test_of_not_even_one_feature_tells_what_there_is_and_what_would_help(self):
        result = self.run_program(*self.limited(TINY))
        self.assertEqual(result.code, 71, result)
        for line in (r"error: out of memory: .* of a budget of 1.0 MiB\.$", r"has:   1.0 MiB to be used \(memory_limit 1MiB\); CPU",
                     r"needs: about [\d.]+ MiB for one feature of 64 tokens: weights ", r"fix:   memory_limit: \d+MiB +would do",
                     r"try:   .*bert-finetune .*--set memory_limit=\d+MiB --resume auto$"):
            self.assertRegex(result.err, "(?m)^" + line)

    def test_of_not_even_one_feature_names_a_command_that_works(self):
        result = self.run_program(*self.limited(TINY))
        command = re.search(r"(?m)^try:   (.*)$", result.err)[1]
        tried = subprocess.run(command, shell=True, cwd=self.cwd, capture_output=True, text=True, timeout=60,
                               env=harness.environment())
        self.assertEqual(tried.returncode, 0, tried.stderr)
        self.assertIn("model.safetensors", harness.names(self.cwd / "run"))

    def test_of_not_even_one_feature_keeps_the_steps_before_it(self):
        def paragraph(number, context):
            return {"context": context, "qas": [{"id": str(number), "question": "Who sells salt?", "is_impossible": False,
                                                 "answers": [{"text": "Barden", "answer_start": 0}]}]}

        paragraphs = [paragraph(i, "Barden sells salt.") for i in range(9)] + [paragraph(9, "Barden sells salt. " + "A b " * 40)]
        train = harness.write_json(self.cwd / "t.json", {"version": "v2.0", "data": [{"title": "T", "paragraphs": paragraphs}]})
        flags = ("--per-device-train-batch-size", 1, "--max-steps", 11, "--memory-reserve", 0)
        short = self.run_program(*self.training(*flags, "--memory-limit", "1500KiB", train=train))
        self.assertEqual(short.code, 71, short)
        step = int(re.search(r"one feature of 64 tokens does not fit .* of step (\d+)\)", short.err)[1]) - 1
        self.assertGreater(step, 0)
        self.assertRegex(short.err, rf"(?m)^saved: .*/run/checkpoint-{step} \(nothing is lost\)$")
        for more in (("--resume", "auto"), ("--output-dir", "whole")):
            result = self.run_program(*self.training(*flags, "--memory-limit", ROOMY, *more, train=train))
            self.assertEqual(result.code, 0, result)
        self.assertEqual((self.cwd / "whole/model.safetensors").read_bytes(),
                         (self.cwd / "run/model.safetensors").read_bytes())


class Savers(MemoryTest):
    """`memory_savers: auto`, with room for a feature of 64 tokens only when its layers are computed twice."""

    LIMIT = "1800KiB"

    def test_are_taken_when_not_even_one_feature_fits(self):
        refused = self.run_program(*self.limited(self.LIMIT))
        self.assertEqual(refused.code, 71, refused)
        result = self.run_program(*self.limited(self.LIMIT, "--memory-savers", "auto", "--overwrite"))
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"warning memory_savers: gradient_checkpointing is on \(saves .*; about a third more time\)")
        self.assertRegex((self.cwd / "run/bert_finetune_config.yaml").read_text(),
                         r"(?m)^gradient_checkpointing: true +# memory_savers: auto$")

    def test_that_the_user_has_set_stay_as_they_are(self):
        result = self.run_program(*self.limited(self.LIMIT, "--memory-savers", "auto", "--gradient-checkpointing", "false"))
        self.assertNotIn("gradient_checkpointing is on", result.err)

    def test_are_not_taken_where_there_is_room(self):
        result = self.run_program(*self.limited(ROOMY, "--memory-savers", "auto"))
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("memory_savers", result.err)


class Limit(MemoryTest):
    def test_that_makes_no_sense_is_refused(self):
        for limit, said in (("0GiB", "leaves no memory"), ("-1GiB", "leaves no memory"), ("12", "no unit"),
                            ("12bananas", "'bananas' is no unit"), ("1000000GiB", "the device has")):
            with self.subTest(limit):
                result = self.run_program(*self.training("--memory-limit=" + limit))
                self.assertEqual(result.code, 78, result)
                self.assertIn(said, result.err)


class Probe(MemoryTest):
    def test_prints_what_was_tried_and_keeps_it(self):
        result = self.run_program(*self.limited(TIGHT, "--probe-memory"))
        self.assertEqual(result.code, 0, result)
        lines = result.out.splitlines()
        self.assertEqual(lines[0].split(), ["features", "tokens", "peak", "features/s", "fits", "reached"])
        self.assertIn("use: ", result.out)
        kept = json.loads((self.cwd / "run/probe.json").read_text())
        self.assertEqual(len(kept["trials"]), sum(line.lstrip()[0].isdigit() for line in lines if line.strip()))
        self.assertGreater(kept["micro_batch_features"], 0)
        self.assertFalse((self.cwd / "run/model.safetensors").exists())

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
        result = self.run_program(*self.limited(TIGHT, "--set", "probe_memory=auto", "--probe-process", "child"))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, "")
        self.assertIn("micro-batches make the effective batch of 8", result.err)


class Plan(MemoryTest):
    def test_needs_neither_data_nor_device(self):
        result = self.run_program("--model-name-or-path", self.model, "--plan-memory")
        self.assertEqual(result.code, 0, result)
        self.assertIn("Largest micro-batch of a GPU", result.out)
        self.assertLessEqual(max(map(len, result.out.splitlines())), 80)

    def test_is_a_report_also_when_nothing_fits(self):
        result = self.run_program("--model-name-or-path", self.model, "--plan-memory", "--json", "--memory-limit", "300MiB",
                                  "--memory-reserve", "299.9MiB")
        self.assertEqual(result.code, 0, result)
        rows = json.loads(result.out)["micro_batches"]
        self.assertTrue(all(row["fits"] is False for row in rows))

    def test_needs_a_model(self):
        self.assertEqual(self.run_program("--plan-memory").code, 78)


if __name__ == "__main__":
    harness.main()
