"""bert-finetune predict: one question with its text, or a file of questions."""

import json
import shutil

import harness
from harness import EndToEndTest, names, questions_of

TEXT = "Barden is a small town on the river Solmar. It was founded by Felgor in the year 1300, after the great fire."


class PredictTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_directory = self.learned_run()

    def ask(self, text, *flags, question="Who founded Barden?"):
        self.written("text.txt", text)
        return self.run_program("predict", self.run_directory, "--question", question, "--context-file", "text.txt", *flags)


class OneQuestion(PredictTest):
    def test_is_answered_on_stdout(self):
        result = self.ask(TEXT)
        self.assertEqual((result.code, result.out), (0, "Felgor\n"), result)

    def test_is_answered_in_json_with_places_in_the_text(self):
        for text in (TEXT, "Übrigens 😀: " + TEXT):  # characters of several bytes: places count code points
            answer = self.printed_json(self.ask(text, "--json"))
            self.assertEqual(list(answer), ["answer", "null_odds", "n_best"])
            self.assertEqual(answer["answer"], answer["n_best"][0]["text"])
            for candidate in answer["n_best"]:
                self.assertEqual(text[candidate["start"]:candidate["end"]], candidate["text"])
            self.assertAlmostEqual(sum(candidate["probability"] for candidate in answer["n_best"]), 1, places=5)
            self.assertEqual(self.printed_json(self.ask("\ufeff" + text, "--json")), answer)

    def test_may_go_unanswered_as_the_model_was_trained(self):
        answer = self.printed_json(self.ask(TEXT, "--json", "--version-2-with-negative", "false"))
        self.assertEqual(list(answer), ["answer", "n_best"])
        stored = self.run_directory / "bert_finetune_config.yaml"
        other = shutil.copytree(self.run_directory, self.cwd / "other") / stored.name
        other.write_text(stored.read_text().replace("version_2_with_negative: true", "version_2_with_negative: false"))
        self.written("text.txt", TEXT)
        result = self.run_program("predict", "other", "--question", "Who?", "--context-file", "text.txt", "--json")
        self.assertEqual(list(self.printed_json(result)), ["answer", "n_best"])

    def test_gets_an_answer_from_a_model_that_says_nothing_of_questions_without(self):
        other = shutil.copytree(self.run_directory, self.cwd / "other")
        (other / "bert_finetune_config.yaml").unlink()
        self.written("text.txt", TEXT)
        ask = ("predict", other, *self.WINDOWS, "--question", "Who?", "--context-file", "text.txt", "--json")
        result = self.run_program(*ask)
        self.assertEqual(list(self.printed_json(result)), ["answer", "n_best"])
        self.assertIn("every question gets an answer", result.err)
        for flags in (("--version-2-with-negative",), ("--null-score-diff-threshold", 0)):
            self.assertIn("null_odds", self.printed_json(self.run_program(*ask, *flags)))

    def test_has_as_many_candidates_as_asked_for(self):
        answer = self.printed_json(self.ask(TEXT, "--json", "--n-best-size", 3))
        self.assertLessEqual(len(answer["n_best"]), 3 + 1)

    def test_of_an_empty_text_is_refused(self):
        for text in ("", " \n"):
            with self.subTest(text):
                self.assert_refused(self.ask(text), 65, "text.txt is empty")

    def test_is_answered_from_a_text_longer_than_a_window(self):
        result = self.ask("The old bridge is old. " * 40 + TEXT)
        self.assertEqual((result.code, result.out), (0, "Felgor\n"), result)

    def test_too_long_for_a_window_is_refused(self):
        self.assert_refused(self.ask(TEXT, question="who " * 80), 65, "max_seq_length")

    def test_of_text_that_is_not_utf8_is_refused(self):
        self.assert_refused(self.ask(b"Barden \xff"), 65, "text.txt is not UTF-8 (byte 7)")
        self.assert_refused(self.ask(TEXT, question=b"Who \xfe?"), 65, "--question is not UTF-8 (byte 4)")

    def test_needs_its_text(self):
        base = ["predict", self.run_directory, "--question", "Who?"]
        self.assert_refused(self.run_program(*base), 2, "--question requires --context-file")
        self.assert_refused(self.run_program(*base, "--context-file", "none.txt"), 66, "none.txt")
        self.assert_refused(self.ask(TEXT, question=" "), 2, "--question is empty")
        self.assert_refused(self.run_program("predict", self.run_directory), 2, "--question with --context-file, or --data FILE")


    def test_is_not_asked_beside_a_file(self):
        for flags in (["--data", self.dev_file], ["--save-to", "out"]):
            result = self.run_program("predict", self.run_directory, "--question", "Who?", "--context-file", "t.txt", *flags)
            self.assert_refused(result, 2, "excludes")


