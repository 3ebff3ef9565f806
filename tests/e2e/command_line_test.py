"""Help, versions, and what a mistyped command line is answered with."""

import ctypes
import itertools
import os
import pathlib
import re
import resource
import shutil
import struct

import harness
from harness import EndToEndTest, names


class Help(EndToEndTest):
    def printed(self, *args):
        result = self.run_program(*args)
        self.assertEqual((result.code, result.err), (0, ""), result)
        return result.out

    def assert_fits(self, text, num_lines):
        lines = text.splitlines()
        self.assertLessEqual(len(lines), num_lines, text)
        self.assertLessEqual(max(map(len, lines)), 80, text)

    def test_fits_one_screen_and_names_commands_examples_and_exit_codes(self):
        text = self.printed("--help")
        self.assert_fits(text, 40)
        for word in ("train", "eval", "predict", "data", "Examples:", "--config", "--set", "Exit codes:", "-q"):
            self.assertIn(word, text)
        for code in (0, 1, 2, 65, 66, 69, 70, 71, 73, 74, 75, 78, 130, 143):
            self.assertRegex(text, rf"\b{code} ")

    def test_is_what_no_arguments_get(self):
        self.assertEqual(self.printed(), self.printed("--help"))

    def test_of_all_options_names_each_key_with_its_default(self):
        text = self.printed("--help", "all")
        self.assert_fits(text, 400)
        for other in (("train", "--help", "all"), ("-h", "all"), ("--help=all",), ("eval", "-h", "all")):
            self.assertEqual(self.printed(*other), text, other)
        for flag in ("--learning-rate X", "--max-seq-length N", "--output-dir PATH", "--micro-batch-tokens N"):
            self.assertIn(flag, text)
        self.assertIn("default 384 tokens", " ".join(text.split()))

    def test_of_each_command_is_short(self):
        for command in (("train",), ("eval",), ("predict",), ("data",), ("data", "check"), ("data", "features")):
            with self.subTest(command):
                self.assert_fits(self.printed(*command, "--help"), 40)

    def test_version_is_one_line(self):
        self.assertRegex(self.printed("--version"), r"^bert-finetune \d+\.\d+\.\d+\n$")

    def test_build_info_tells_compiler_and_libraries(self):
        self.assertRegex(self.printed("--build-info"), r"^bert-finetune \d[\d.]*, source \w.*\ncompiler \w+ \d.*\nLibTorch 2\.")


PTX, MACHINE_CODE = 1, 2


def gpu_code(library):
    """(kind, architecture) of each piece of code for GPUs in a library, as nvcc puts them there: a header of magic number,
    version, own size and size of all pieces; each piece has a header of kind, version, own size, size of what follows
    and, at byte 28, the architecture."""
    content, found = library.read_bytes(), set()
    for header in re.finditer(re.escape(b"\x50\xed\x55\xba\x01\x00\x10\x00"), content):
        at = header.end() + 8
        end = at + struct.unpack_from("<Q", content, header.end())[0]
        while at < end:
            kind, _, own_size, size = struct.unpack_from("<HHIQ", content, at)
            found.add((kind, struct.unpack_from("<I", content, at + 28)[0]))
            at += own_size + size
    return found


