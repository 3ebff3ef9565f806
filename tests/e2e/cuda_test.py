"""Everything on a GPU but what its kernels compute: the GPU is a stand-in (tests/cuda_stand_in), the model a real one.

BERTFT_CUDA_STAND_IN names the library to preload.
"""

import json
import os
import re
import struct
import unittest

import harness

COUNTS = ("requests", "pinned_requests", "launches", "products", "waits", "copies_from_pinned", "copies_from_pageable",
          "copies_to_pageable")
PRECISIONS = {"fp32": "--no-bf16", "bf16": "--bf16", "fp16": "--fp16"}


@unittest.skipUnless(os.environ.get("BERTFT_MINILM_DIR"), "BERTFT_MINILM_DIR is not set")
class OnAGpu(harness.EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_directory = self.cwd / "run"

    def run_program(self, *args, **stand_in):
        """stand_in: CUDA_STAND_IN_... variables, in lower case and without that."""
        variables = {"CUDA_STAND_IN_" + name.upper(): str(value) for name, value in stand_in.items()}
        return harness.run(*args, cwd=harness.ROOT, env={"LD_PRELOAD": os.environ["BERTFT_CUDA_STAND_IN"], **variables})

    def train(self, *flags, steps=4, existing="--overwrite", **stand_in):
        return self.run_program("--config", "configs/quickstart.yaml", "--model-name-or-path",
                                os.environ["BERTFT_MINILM_DIR"], "--device", "cuda", "--max-steps", steps, existing,
                                "--output-dir", self.run_directory, *flags, **stand_in)

    def trained(self, *flags, steps=4, **options):
        result = self.train(*flags, steps=steps, **options)
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"step {steps}/{steps}", result.err)
        return result

    def counts_of(self, steps, *flags):
        file = self.cwd / "counts"
        file.write_bytes(bytes(8 * len(COUNTS)))
        self.trained(*flags, steps=steps, counts=file)
        return dict(zip(COUNTS, struct.unpack(f"<{len(COUNTS)}Q", file.read_bytes()), strict=True))

    def counts_of_a_step(self, *flags):
        few, more = (self.counts_of(steps, "--eval-strategy", "no", "--save-strategy", "no", *flags)
                     for steps in (10, 30))
        return {name: (more[name] - few[name]) / 20 for name in COUNTS}


class Training(OnAGpu):
    def test_leaves_a_model_that_is_evaluated_and_answers(self):
        result = self.trained()
        self.assertRegex(result.err, r"device +GPU 0 Stand-in, 80\.0 GiB, bf16")
        self.assertTrue((self.run_directory / "model.safetensors").is_file())
        scored = self.run_program("eval", self.run_directory, "--data", "configs/quickstart/dev.json", "--json")
        self.assertEqual(json.loads(scored.out)["total"], 28, scored)
        context = self.cwd / "context.txt"
        context.write_text("The cat sat on the mat.")
        answer = self.run_program("predict", self.run_directory, "--question", "Who sat?", "--context-file", context)
        self.assertEqual(answer.code, 0, answer)

    def test_goes_on_from_a_checkpoint(self):
        self.trained("--save-strategy", "steps", "--save-steps", 2, "--save-total-limit", 2, "--eval-strategy", "no")
        self.cut_short("run")
        self.assertRegex(self.trained("--eval-strategy", "no", existing="--resume=auto").err, r"resume .*checkpoint-2")

    def test_runs_on_cards_of_each_age_in_each_precision(self):
        for capability, precision, flags in ((75, "fp32", ()), (75, "fp16", ("--gradient-checkpointing",)),
                                             (90, "fp32", ("--gradient-checkpointing",)), (90, "fp16", ()),
                                             (120, "bf16", ("--set", "full_determinism=true"))):
            with self.subTest(capability=capability, precision=precision):
                result = self.trained(PRECISIONS[precision], *flags, capability=capability)
                self.assertRegex(result.err, rf"device +GPU 0 Stand-in, 80\.0 GiB, {precision}")

    def test_runs_where_virtual_memory_is_of_no_use(self):
        self.assertNotIn("warning", self.trained(is_wsl=1).err)

    def test_refuses_a_card_that_is_too_old(self):
        for capability, flags, said in ((70, (), "needs Turing"), (75, ("--bf16",), "bf16 needs a GPU from Ampere on")):
            for probe in ("off", "auto"):
                with self.subTest(capability=capability, probe=probe):
                    result = self.train("--set", f"probe_memory={probe}", *flags, capability=capability)
                    self.assertEqual((result.code, result.err.count("error:")), (69, 1), result)
                    self.assertIn(said, result.err)
                    self.assertFalse(self.run_directory.exists())

    # What the GPU is given next is there before it is done with the last.
    def test_waits_for_the_gpu_once_a_step_and_copies_batches_beside_its_work(self):
        a_step = self.counts_of_a_step()
        self.assertEqual(a_step["waits"], 1, "for the loss and the norm of the gradients")
        self.assertEqual(a_step["copies_to_pageable"], 1, "that loss and norm, for which it waits")
        self.assertEqual(a_step["copies_from_pageable"], 0)
        self.assertEqual(a_step["copies_from_pinned"], 7, "the tensors of a batch")
        self.assertEqual((a_step["requests"], a_step["pinned_requests"]), (0, 0), "memory is kept from step to step")

    def test_waits_for_the_gpu_once_a_step_in_several_micro_batches_too(self):
        self.assertEqual(self.counts_of_a_step("--micro-batch-features", 2)["waits"], 1)


