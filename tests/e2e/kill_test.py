"""A run killed at any moment, by SIGKILL, goes on to the same bits."""

import random
import shutil
import signal
import time
import unittest

import harness
from harness import checkpoints, wait_until
from resume_test import STEPS, ResumeTest


class KilledAtRandom(ResumeTest):
    SEQUENCES = 2
    KILLS = 3  # one after the other, each of the resumed run
    MOST_LINES = 40  # of about 60 that a run logs

    def is_killed(self, rng):
        """Whether SIGKILL ended the run, sent at a random moment of its log, and not it itself before that."""
        log = self.cwd / "run" / "train.log"

        def num_lines():
            return log.read_text().count("\n") if log.exists() else 0

        last = num_lines() + rng.randint(1, self.MOST_LINES)
        with self.started(*self.training(*self.long, "--resume", "auto")) as process:
            wait_until(lambda: num_lines() >= last or process.poll() is not None)
            time.sleep(rng.uniform(0, 0.02))  # a step takes about as long
        return process.returncode == -signal.SIGKILL

    def test_again_and_again(self):
        for sequence in range(self.SEQUENCES):
            with self.subTest(sequence=sequence):
                shutil.rmtree(self.cwd / "run", ignore_errors=True)
                rng, num_killed = random.Random(sequence), 0
                while num_killed < self.KILLS:
                    if self.is_killed(rng):
                        num_killed += 1
                    else:
                        self.assert_same_run(self.cwd / "run")
                        shutil.rmtree(self.cwd / "run")
                self.go_on()
                self.assert_same_run(self.cwd / "run")


@unittest.skipUnless(harness.can_trace(), "strace is not there, or may not trace")
class KilledInASystemCall(ResumeTest):
    """White box: the kernel kills the process when it enters its Nth call of a kind.

    strace counts by thread. The first calls of the main thread write the small files at the start of a run, its last
    ones publish the model; those in between, of threads of their own, write checkpoints and remove old ones.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Whichever is the best: the checkpoint of step 6 is removed again.
        cls.long = (*cls.long, "--max-steps", 12, "--save-total-limit", 1)
        cls.whole = cls.shared / "whole-of-12-steps"

    def assert_killed_run_goes_on(self, call, number):
        killed = harness.run_traced(call, f"signal=KILL:when={number}", *self.training(*self.long), cwd=self.cwd)
        self.assertEqual(killed.code, -9, killed)
        self.go_on()
        self.assert_same_run(self.cwd / "run")
        self.assertEqual([n for n in harness.names(self.cwd / "run") if n.startswith(".")], [])

    def check(self, call, *numbers):
        for number in numbers:
            with self.subTest(call=call, number=number):
                shutil.rmtree(self.cwd / "run", ignore_errors=True)
                self.assert_killed_run_goes_on(call, number)

    def test_that_flushes(self):
        self.check("fsync", 1, 8, 11, 13)

    def test_that_renames(self):
        self.check("rename", 2, 5, 8, 15)

    def test_that_removes(self):
        self.check("unlinkat", 1, 4)

    def test_that_links(self):
        self.check("link", 1)

    def test_that_links_before_it_tells_of_the_newer_model(self):
        self.trained(*self.long, "--save-total-limit", STEPS)
        first, *_, last = checkpoints(self.cwd / "run").values()
        harness.go_on_since(self.cwd / "run", first)
        older = (self.cwd / "run" / "trainer_state.json").read_bytes()
        killed = harness.run_traced("link", "signal=KILL:when=1", *self.training(*self.long, "--resume", "auto"), cwd=self.cwd)
        self.assertEqual(killed.code, -9, killed)
        self.assertEqual((self.cwd / "run" / "trainer_state.json").read_bytes(), older)

    def test_that_makes_a_directory(self):
        self.check("mkdir", 1)

    def test_that_removes_the_run_before_it(self):
        earlier = (self.uninterrupted() / "model.safetensors").read_bytes()
        anew = [*self.long, "--learning-rate", 2e-4]
        self.trained(*anew, output="whole")
        whole = (self.cwd / "whole" / "model.safetensors").read_bytes()
        self.assertNotEqual(whole, earlier)
        for call, numbers in (("rename", (1, 2, 3)), ("unlinkat", (1, 4))):
            for number in numbers:
                with self.subTest(call=call, number=number):
                    shutil.rmtree(self.cwd / "run", ignore_errors=True)
                    shutil.copytree(self.uninterrupted(), self.cwd / "run")
                    killed = harness.run_traced(call, f"signal=KILL:when={number}", *self.training(*anew, "--overwrite"),
                                                cwd=self.cwd)
                    self.assertEqual(killed.code, -9, killed)
                    self.trained(*anew, "--resume", "auto")
                    is_untouched = (call, number) == ("rename", 1)  # of the mark that it begins: a finished run is left alone
                    self.assertEqual((self.cwd / "run" / "model.safetensors").read_bytes(), earlier if is_untouched else whole)
                    hidden = [n for n in harness.names(self.cwd / "run") if n.startswith(".")]
                    self.assertEqual(len(hidden), 1 if is_untouched else 0, hidden)


if __name__ == "__main__":
    harness.main()