class LibTorchsHalf(EndToEndTest):
    """What needs LibTorch is a library beside the program."""

    LIBRARIES = {"torch": "libbert-finetune-torch.so", "cuda": "libbert-finetune-cuda.so"}
    LIBRARY = LIBRARIES["cuda"]  # --build-info tells of both

    def copied(self, *files):
        folder = self.cwd / "elsewhere"
        folder.mkdir()
        for name in files:
            shutil.copy(pathlib.Path(harness.BINARY).parent / name, folder)
        return folder / "bert-finetune"

    def test_is_found_where_the_program_really_stands(self):
        program = self.copied("bert-finetune", self.LIBRARY)
        link = self.cwd / "link"
        link.symlink_to(program)
        for name, env in ((program, None), (link, None), ("./link", None), ("link", {"PATH": str(self.cwd)})):
            with self.subTest(name):
                self.assertEqual(self.run_program("--build-info", executable=name, env=env).code, 0)

    def test_is_missed_only_by_what_needs_it(self):
        program = self.copied("bert-finetune")
        self.assertEqual(self.run_program("data", "check", self.train_file, executable=program).code, 0)
        for args, library in ((["--build-info"], "cuda"), (self.training(), "torch"),
                              (self.training("--device", "cuda"), "cuda")):
            with self.subTest(args):
                result = self.run_program(*args, executable=program)
                self.assert_refused(result, 66, self.LIBRARIES[library], "belongs beside the program")
        self.assertEqual(names(self.cwd), ["elsewhere"])

    def test_loads_nothing_of_cuda_for_a_cpu(self):
        def loaded_for(device):
            result = self.run_program(*self.training("--dry-run", "--device", device), env={"LD_DEBUG": "files"})
            return set(re.findall(r"calling init: \S*/lib(torch_c[a-z]+)\.so", result.err))

        self.assertEqual(loaded_for("cpu"), {"torch_cpu"})
        self.assertEqual(loaded_for("cuda"), {"torch_cpu", "torch_cuda"})
        try:
            has_driver = bool(ctypes.CDLL("libcuda.so.1"))
        except OSError:
            has_driver = False
        self.assertEqual("torch_cuda" in loaded_for("auto"), has_driver)

    def test_has_code_for_every_gpu_that_is_said_to_do(self):
        code = gpu_code(pathlib.Path(harness.BINARY).parent / self.LIBRARIES["cuda"])
        self.assertEqual({gpu for kind, gpu in code if kind == MACHINE_CODE}, {75, 80, 86, 89, 90, 100, 120})
        self.assertEqual({gpu for kind, gpu in code if kind == PTX}, {120})  # for those to come

    def test_needs_more_memory_than_there_may_be(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        self.assert_refused(self.run_program("--build-info", preexec_fn=limit), 71, "out of memory while LibTorch was loaded")

    def test_is_not_that_of_another_build(self):
        other = self.cwd / "other"
        other.mkdir()
        (other / self.LIBRARY).write_bytes(b"")
        self.assertEqual(self.run_program("--build-info", env={"LD_LIBRARY_PATH": str(other)}).code, 0)

    def test_is_named_when_it_is_damaged(self):
        program = self.copied("bert-finetune", self.LIBRARY)
        for content in (b"", b"\x7fELF", b"garbage" * 100):
            with self.subTest(content[:8]):
                (program.parent / self.LIBRARY).write_bytes(content)
                self.assert_refused(self.run_program("--build-info", executable=program), 66, self.LIBRARY)


class Flags(EndToEndTest):
    """As run_qa.py's users write them."""

    def dumped(self, *flags):
        result = self.run_program(*flags, "--dump-config")
        self.assertEqual(result.code, 0, result)
        return result.out

    def test_of_truth_values_take_them_with_or_without_an_equals_sign(self):
        for value in ("False", "false", "0", "no"):
            self.assertRegex(self.dumped("--bf16", value), r"(?m)^bf16: false +# --bf16$")
            self.assertRegex(self.dumped(f"--bf16={value}"), r"(?m)^bf16: false +# --bf16$")
        self.assertRegex(self.dumped("--version_2_with_negative", "True"), r"(?m)^version_2_with_negative: true ")
        self.assertRegex(self.dumped("--bf16", "--gradient-checkpointing", "yes"), r"(?m)^bf16: true ")
        self.assertRegex(self.dumped("--bf16", "auto"), r"(?m)^bf16: auto +# --bf16$")
        self.assert_refused(self.run_program("--bf16=", "--dump-config"), 2, "'--bf16=' lacks a value: true or false.")
        self.assert_refused(self.run_program("--seed=", "7", "--dump-config"), 2, "'--seed=' lacks a value.")

    def test_probe_memory_is_an_option_where_it_has_a_value(self):
        self.assertRegex(self.dumped("--probe-memory", "False"), r'(?m)^probe_memory: "off" ')
        for flags in (["--probe-memory", "auto"], ["--probe-memory=auto"], ["--probe_memory", "auto"]):
            self.assertRegex(self.dumped(*flags), r"(?m)^probe_memory: auto ", flags)
        self.assert_refused(self.run_program("--probe-memory=maybe", "--dump-config"), 78, "probe_memory: ", "maybe")

    def test_of_truth_values_leave_other_arguments_alone(self):
        self.assert_refused(self.run_program("eval", "--bf16", "nowhere", "--data", self.dev_file), 66, "nowhere")

    def test_whose_place_another_option_has_taken_need_no_value_either(self):
        for flag in ("--no_cuda", "--use_cpu", "--use-cpu"):
            self.assertRegex(self.dumped(flag), r"(?m)^device: cpu ")
        self.assertRegex(self.dumped("--use_cpu", "False"), r"(?m)^device: auto ")
        self.assertRegex(self.dumped("--auto_find_batch_size"), r"(?m)^probe_memory: auto ")


class Mistakes(EndToEndTest):
    def refused(self, args, *texts, code=2):
        self.assert_training_refused(args, code, *texts)

    def test_an_unknown_command_is_answered_with_the_nearest(self):
        self.refused(["trian", "--config", "x.yaml"], "unknown command 'trian'; did you mean 'train'?\n", "--help")

    def test_a_command_like_no_other_gets_the_list(self):
        self.refused(["help"], "unknown command 'help'; did you mean '--help'?")
        self.refused(["frobnicate"], "unknown command 'frobnicate'.\n", "train (default), eval, predict, data")

    def test_an_unknown_flag_is_answered_with_the_nearest(self):
        self.refused(["--learing-rate", "3e-5"], "unknown flag '--learing-rate'; did you mean '--learning-rate'?",
                     "See bert-finetune train --help and bert-finetune --help all.")
        self.refused(["eval", "x", "--data", "y", "--jsom"], "'--jsom'; did you mean '--json'?", "bert-finetune eval --help")

    def test_a_flag_like_no_other_is_named(self):
        self.refused(["--no-such-flag"], "unknown flag '--no-such-flag'.")
        self.refused(["-output-dir", "x"], "unknown flag '-output-dir'; did you mean '--output-dir'?")

    def test_all_unknown_flags_are_named(self):
        self.refused(["--foo", "1", "--bar", "-.5"], "error: unknown flag '--foo'.\nunknown flag '--bar'.\nSee ")

    def test_flags_known_from_elsewhere_are_answered_with_ours(self):
        for args, ours in ((["--lr", "3e-5"], "--learning-rate"), (["--data", "x.json"], "--train-file"),
                           (["eval", "--model_name_or_path", "r", "--validation_file", "f"], "RUN_DIR"),
                           (["eval", "r", "--data", "f", "--output_dir", "x"], "--save-predictions"),
                           (["predict", "r", "--question", "q", "--context", "text"], "--context-file"),
                           (["predict", "r", "--data", "f", "--output_dir", "x"], "--save-to"),
                           (["predict", "r", "--predict_file", "f"], "--data"),
                           (["data", "check", "--data", "f"], "FILE"),
                           (["data", "check", "f", "--model_name_or_path", "m"], "--model")):
            with self.subTest(args):
                self.refused(args, f"did you mean '{ours}'?")

    def test_options_of_other_commands_are_called_that(self):
        for args, flag in ((["eval", "r", "--seed", "3"], "--seed"), (["predict", "r", "--overwrite"], "--overwrite"),
                           (["data", "check", "f", "--bf16"], "--bf16"), (["eval", "r", "--probe-memory"], "--probe-memory"),
                           (["eval", "r", "--gradient_checkpointing"], "--gradient_checkpointing"),
                           (["data", "check", "f", "--n-best-size", "3"], "--n-best-size")):
            with self.subTest(args):
                self.refused(args, f"'{flag}' is an option that bert-finetune {' '.join(args[:1 + (args[0] == 'data')])} "
                                   "does not go by.")

    def test_a_run_qa_command_that_asks_for_no_training_is_sent_to_the_right_one(self):
        self.refused(self.training("--do_eval"), "do_eval without do_train (--do-eval)",
                     f"bert-finetune eval {self.model} --data FILE --max-seq-length 64 --doc-stride 16 --device cpu "
                     f"--save-predictions {self.cwd / 'run'}\n")
        self.refused(["--do_eval", "--no_cuda", "--max_length", 256], "bert-finetune eval MODEL_DIR --data FILE --max-length 256 --no-cuda true\n")
        self.refused(self.training("--do_train", "False", "--do_predict", "--test_file", self.dev_file),
                     f"bert-finetune predict {self.model} --data {self.dev_file} ", f"--save-to {self.cwd / 'run'}\n")
        self.refused(["--do_eval"], "bert-finetune eval MODEL_DIR --data FILE")
        arguments = harness.write_json(self.cwd / "args.json", {
            "model_name_or_path": str(self.model), "train_file": str(self.train_file), "output_dir": "run",
            "validation_file": str(self.dev_file), "do_train": False, "do_eval": True})
        for more in ([], ["--model-name-or-path", self.model]):
            self.refused(["--config", arguments, *more], "do_eval without do_train (",
                         f"eval {self.model} --data {self.dev_file} --config {arguments}")
        self.refused(["--do_eval", "--model-name-or-path", "my model"], "bert-finetune eval '", "/my model' --data FILE")
        self.refused(self.training("--do_train", "False"), "do_train: false (--do-train) asks for no training")

    def test_a_command_behind_flags_is_answered_with_the_order(self):
        self.refused(["--config", "c.yaml", "eval", "runs/x"], "the command comes first: bert-finetune eval ...")

    def test_a_hidden_flag_without_its_value_is_answered_with_where_it_is_explained(self):
        self.refused(["--resume"], "--resume needs a value", "bert-finetune --help all")

    def test_run_qas_switches_leave_the_word_behind_them_alone(self):
        for switch in ("--do_eval", "--overwrite_cache", "--no_remove_unused_columns"):
            with self.subTest(switch):
                result = self.run_program("eval", switch, "nowhere", "--data", self.dev_file)
                self.assert_refused(result, 66, "nowhere")
        result = self.run_program("eval", "--do_eval", "True", "nowhere", "--data", self.dev_file)
        self.assert_refused(result, 66, "nowhere")

    def test_run_qas_lists_take_their_words_and_its_empty_values_ask_for_nothing(self):
        result = self.run_program(*self.training("--report_to", "tensorboard", "wandb", "--label_names", "a", "b", "--deepspeed", "",
                                                 "--fsdp", "", "--lr_scheduler_kwargs", "{}", "--dry-run"))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err.count("'report_to' has no effect"), 1, result)

    def test_evaluation_that_is_asked_for_needs_its_data(self):
        result = self.run_program(*self.training("--do_train", "--do_eval", "--dry-run"))
        self.assert_refused(result, 78, "training needs validation_file")

    def test_flags_cut_short_are_answered_with_the_whole(self):
        self.refused(["--per_device_train", "8"], "did you mean '--per-device-train-batch-size'?")
        self.refused(["--lr_scheduler", "linear"], "did you mean '--lr-scheduler-type'?")
        self.refused(["--learning", "1"], "did you mean '--learning-rate'?")

    def test_an_unknown_command_of_a_command_is_answered_with_the_nearest(self):
        self.refused(["data", "chek", "x.json"], "unknown command 'data chek'; did you mean 'check'? Commands: check, features.")

    def test_an_argument_too_many_is_named(self):
        self.refused(["train", "config.yaml"], "unexpected argument 'config.yaml'")
        self.refused(["eval", "run", "dev.json"], "did you mean '--data dev.json'?")
        self.refused(["--bf16", "ture"], "unexpected argument 'ture'; '--bf16' alone means true, --bf16=false turns it off.")
        self.refused(["--dry-run=maybe"], "--dry-run is on or off: true or false, got 'maybe'.")
        self.refused(["--overwrite", "base.yaml"], "did you mean '--config base.yaml'?")

    def test_missing_values_and_arguments(self):
        for args, text in ((["--config"], "--config"), (["--set"], "--set"), (["data"], "a command is missing after 'data'"),
                           (["data", "check"], "FILE is required"), (["data", "features", "x.json"], "--model is required"),
                           (["--learning-rate"], "--learning-rate needs a value."), (["--output-dir", "--dry-run"], "--output-dir needs a value"),
                           (["predict"], "RUN_DIR is required")):
            with self.subTest(args):
                self.refused(args, text)

    def test_a_flag_in_the_place_of_a_value_is_named(self):
        for args in (["--max-steps", "--seed", "4"], ["predict", "run", "--question", "--context-file", "ctx.txt"]):
            with self.subTest(args):
                self.refused(args, f"{args[-3]} needs a value, got the flag '{args[-2]}'")

    def test_empty_paths_are_no_values(self):
        for args in (["eval", "run", "--data", ""], ["predict", "run", "--data", "x", "--save-to", ""],
                     ["eval", "run", "--save-predictions", ""]):
            with self.subTest(args):
                self.refused(args, f"{args[-2]}: needs a value")

    def test_a_home_directory_that_the_shell_did_not_put_in_is_named(self):
        for args in (["predict", "~/run", "--data", "x"], ["eval", "run", "--data", "~/x"]):
            with self.subTest(args):
                self.refused(args, "'~' is not expanded; write the path out")

    def test_set_needs_a_key_and_a_value(self):
        for setting in ("learning_rate", "=3", ""):
            with self.subTest(setting):
                self.refused(["--set", setting], "key=value", "--set learning_rate=3e-5")

    def test_commands_in_the_shape_of_flags_exclude_each_other(self):
        flags = ("--dry-run", "--dump-config", "--plan-memory", "--probe-memory")
        for one, other in itertools.combinations(flags, 2):
            with self.subTest((one, other)):
                self.refused(self.training(one, other), one, other, "excludes")

    def test_a_plan_alone_is_printed_as_json(self):
        for flags in ((), ("--probe-memory",)):
            with self.subTest(flags):
                self.refused(self.training("--json", *flags), "--json requires --plan-memory")

    def test_a_working_directory_that_was_deleted_is_named(self):
        gone = self.cwd / "gone"
        for args in (["--build-info"], ["--config", "x.yaml"]):
            gone.mkdir()
            result = self.run_program(*args, preexec_fn=lambda: (os.chdir(gone), gone.rmdir()))
            self.assert_refused(result, 66, "the working directory was deleted")

    def test_several_processes_are_refused(self):
        for name in ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
            with self.subTest(name):
                self.assert_training_refused(self.training(), 2, "one of 4 processes", name, env={name: "4"})
                dumped = self.run_program("--dump-config", env={name: "4"})
                self.assertIn("learning_rate", dumped.out)

    def test_control_characters_are_not_passed_on_to_the_terminal(self):
        result = self.run_program("tr\x1b[2Jain\x07")
        self.assert_refused(result, 2, "unknown command")
        self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f]", result.err), result)


if __name__ == "__main__":
    harness.main()
