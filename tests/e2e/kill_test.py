"""A run killed at any moment, by SIGKILL, goes on to the same bits."""

import functools
import random
import shutil
import subprocess
import time
import unittest

import harness
from resume_test import ResumeTest

STRACE = shutil.which("strace")


@functools.cache
def can_trace():
    """Containers may forbid tracing."""
    return STRACE is not None and subprocess.run([STRACE, "-o", "/dev/null", "true"], capture_output=True).returncode == 0


class KilledAtRandom(ResumeTest):
    SEQUENCES = 2
    KILLS = 3  # one after the other, each of the resumed run

    def test_again_and_again(self):
        started = time.monotonic()
        harness.run(*self.training(*self.long), cwd=self.cwd)
        duration_s = time.monotonic() - started
        for sequence in range(self.SEQUENCES):
            rng = random.Random(sequence)
            shutil.rmtree(self.cwd / "run")
            moments = [rng.uniform(0.3, 1.05) * duration_s for _ in range(self.KILLS)]
            with self.subTest(sequence=sequence, killed_after_s=moments):
                for moment in moments:
                    with self.started(*self.training(*self.long, "--resume", "auto")):
                        time.sleep(moment)
                self.go_on()
                self.assert_same_run(self.cwd / "run")


@unittest.skipUnless(can_trace(), "strace is not there, or may not trace")
class KilledInASystemCall(ResumeTest):
    """White box: the kernel kills the process when it enters its Nth call of a kind.

    strace counts by thread. The first calls of the main thread write the small files at the start of a run, its last
    ones publish the model; those in between, of threads of their own, write checkpoints and remove old ones.
    """

    def assert_killed_run_goes_on(self, call, number):
        traced = subprocess.run([STRACE, "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                 f"inject={call}:signal=KILL:when={number}", harness.BINARY, *self.training(*self.long)],
                                cwd=self.cwd, env=harness.environment(), capture_output=True, timeout=120)
        self.assertEqual(traced.returncode, -9, traced.stderr.decode())
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

    def test_that_makes_a_directory(self):
        self.check("mkdir", 1)


if __name__ == "__main__":
    harness.main()
