"""The run of scripts/quickstart.sh, half as long: a real model that learns.

BERTFT_QUICKSTART_RUN names the run directory; it stays for parity.written_model.
"""

import json
import os
import pathlib
import re
import unittest

import harness


@unittest.skipUnless(os.environ.get("BERTFT_MINILM_DIR"), "BERTFT_MINILM_DIR is not set")
class Quickstart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_directory = pathlib.Path(os.environ["BERTFT_QUICKSTART_RUN"])
        result = harness.run("--config", "configs/quickstart.yaml", "--model-name-or-path", os.environ["BERTFT_MINILM_DIR"],
                             "--overwrite", "--output-dir", cls.run_directory, "--num-train-epochs", 1.6,
                             cwd=harness.ROOT, timeout=540, env={"OMP_NUM_THREADS": "2"})
        assert result.code == 0, result
        cls.events = [json.loads(line) for line in (cls.run_directory / "metrics.jsonl").read_text().splitlines()]

    def of_kind(self, kind):
        return [event for event in self.events if event["kind"] == kind]

    def test_halves_its_loss(self):
        first, *_, last = (event["loss"] for event in self.of_kind("log"))
        self.assertLessEqual(last, first / 2)

    def test_answers_better_after_training_than_before(self):
        before, *_, after = (event["metrics"] for event in self.of_kind("eval"))
        self.assertEqual(before["total"], after["total"])
        for key in ("exact", "f1"):
            self.assertGreater(after[key], before[key])

    def test_leaves_its_model(self):
        for name in ("model.safetensors", "config.json", "vocab.txt", "eval_predictions.json"):
            self.assertTrue((self.run_directory / name).is_file(), name)

    def test_answers_within_what_one_window_is_said_to_need(self):
        tight = ["eval", self.run_directory, "--memory-reserve", 0, "--max-eval-samples", 5, "--memory-limit"]
        short = harness.run(*tight, "80MiB", cwd=harness.ROOT)
        self.assertEqual(short.code, 71, short)
        advised = re.search(r"memory_limit: (\d+MiB) +would do", short.err)[1]
        enough = harness.run(*tight, advised, cwd=harness.ROOT)
        self.assertEqual(enough.code, 0, enough)


if __name__ == "__main__":
    harness.main()
