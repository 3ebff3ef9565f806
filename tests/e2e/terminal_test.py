"""What a person sees: whole lines in a file, one redrawn line on a terminal, and no harm when nobody listens."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import harness
from harness import EndToEndTest, names

COLUMNS = 60
ERASE = "\r\x1b[K"


class TerminalTest(EndToEndTest):
    def on_terminal(self, *args, env=None, results=False):
        """Exit code, and what a terminal of 60 columns received on stderr, or of results too."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        process = harness.start(*args, cwd=self.cwd, stderr=slave, stdout=slave if results else subprocess.DEVNULL,
                                env={"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})})
        os.close(slave)
        received = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the program has closed its end
                break
            if not piece:
                break
            received += piece
        os.close(master)
        return process.wait(timeout=60), received.decode().replace("\r\n", "\n")

    def long_training(self, num_steps=40):
        return self.training("--max-steps", num_steps, "--logging-steps", 20, "--validation-file", self.dev_file,
                             "--eval-strategy", "steps", "--eval-steps", 40)


class StatusLine(TerminalTest):
    def drawn(self, received):
        """The status lines: what was erased again."""
        return [part for line in received.split("\n") for part in line.split(ERASE)[:-1] if part]

    def test_is_redrawn_in_place_and_never_wraps(self):
        code, received = self.on_terminal(*self.long_training(120))  # a second, of which each tenth draws it
        self.assertEqual(code, 0, received)
        lines = self.drawn(received)
        self.assertGreater(len(lines), 3, received)
        for line in lines:
            self.assertLess(len(line), COLUMNS, line)
            self.assertRegex(line, r"^(step|eval) +\d+/\d+")
        without_erasing = received.replace(ERASE, "")
        self.assertIsNone(re.search(r"\r|\x1b", without_erasing), received)

    def test_leaves_whole_lines_above_and_nothing_behind(self):
        code, received = self.on_terminal(*self.long_training())
        seen = [line.split(ERASE)[-1] for line in received.split("\n")]
        self.assertEqual(seen[-1], "", received)
        for text in ("plan      40 steps", "eval @ 40 ", "saving ", "done "):
            self.assertTrue(any(line.startswith(text) for line in seen), (text, received))
        self.assertFalse(any(re.match(r"step +\d", line) for line in seen), received)

    def test_is_plain_in_a_locale_without_unicode(self):
        _, received = self.on_terminal(*self.long_training(), env={"LC_ALL": "C"})
        self.assertTrue(received.isascii(), received)

    def test_is_not_drawn_on_a_dumb_terminal(self):
        code, received = self.on_terminal(*self.training(), env={"TERM": "dumb"})
        self.assertEqual(code, 0)
        self.assertIsNone(re.search(r"\r|\x1b", received), received)

    def test_gives_way_to_an_error(self):
        code, received = self.on_terminal(*self.training(train="none.json"))
        self.assertEqual(code, 66)
        self.assertRegex(received, r"^error: cannot read .*none\.json")


class Lines(TerminalTest):
    def test_in_a_file_are_whole_and_stamped(self):
        result = self.run_program(*self.long_training())
        self.assertNotRegex(result.err, r"\r|\x1b")
        for line in result.err.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (info|warning) .")
        self.assertRegex(result.err, r"step=20 epoch=2\.50 loss=\S+ grad_norm=\S+ lr=\S+ features_s=\S+ mem_gib=\S+ eta_s=\d")

    def test_are_as_many_as_asked_for(self):
        for flag in ("-q", "-qq"):
            lines = self.trained(flag, output=f"run{flag}").err.splitlines()
            self.assertRegex(lines[0], r"^\S+ info done +step 4/4")
            self.assertRegex(lines[-1], r"^\S+ info model +")
        self.assertIn("step=4", (self.cwd / "run-qq" / "train.log").read_text())

    def test_of_errors_are_shown_however_quiet(self):
        for flag in ("-q", "-qq"):
            with self.subTest(flag):
                self.assert_refused(self.run_program(flag, *self.training(train="none.json")), 66, "none.json")

    def test_show_where_the_time_before_the_first_step_goes_when_asked_to(self):
        result = self.trained("-v")
        parts = re.findall(r"debug start    (.+?) +([\d.]+) s, +([\d.]+) s since launch", result.err)
        self.assertEqual([part[0] for part in parts],
                         ["command line, options", "tokenizer", "training file",
                          "training windows", "weights", "LibTorch", "device", "model", "run directory", "first step"])
        self.assertAlmostEqual(sum(float(part[1]) for part in parts), float(parts[-1][2]), delta=0.01)


class Answer(TerminalTest):
    def test_cannot_move_the_cursor(self):
        text = "Bar\x1b[2Jden"
        question = ["predict", self.learned_run(), "--question", "What?", "--context-file", self.written("text", text),
                    "--null-score-diff-threshold", 1e6]
        code, received = self.on_terminal(*question, results=True)
        self.assertEqual(code, 0, received)
        self.assertIn("Bar\\x1b[2Jden\n", received)
        self.assertNotIn("\x1b[2J", received)
        self.assertEqual(self.run_program(*question).out, text + "\n")


class NobodyListens(TerminalTest):
    def assert_trains(self, redirections, code=0):
        arguments = [harness.BINARY, *self.training()]
        shell = subprocess.run(["/bin/bash", "-c", f'"$@" {redirections}', "bash", *arguments], cwd=self.cwd,
                               env=harness.environment(), capture_output=True, timeout=60)
        self.assertEqual(shell.returncode, code, shell)
        self.assertIn("model.safetensors", names(self.cwd / "run"))
        self.assertIn(" info done ", (self.cwd / "run" / "train.log").read_text())

    def test_when_both_streams_are_closed(self):
        self.assert_trains(">&- 2>&- <&-")

    def test_when_the_disk_of_both_is_full(self):
        self.assert_trains(">/dev/full 2>/dev/full")

    def test_when_the_reader_goes_away(self):
        self.assert_trains("2>&1 | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}")


class LostResult(EndToEndTest):
    def test_on_a_full_disk_is_74(self):
        with open("/dev/full", "wb") as full:
            result = self.run_program("data", "check", self.dev_file, "--json", stdout=full)
        self.assertEqual(result.code, 74, result)
        self.assertEqual(result.err, "error: the result could not be written to stdout; is the disk full?\n")

    def test_that_nobody_reads_is_74_without_a_word(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = self.run_program("data", "features", self.dev_file, "--model", self.model, *self.WINDOWS, stdout=writer)
        os.close(writer)
        self.assertEqual((result.code, result.err), (74, ""), result)


if __name__ == "__main__":
    harness.main()
