"""bert-finetune data: what a file holds, and the windows that are cut from it."""

import json

import harness
from harness import EndToEndTest, questions_of


class Check(EndToEndTest):
    VALUES = {"max_seq_length": 400, "on_misaligned": "keep", "version_2_with_negative": "false",
              "fix_last_token_label": "false"}

    def report(self, path, *flags):
        return self.printed_json(self.run_program("data", "check", path, "--json", *flags))

    def test_counts(self):
        report = self.report(self.dev_file)
        expected = {"form": "nested", "version": "v2.0", "articles": 1, "paragraphs": 4, "questions": 20, "answerable": 16,
                    "unanswerable": 4, "answers": 16}
        self.assertEqual({key: report[key] for key in expected}, expected)
        self.assertFalse(any(report["findings"].values()))
        self.assertNotIn("windows", report)

    def test_counts_windows_with_a_model(self):
        report = self.report(self.dev_file, "--model", self.model, "--max-seq-length", 40, "--doc-stride", 10)
        windows = report["windows"]
        self.assertGreater(windows["windows"], 20)
        self.assertEqual(windows["length"]["max"], 40)
        self.assertEqual(sum(bar["windows"] for bar in windows["histogram"]), windows["windows"])

    def test_refuses_flags_that_would_do_nothing(self):
        for key in ("train_file", "max_eval_samples", "on_misaligned", "max_seq_length", "fix_last_token_label", "seed",
                    "output_dir"):
            self.assert_refused(self.run_program("data", "check", self.dev_file, "--set", f"{key}={self.VALUES.get(key, 99)}"), 2,
                                f"{key} (--set, argument 1) has no effect on data check")
        for flags, command in (([], "validation_file"), ([], "version_2_with_negative"), ([], "max_train_samples"),
                               (["--training"], "max_eval_samples")):
            flag = f"--{command.replace('_', '-')}={self.VALUES.get(command, 99)}"
            result = self.run_program("data", "features", self.dev_file, "--model", self.model, *flags, flag)
            self.assert_refused(result, 2, f"{command} (", "has no effect on data features")

    def test_tells_of_words_that_the_vocabulary_lacks(self):
        foreign = harness.squad(4, seed=22)
        for paragraph in foreign["data"][0]["paragraphs"]:
            paragraph["context"] = "слово " * 30 + paragraph["context"]
            for qa in paragraph["qas"]:
                qa["answers"] = [{"text": a["text"], "answer_start": a["answer_start"] + 180} for a in qa["answers"]]
        path = harness.write_json(self.cwd / "foreign.json", foreign)
        share = lambda file: self.report(file, "--model", self.model, *self.WINDOWS)["windows"]["unknown_share"]
        self.assertEqual(share(self.dev_file), 0)
        self.assertGreater(share(path), 0.2)
        result = self.run_program(*self.training("--dry-run", train=path))
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"foreign\.json: \d\d % of its tokens are \[UNK\]")

    def test_says_the_same_in_words(self):
        result = self.run_program("data", "check", self.dev_file, "--model", self.model, *self.WINDOWS)
        self.assertEqual((result.code, result.err), (0, ""), result)
        for text in ("questions                     20", "unanswerable                 4", "windows ", "nothing to report"):
            self.assertIn(text, result.out)

    def test_lists_what_is_wrong_by_question(self):
        data = harness.squad(4, seed=22)
        questions = list(questions_of(data))
        questions[0]["answers"][0]["answer_start"] += 1
        questions[1]["question"] = " "
        questions[2]["answers"][0]["text"] = ""
        report = self.report(harness.write_json(self.cwd / "bad.json", data))
        found = {kind: [f["id"] for f in findings] for kind, findings in report["findings"].items() if findings}
        self.assertEqual(found, {"misaligned": ["q22-0-0"], "empty_question": ["q22-0-1"], "empty_answer": ["q22-0-2"]})
        text = self.run_program("data", "check", "bad.json").out
        self.assertIn("q22-0-0: answer", text)

    def test_recognises_the_other_forms(self):
        rows = [{"id": qa["id"], "question": qa["question"], "context": p["context"], "title": "Towns",
                 "answers": {key: [answer[key] for answer in qa["answers"]] for key in ("text", "answer_start")}}
                for p in harness.squad(4, seed=22)["data"][0]["paragraphs"] for qa in p["qas"]]
        for name, content in (("rows.json", json.dumps(rows)), ("data.json", json.dumps({"data": rows})),
                              ("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),
                              ("bom.json", "\ufeff" + json.dumps(rows))):
            with self.subTest(name):
                report = self.report(self.written(name, content))
                self.assertEqual((report["questions"], report["answerable"]), (20, 16))

    def test_refuses_what_cannot_be_read(self):
        for content, code, text in ((None, 66, "bad.json"), (b"", 65, "empty"), (b"{'a'", 65, "Python's repr"),
                                    (b"[1]", 65, "[0]")):
            with self.subTest(content):
                if content is not None:
                    self.written("bad.json", content)
                for flags in ((), ("--json",)):
                    self.assert_training_refused(["data", "check", "bad.json", *flags], code, text)


class Features(EndToEndTest):
    def windows(self, *flags, data=None):
        result = self.run_program("data", "features", data or self.dev_file, "--model", self.model, *flags)
        self.assertEqual((result.code, result.err), (0, ""), result)
        return [json.loads(line) for line in result.out.splitlines()]

    def test_are_json_lines_with_offsets_into_the_context(self):
        pieces = (self.model / "vocab.txt").read_text().splitlines()
        contexts = {qa["id"]: p["context"] for p in harness.squad(4, seed=22)["data"][0]["paragraphs"] for qa in p["qas"]}
        windows = self.windows("--max-seq-length", 40, "--doc-stride", 10)
        self.assertGreater(len(windows), 20)
        for window in windows:
            self.assertEqual(list(window), ["id", "window", "input_ids", "token_type_ids", "offsets", "start", "end"])
            self.assertLessEqual(len(window["input_ids"]), 40)
            self.assertEqual(len(window["input_ids"]), len(window["offsets"]))
            for piece, place in zip(window["input_ids"], window["offsets"], strict=True):
                if place is not None:
                    text = contexts[window["id"]][place[0]:place[1]].lower()
                    self.assertIn(pieces[piece].removeprefix("##"), (text, "[UNK]"))

    def test_are_no_longer_than_the_tokenizers_files_allow(self):
        model = self.copied_model()
        harness.change_json(model / "tokenizer_config.json", model_max_length=30)
        result = self.run_program("data", "features", self.dev_file, "--model", model, "--max-seq-length", 40,
                                  "--doc-stride", 5)
        self.assertEqual(result.code, 0, result)
        self.assertIn("max_seq_length is 30 instead of 40: the tokenizer in ", result.err)
        lengths = {len(json.loads(line)["input_ids"]) for line in result.out.splitlines()}
        self.assertEqual(max(lengths), 30)
        harness.change_json(model / "tokenizer_config.json", model_max_length=1e30)  # says nothing, in Python
        self.assertEqual(self.run_program("data", "check", self.dev_file, "--model", model, *self.WINDOWS).err, "")

    def test_label_the_answer(self):
        data = json.loads(self.dev_file.read_text())
        contexts = {qa["id"]: p["context"] for p in data["data"][0]["paragraphs"] for qa in p["qas"]}
        answers = {qa["id"]: qa["answers"] for qa in questions_of(data)}
        for window in self.windows(*self.WINDOWS, "--training"):
            if not answers[window["id"]]:
                self.assertEqual((window["start"], window["end"]), (0, 0))
                continue
            begin, end = window["offsets"][window["start"]][0], window["offsets"][window["end"]][1]
            self.assertEqual(contexts[window["id"]][begin:end], answers[window["id"]][0]["text"])

    def test_for_training_leave_misaligned_questions_out(self):
        data = harness.squad(4, seed=22)
        questions_of(data)[0]["answers"][0]["answer_start"] += 1
        path = harness.write_json(self.cwd / "bad.json", data)
        self.assertEqual(len(self.windows(*self.WINDOWS, data=path)), 20)
        self.assertEqual(len(self.windows(*self.WINDOWS, "--training", data=path)), 19)

    def test_are_those_of_the_first_questions_where_told(self):
        for samples, flags in (("train", ["--training"]), ("eval", [])):
            windows = self.windows(*self.WINDOWS, *flags)
            self.assertEqual(self.windows(*self.WINDOWS, f"--max-{samples}-samples", 3, *flags), windows[:3])

    def test_refuse_bad_input(self):
        for args, code, text in (((self.dev_file, "--model", "none"), 66, "none"),
                                 (("none.json", "--model", self.model, *self.WINDOWS), 66, "none.json"),
                                 ((self.dev_file, "--model", self.model, "--doc-stride", 400), 78, "doc_stride")):
            with self.subTest(args):
                self.assert_training_refused(["data", "features", *args], code, text)

    def test_are_no_longer_than_the_model_takes(self):
        for command in ("check", "features"):
            with self.subTest(command):
                self.assert_training_refused(["data", command, self.dev_file, "--model", self.model, "--max-seq-length", 140],
                                             78, "max_seq_length is 140; this model takes 128 tokens at most")


if __name__ == "__main__":
    harness.main()
