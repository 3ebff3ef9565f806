"""Data that cannot be trained on: one clear message, 65 or 66, and nothing written."""

import json
import os
import resource

import harness
from harness import EndToEndTest

CONTEXT = "Barden lies by the river Solmar."
QA = {"id": "q7", "question": "Which river?", "answers": [{"text": "Solmar", "answer_start": 25}], "is_impossible": False}


def document(**changes):
    """A SQuAD file of one question with some of its fields changed."""
    answer = {**QA["answers"][0], **{k: changes.pop(k) for k in ("text", "answer_start") if k in changes}}
    paragraph = {"context": changes.pop("context", CONTEXT)}
    paragraph["qas"] = changes.pop("qas", [{**QA, "answers": [answer], **changes}])
    return {"version": "v2.0", "data": [{"title": "Towns", "paragraphs": [paragraph]}]}


class BadDataTest(EndToEndTest):
    def refused(self, content, *texts, code=65, flags=()):
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path = self.written("bad.json", content)
        self.assert_training_refused(self.training(*flags, train=path), code, *texts)


class Files(BadDataTest):
    def test_missing(self):
        self.assert_training_refused(self.training(train="none.json"), 66, "none.json", "No such file")
        self.assert_training_refused(self.training("--validation-file", "none.json"), 66, "none.json", "No such file")

    def test_a_directory(self):
        self.assert_training_refused(self.training(train="."), 66, "Is a directory")

    def test_that_may_not_be_read(self):
        self.written("private.json", "{}").chmod(0o000)
        (self.cwd / "private").mkdir(mode=0o000)
        for train in ("private.json", "private/train.json"):
            self.assert_training_refused(self.training(train=train), 66, train, "Permission denied",
                                         preexec_fn=harness.bound_by_permissions)

    def test_a_pipe(self):
        os.mkfifo(self.cwd / "pipe")
        self.assert_training_refused(self.training(train="pipe"), 66, "pipe", "not a regular file")

    def test_empty(self):
        self.refused("", "bad.json: the file is empty", "SQuAD JSON")
        self.refused(" \n", "bad.json")

    def test_without_any_answers(self):
        self.refused(document(qas=[{**QA, "answers": []}]), "bad.json: no question has an answer", '"answers": [{"text"')

    def test_cut_off(self):
        whole = json.dumps(harness.squad(2, 1))
        self.refused(whole[:len(whole) // 2], "bad.json:1:", "error: not JSON", "was it cut off?")

    def test_not_json(self):
        for content, text in ((b"<!doctype html><html></html>", "web page"), (b"{'data': []}", "Python's repr"),
                              (b"\0\1\2\xff", "NUL"), (b"\x1f\x8b\x08\0", "bad.json"), (b'{"data": []} {"data": []}', "bad.json"),
                              (b'{"data": [],}', "bad.json:1:13"), (b'{"data": NaN}', "bad.json:1:"),
                              (b'{"data": "\xff"}', "bad.json:1:")):
            with self.subTest(content):
                self.refused(content, text)

    def test_a_row_on_several_lines(self):
        row = {"id": "1", "context": "a b", "question": "c?", "answers": {"text": ["a"], "answer_start": [0]}}
        self.refused(json.dumps(row, indent=1), "bad.json:1:2", "a row of JSON lines stands on one line")

    def test_json_of_another_kind(self):
        for content in ('"text"', "17", "{}", "[1, 2]", '{"data": 3}', '{"data": [3]}', '[{"a": 1}]'):
            with self.subTest(content):
                self.refused(content, "bad.json")

    def test_nested_without_end(self):
        self.refused("[" * 100_000, "bad.json")

    def test_a_validation_file_is_checked_as_well(self):
        path = self.written("dev.json", '{"data": [')
        self.assert_training_refused(self.training("--validation-file", path), 65, "dev.json:1:", "not JSON")


class GiantFiles(BadDataTest):
    """Looked at by a process that may take eight times the file, and what it is itself."""

    def refused(self, content, *texts):
        path = self.written("giant.json", content)
        limit = 8 * path.stat().st_size + (64 << 20)
        # Of memory that it can write to: address space is reserved by each thread's heap as well.
        result = self.run_program("data", "check", path,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
        self.assert_refused(result, 65, *texts, max_cpu_s=10)

    def test_of_ten_million_empty_paragraphs(self):
        paragraphs = ",".join(['{"context":"","qas":[]}'] * 10_000_000)
        self.refused('{"data":[{"title":"","paragraphs":[' + paragraphs + ']}]}', "giant.json: no questions in it.")

    def test_of_strings_of_ten_megabytes(self):
        question = {**QA, "id": "i" * 10_000_000}
        self.refused(json.dumps(document(qas=[question, question])), "have the same id 'iii", "ii...'.")
        self.refused(json.dumps(document(context="c" * 10_000_000)) + "x", "giant.json:1:", "error: not JSON")


class Fields(BadDataTest):
    def test_of_a_wrong_type_are_named_by_their_path(self):
        place = "data[0].paragraphs[0]"
        for field, value, path in (
                ("context", 3, f"{place}.context"), ("qas", {}, f"{place}.qas"), ("qas", [3], f"{place}.qas[0]"),
                ("id", [], f"{place}.qas[0].id"), ("question", None, f"{place}.qas[0].question"),
                ("answers", "x", f"{place}.qas[0].answers"), ("is_impossible", "no", f"{place}.qas[0].is_impossible"),
                ("text", 5, f"{place}.qas[0].answers[0].text"),
                ("answer_start", 1.5, f"{place}.qas[0].answers[0].answer_start"),
                ("answer_start", "25", f"{place}.qas[0].answers[0].answer_start"),
                ("answer_start", 2**63, f"{place}.qas[0].answers[0].answer_start")):
            with self.subTest(field=field, value=value):
                self.refused(document(**{field: value}), path)
        self.refused({"data": [{"paragraphs": 1}]}, "data[0].paragraphs")

    def test_that_are_missing_are_named(self):
        for field in ("id", "question"):
            with self.subTest(field):
                qa = {k: v for k, v in QA.items() if k != field}
                self.refused(document(qas=[qa]), field)
        self.refused({"data": [{"title": "x", "paragraphs": [{"qas": [QA]}]}]}, "context")

    def test_given_twice_are_refused(self):
        self.refused('{"data": [], "data": []}', "twice")


class Questions(BadDataTest):
    def test_none_at_all(self):
        self.refused(document(qas=[]), "no questions")
        self.refused({"version": "v2.0", "data": []}, "no questions")

    def test_of_the_same_id(self):
        self.refused(document(qas=[QA, QA]), "same id 'q7'")

    def test_only_misaligned_ones(self):
        self.refused(document(answer_start=3), "misaligned", "data check")

    def test_that_are_doubtful_are_told_of_in_one_line_each(self):
        row = lambda number, start, **more: {"id": f"q{number}", "context": "It was a great fire.", "question": f"What {number}?",
                                             "answers": {"text": ["great fire"], "answer_start": [start]}, **more}
        rows = [row(0, 9), row(1, 9, is_impossible=True), row(2, 8), row(3, 8)]
        result = self.run_program(*self.training("--dry-run", train=harness.write_json(self.cwd / "rows.json", rows)))
        self.assertEqual(result.code, 0, result)
        self.assertIn("rows.json: 1 question with answers in spite of is_impossible: answerable all the same", result.err)
        self.assertIn("rows.json: 2 of 4 questions are left out of training: their answers are not at answer_start", result.err)

    def test_a_misaligned_one_when_that_is_an_error(self):
        mixed = document(qas=[QA, {**QA, "id": "q8", "answers": [{"text": "Solmar", "answer_start": 4}]}])
        self.refused(mixed, "q8", flags=["--on-misaligned", "error"])

    def test_one_that_leaves_no_room_for_its_context(self):
        self.refused(document(question="why " * 70), "q7", "max_seq_length")

    def test_too_few_for_a_full_batch(self):
        self.refused(document(), "no full batch of 8", "dataloader_drop_last: false", flags=["--dataloader-drop-last"])


if __name__ == "__main__":
    harness.main()