class OutOfMemory(OnAGpu):
    def test_in_a_step_makes_smaller_pieces_of_the_same_step(self):
        free = self.trained("--per-device-train-batch-size", 32)
        limit = int(re.search(r"peak (\d+) MiB", free.err)[1]) * 85 // 100
        result = self.trained("--memory-limit", f"{limit}MiB", "--memory-reserve", 0, "--per-device-train-batch-size", 32)
        self.assertRegex(result.err, r"warning step \d: out of memory in (forward|backward) \([\d,]+ tokens\); redone with "
                                     r"[\d,]+ tokens a micro-batch, effective batch still 32")

    def test_of_one_feature_says_who_holds_what_and_what_would_do(self):
        result = self.train("--memory-limit", "230MiB", "--memory-reserve", 0)
        self.assertEqual(result.code, 71, result)
        self.assertRegex(result.err, r"error: one feature of \d+ tokens does not fit in memory \(backward of step 1\): "
                                     r"CUDA out of memory\. Tried to allocate [\d.]+ MiB\.\n")
        would_do = re.search(r"memory_limit: (\d+MiB) +would do", result.err)
        self.assertTrue(would_do, result)
        self.trained("--memory-limit", would_do[1], "--memory-reserve", 0)

    def test_once_costs_nothing(self):
        num_requests = self.counts_of(4)["requests"]
        for request in range(0, num_requests, num_requests // 6):
            with self.subTest(request):
                result = self.trained(fails=request)
                self.assertNotIn("warning", result.err)

    def test_from_some_time_on_ends_in_one_message(self):
        places = set()
        for request in range(0, self.counts_of(4)["requests"], 5):
            with self.subTest(request):
                result = self.train(fails=f"{request}-")
                said = re.findall(r"^error: (.*): CUDA out of memory\. Tried to allocate [\d.]+ MiB\.$", result.err, re.MULTILINE)
                self.assertEqual((result.code, len(said)), (71, 1), result)
                places.add(re.sub(r".*\((\w+).*", r"\1", said[0]))
        self.assertLessEqual({"out of memory", "evaluation", "forward"}, places, "the first: of the weights")

    def test_of_a_card_that_is_taken_says_so_before_the_first_step(self):
        result = self.train(mib=900)
        self.assertEqual(result.code, 71, result)
        self.assertRegex(result.err, r"memory +\d+ MiB \(free memory less memory_reserve 256 MiB\).*not even one may fit")
        self.assertIn("closing other programs", result.err)


class Probe(OnAGpu):
    TIGHT = "--memory-limit", "1280MiB", "--per-device-train-batch-size", 256

    def test_finds_a_micro_batch_that_training_then_keeps(self):
        found = self.train("--probe-memory", *self.TIGHT)
        self.assertEqual(found.code, 0, found)
        file = json.loads((self.run_directory / "probe.json").read_text())
        self.assertGreater(file["micro_batch_features"], 8)
        self.assertLess(file["micro_batch_features"], 256)
        self.assertRegex(found.err + found.out, rf"largest: {file['micro_batch_features']} features")
        trained = self.trained("--set", "probe_memory=auto", *self.TIGHT)
        self.assertRegex(trained.err, r"probe\.json")
        self.assertNotIn("warning", trained.err)

    def test_before_training_is_a_process_of_its_own(self):
        result = self.trained("--set", "probe_memory=auto", *self.TIGHT)
        self.assertRegex(result.err, r"probe +trying 1 feature of 192 tokens\n")
        self.assertRegex(result.err, r"probe +micro_batch_tokens [\d,]+ \(\d+ features of 192\)")
        self.assertNotIn("warning", result.err)

    def test_before_training_has_the_gpu_to_itself(self):
        gpu = self.written("gpu", b"")
        for existing, said in (("--overwrite", "trying"), ("--overwrite", "still holds")):
            result = self.trained("--set", "probe_memory=auto", *self.TIGHT, existing=existing, exclusive=gpu)
            self.assertIn(said, result.err)


if __name__ == "__main__":
    unittest.main()