class File(PredictTest):
    def test_gives_the_three_prediction_files(self):
        result = self.run_program("predict", self.run_directory, "--data", self.dev_file, "--save-to", "out")
        self.assertEqual((result.code, result.out), (0, ""), result)
        self.assertIn("wrote 20 answers to out: predictions.json, nbest_predictions.json, null_odds.json", result.err)
        for name in ("predictions.json", "nbest_predictions.json", "null_odds.json"):
            self.assertEqual((self.cwd / "out" / name).read_bytes(), (self.run_directory / f"eval_{name}").read_bytes(), name)

    def test_answers_the_first_questions_alone_where_told(self):
        result = self.run_program("predict", self.run_directory, "--data", self.dev_file, "--save-to", "out",
                                  "--max-eval-samples", 3)
        self.assertIn("wrote 3 answers to out: predictions.json, nbest_predictions.json", result.err)
        self.assertEqual(len(json.loads((self.cwd / "out/predictions.json").read_text())), 3)

    def test_needs_no_answers(self):
        questions = json.loads(self.dev_file.read_text())
        for qa in questions_of(questions):
            del qa["answers"], qa["is_impossible"]
        data = harness.write_json(self.cwd / "questions.json", questions)
        result = self.run_program("predict", self.run_directory, "--data", data)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(len(json.loads((self.cwd / "predictions.json").read_text())), 20)

    def test_without_answers_does_not_make_a_model_one_of_unanswerable_questions(self):
        """Which a model of another program does not say of itself: missing answers say nothing either."""
        bare = self.cwd / "bare"
        shutil.copytree(self.run_directory, bare, ignore=shutil.ignore_patterns("bert_finetune_config.yaml", "checkpoint-*"))
        data = json.loads(self.dev_file.read_text())
        for qa in questions_of(data):
            del qa["answers"], qa["is_impossible"]
        result = self.run_program("predict", bare, "--data", harness.write_json(self.cwd / "test.json", data), "--save-to", "out",
                                  *self.WINDOWS)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("null_odds.json", result.err)
        self.assertNotIn("", json.loads((self.cwd / "out/predictions.json").read_text()).values())

    def test_can_be_named_by_test_file(self):
        result = self.run_program("predict", self.run_directory, "--test-file", self.dev_file)
        self.assertEqual(result.code, 0, result)
        self.assertIn("predictions.json", names(self.cwd))
        both = self.run_program("predict", self.run_directory, "--test-file", self.dev_file, "--data", self.train_file)
        self.assert_refused(both, 2, "--data and --test-file both name data; give one.")

    def test_replaces_what_is_there_only_where_it_is_told_to_write(self):
        (self.cwd / "null_odds.json").write_text("somebody else's")
        command = ["predict", self.run_directory, "--data", self.dev_file, "--max-eval-samples", 3, "--version-2-with-negative=false"]
        self.assert_refused(self.run_program(*command), 73, "null_odds.json is there already; --save-to DIR")
        self.assertEqual(names(self.cwd), ["null_odds.json"])
        result = self.run_program(*command, "--save-to", ".")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(names(self.cwd), ["nbest_predictions.json", "predictions.json"])

    def test_is_not_answered_where_a_setting_would_do_nothing(self):
        for setting in ("output_dir=x", "learning_rate=1", "tokenizer_name=x", "on_misaligned=keep"):
            result = self.run_program("predict", self.run_directory, "--data", self.dev_file, "--save-to", "out", "--set", setting)
            self.assert_refused(result, 2, f"{setting.split('=')[0]} (--set, argument 1) has no effect on predict")
        self.assertEqual(names(self.cwd), [])

    def test_that_is_bad_is_refused(self):
        before = names(self.cwd)
        for data, code in (("none.json", 66), (self.model, 66)):
            self.assert_refused(self.run_program("predict", self.run_directory, "--data", data), code, str(data))
        self.assertEqual(names(self.cwd), before)


if __name__ == "__main__":
    harness.main()
