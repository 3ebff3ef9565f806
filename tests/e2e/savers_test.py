"""`memory_savers: auto`: what a run turns on to fit into memory, and what of it a resumed run keeps."""

import json
import re

import harness
from harness import ROOMY, SAVERS_ONLY, TINY, MemoryTest, checkpoints

AUTO = ("--memory-savers", "auto")


class SaversTest(MemoryTest):
    def warnings_of(self, result):
        """But for those of smaller micro-batches."""
        warnings = re.findall(r"(?m)^\S+ warning (.*)$", result.err)
        return [w for w in warnings if not w.endswith("effective batch still 8")]

    def assert_takes(self, result, *patterns, code=0):
        """One warning for each saver, and no other."""
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(self.warnings_of(result)), len(patterns), result)
        for warning, pattern in zip(self.warnings_of(result), patterns):
            self.assertRegex(warning, f"^memory_savers: {pattern}$")

    def wide(self, limit, *flags):
        """Arguments of a run whose activations outweigh everything else, so that each saver helps by the estimate."""
        model = self.model_of(HIDDEN=8, LAYERS=2, HEADS=1, INTERMEDIATE=4096)
        return self.limited(limit, *AUTO, "--max-seq-length", 128, *flags, model=model)

    def assert_option(self, key, value, origin):
        self.assertRegex((self.cwd / "run/bert_finetune_config.yaml").read_text(), rf"(?m)^{key}: {value} +# {origin}$")

    def assert_same_weights(self, one, other):
        self.assertEqual(*((self.cwd / run / "model.safetensors").read_bytes() for run in (one, other)))


class Expected(SaversTest):
    """The estimate says that not even one feature fits."""

    def test_are_taken_once_a_step_has_shown_it_where_the_estimate_is_close(self):
        self.assertEqual(self.run_program(*self.limited(SAVERS_ONLY)).code, 71)
        result = self.run_program(*self.limited(SAVERS_ONLY, *AUTO, "--overwrite"))
        self.assert_takes(result, r"gradient_checkpointing is on \(saves \d+ KiB of a feature's step; about a third "
                                  r"more time\): one feature of 58 tokens does not fit in memory .*")
        self.assert_option("gradient_checkpointing", "true", "memory_savers: auto")

    def test_are_taken_in_order_but_for_those_that_the_user_has_set(self):
        for flags, taken in (((), ["gradient_checkpointing", "bf16"]), (("--gradient-checkpointing", "false"), ["bf16"]),
                             (("--bf16", "false"), ["gradient_checkpointing"])):
            with self.subTest(flags):
                result = self.run_program(*self.wide(TINY, "--overwrite", *flags))
                self.assert_takes(result, *(f"{key} is on .*: one feature would take about .*" for key in taken), code=71)

    def test_are_taken_by_a_configuration_that_was_printed_too(self):
        printed = self.run_program(*self.wide(TINY, "--dump-config"))
        (self.cwd / "printed.yaml").write_text(printed.out)
        result = self.run_program("--config", "printed.yaml")
        self.assert_takes(result, "gradient_checkpointing is on .*", "bf16 is on .*", code=71)

    def test_are_not_taken_where_there_is_room(self):
        self.assert_takes(self.run_program(*self.limited(ROOMY, *AUTO)))


class ShownByAStep(SaversTest):
    """The estimate says that a feature of the thin model fits; a step says that it does not."""

    LIMIT = "870KiB"  # 825 are expected, 925 are taken

    def thin(self, *flags, limit=LIMIT, num_short=9):
        return self.run_program(*self.limited(
            limit, "--per-device-train-batch-size", 1, "--max-steps", num_short + 1, "--max-seq-length", 128, *flags,
            model=self.thin_model(), train=self.one_long_window(128, num_short)))

    def test_are_taken_and_the_run_goes_on_from_what_it_had_saved(self):
        result = self.thin(*AUTO)
        self.assert_takes(result, r"gradient_checkpointing is on \(saves .*\): one feature of 128 tokens does not fit "
                                  r"in memory \(backward of step \d+\): .* in use, of a budget of 870 KiB\.")
        step = int(re.search(r"of step (\d+)\)", result.err)[1]) - 1
        self.assertGreater(step, 0)
        self.assertRegex(result.err, rf"resume .*/run/checkpoint-{step}: step {step} of 10")
        self.assertEqual(self.thin("--output-dir", "whole", limit=ROOMY).code, 0)
        self.assert_same_weights("run", "whole")

    def test_are_taken_and_the_run_starts_afresh_where_nothing_was_saved(self):
        self.trained("--max-steps", 1)  # to be overwritten, not gone on with
        result = self.thin(*AUTO, "--overwrite", num_short=0)
        self.assert_takes(result, r"gradient_checkpointing is on .*\(backward of step 1\): .*")
        self.assertEqual(self.thin("--output-dir", "whole", limit=ROOMY, num_short=0).code, 0)
        self.assert_same_weights("run", "whole")

    def test_by_a_probe_are_taken_too(self):
        for where in ("same", "child"):
            with self.subTest(where):
                result = self.thin(*AUTO, "--probe-process", where, "--set", "probe_memory=auto", "--overwrite")
                self.assert_takes(result, r"gradient_checkpointing is on .*: not even one feature fitted")
                self.assertIn("memory_savers: gradient_checkpointing is on", (self.cwd / "run/train.log").read_text())
        # What the probe took is no saver of a run that takes none.
        result = self.thin("--gradient-checkpointing", "--probe-process", "child", "--set", "probe_memory=auto", "--overwrite")
        self.assertEqual(result.code, 0, result)
        self.assertIn("still holds", result.err)
        self.assert_option("gradient_checkpointing", "true", "--gradient-checkpointing")


class Resumed(SaversTest):
    def stopped(self, arguments):
        result = self.run_program(*arguments, "--save-steps", "2")
        self.assertEqual(result.code, 0, result)
        self.cut_short("run")

    def resumed(self, limit, *flags):
        result = self.run_program(*self.limited(limit, "--resume", "auto", *flags))
        self.assertEqual(result.code, 0, result)
        return result

    def saved_savers(self):
        *_, newest = checkpoints(self.cwd / "run").values()
        return json.loads((newest / "trainer_state.json").read_text())["stateful_callbacks"]["bert_finetune"]["memory_savers"]

    def test_keeps_them(self):
        self.stopped(self.limited(SAVERS_ONLY, *AUTO))
        self.assertEqual(self.saved_savers(), ["gradient_checkpointing"])
        result = self.resumed(SAVERS_ONLY, *AUTO)
        self.assertEqual(result.err.count("memory_savers: gradient_checkpointing stays on"), 1, result)
        self.assert_option("gradient_checkpointing", "true", "memory_savers: auto")
        self.assertEqual(self.saved_savers(), ["gradient_checkpointing"])

    def test_keeps_them_and_the_micro_batch_with_the_stored_configuration(self):
        self.stopped(self.limited(SAVERS_ONLY, *AUTO))
        *_, newest = checkpoints(self.cwd / "run").values()
        before = json.loads((newest / "trainer_state.json").read_text())["stateful_callbacks"]["bert_finetune"]
        self.assertIsNotNone(before["micro_batch_tokens"])
        result = self.run_program("--config", "run/bert_finetune_config.yaml", "--resume", "auto")
        self.assertEqual((result.code, self.warnings_of(result)), (0, []), result)
        self.assertNotIn("effective batch still", result.err)
        self.assertEqual(self.saved_savers(), ["gradient_checkpointing"])

    def test_keeps_those_that_the_stored_configuration_sets_and_says_so(self):
        self.stopped(self.limited(SAVERS_ONLY, *AUTO))
        result = self.run_program("--config", "run/bert_finetune_config.yaml", "--resume", "auto", "--memory-savers", "off")
        self.assertEqual(result.code, 0, result)
        self.assertIn("gradient_checkpointing stays on, since the configuration sets it", result.err)

    def test_drops_them_where_they_are_off(self):
        self.stopped(self.limited(SAVERS_ONLY, *AUTO))
        result = self.resumed(ROOMY)
        self.assertEqual(result.err.count("memory_savers: gradient_checkpointing is off again"), 1, result)
        self.assert_option("gradient_checkpointing", "auto", "default")
        self.assertEqual(self.saved_savers(), [])

    def test_lets_the_user_set_them(self):
        self.stopped(self.limited(SAVERS_ONLY, *AUTO))
        result = self.resumed(ROOMY, *AUTO, "--gradient-checkpointing", "false")
        self.assertEqual(result.err.count("memory_savers: gradient_checkpointing is off again"), 1, result)
        self.assert_option("gradient_checkpointing", "false", "--gradient-checkpointing")

    def test_are_off_again_where_the_user_computes_in_another_precision(self):
        plan = self.printed_json(self.run_program(*self.wide(ROOMY, "--plan-memory", "--json")))
        bytes_of = {row["precision"]: row["bytes"]["total"] for row in plan["micro_batches"]
                    if row["features"] == 1 and not row["gradient_checkpointing"]}
        between = f"{(bytes_of['bf16'] + bytes_of['fp32']) // 2048}KiB"
        self.stopped(self.wide(between, "--gradient-checkpointing", "false"))
        self.assertEqual(self.saved_savers(), ["bf16"])
        result = self.run_program(*self.wide(ROOMY, "--gradient-checkpointing", "false", "--resume", "auto", "--fp16"))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err.count("memory_savers: bf16 is off again"), 1, result)
        self.assertEqual(self.saved_savers(), [])
        self.assertEqual(self.warnings_of(result), ["resumed with other options than before: bf16 true -> auto, fp16 auto -> true"])

    def test_does_not_take_the_user_s_own_bf16_for_one(self):
        self.stopped(self.limited(ROOMY, *AUTO, "--bf16"))
        self.assertEqual(self.saved_savers(), [])
        result = self.resumed(ROOMY)
        self.assertEqual(self.warnings_of(result), ["resumed with other options than before: bf16 true -> auto"])

    def test_tells_of_more_of_them_once(self):
        self.stopped(self.wide(ROOMY))
        result = self.run_program(*self.wide(TINY, "--resume", "auto"))
        self.assert_takes(result, "gradient_checkpointing is on .*", "bf16 is on .*", code=71)


if __name__ == "__main__":
    harness.main()
