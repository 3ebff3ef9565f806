"""bert-finetune eval: a model's score, and that of a predictions file."""

import json
import re
import shutil

import harness
from harness import EndToEndTest, metric_lines, names, questions_of, tree

SCORES = ["exact", "f1", "total", "HasAns_exact", "HasAns_f1", "HasAns_total", "NoAns_exact", "NoAns_f1", "NoAns_total"]
BEST = ["best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh"]


class EvalTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_directory = self.learned_run()

    def measured(self, step=64):
        """What the run measured itself, which is what eval measures; test_gives_what_the_run_itself_measured()."""
        line, = (line for line in metric_lines(self.run_directory, "eval") if line["step"] == step)
        return {key: value for key, value in line["metrics"].items() if key != "loss"}

    def scores(self, *args):
        """The object that eval --json prints; without the flag -q it also talks, on stderr."""
        return self.printed_json(self.run_program("eval", *args, "--data", self.dev_file, "--json"))

    def refused(self, code, *texts, args, data=None):
        arguments = ["eval", *args, "--data", data or self.dev_file]
        self.assert_training_refused(arguments, code, *texts)


class Model(EvalTest):
    def test_of_a_run_directory_prints_the_official_keys(self):
        before = tree(self.run_directory)
        scores = self.scores(self.run_directory)
        self.assertEqual(list(scores), SCORES + BEST)
        self.assertEqual((scores["total"], scores["HasAns_total"], scores["NoAns_total"]), (20, 16, 4))
        self.assertGreater(scores["f1"], 50)
        self.assertEqual(tree(self.run_directory), before)

    def test_gives_what_the_run_itself_measured(self):
        for step in (32, 64):
            self.assertEqual(self.scores(self.run_directory / f"checkpoint-{step}"), self.measured(step))
        self.assertEqual(self.scores(self.run_directory), self.measured())

    def test_scores_the_whole_file_however_the_training_was_evaluated(self):
        self.trained("--validation-file", self.dev_file, "--max-eval-samples", 3)
        self.assertEqual(self.scores(self.cwd / "run")["total"], 20)
        self.assertEqual(self.scores(self.cwd / "run", "--max-eval-samples", 3)["total"], 3)

    def bare_model(self):
        bare = self.cwd / "bare"
        bare.mkdir()
        for name in ("model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json"):
            shutil.copy(self.run_directory / name, bare)
        return bare

    def test_works_on_a_bare_hugging_face_directory(self):
        self.assertEqual(self.scores(self.bare_model(), *self.WINDOWS), self.measured())

    def test_leaves_questions_whose_answers_are_elsewhere_out_of_the_loss(self):
        def loss_of(name, keep):
            data = json.loads(self.dev_file.read_text())
            for article in data["data"]:
                for paragraph in article["paragraphs"]:
                    for number, qa in enumerate(paragraph["qas"]):
                        if number % 2 and qa["answers"]:
                            qa["answers"] = [answer | {"answer_start": answer["answer_start"] + 1} for answer in qa["answers"]]
                    if not keep:
                        paragraph["qas"] = [qa for number, qa in enumerate(paragraph["qas"]) if not (number % 2 and qa["answers"])]
            result = self.run_program("eval", self.run_directory, "--data", harness.write_json(self.cwd / name, data))
            self.assertEqual(result.code, 0, result)
            return re.search(r", loss ([\d.]+),", result.err)[1]

        self.assertEqual(loss_of("shifted.json", keep=True), loss_of("without.json", keep=False))

    def test_of_a_run_takes_its_own_data_where_none_are_named(self):
        result = self.run_program("eval", self.run_directory, "--json")
        self.assertEqual(self.printed_json(result), self.measured())
        self.assertIn(f"windows of {self.dev_file}", result.err)
        moved = shutil.copytree(self.run_directory, self.cwd / "moved")
        stored = moved / "bert_finetune_config.yaml"
        stored.write_text(stored.read_text().replace(str(self.dev_file), "/nowhere/dev.json"))
        lost = self.run_program("eval", moved)
        self.assert_refused(lost, 66, "validation_file is /nowhere/dev.json, which is not there (", "--data FILE")
        bare = self.bare_model()
        named = self.run_program("eval", bare, *self.WINDOWS, "--validation_file", self.dev_file, "--json")
        self.assertEqual(self.printed_json(named), self.measured())
        self.refused(2, "--data and --validation-file both name data", args=[bare, *self.WINDOWS, "--validation-file", "other.json"])
        self.refused(2, "--test-file names no data here", args=[bare, *self.WINDOWS, "--test-file", self.dev_file])
        self.assert_refused(self.run_program("eval", bare, *self.WINDOWS), 2, "eval needs data with gold answers: --data FILE")
        self.refused(2, "max_train_samples (--max-train-samples) has no effect on eval",
                     args=[bare, *self.WINDOWS, "--max-train-samples", 3])

    def run_whose_best_model_is_not_its_newest(self):
        """Its best one is of step 2, its newest of step 8; made once."""
        made = self.shared / "first-is-best"
        if not made.exists():
            self.trained("--validation-file", self.dev_file, *harness.FIRST_IS_BEST, output=made)
        run = shutil.copytree(made, self.cwd / "run")
        self.assertEqual(json.loads((run / "trainer_state.json").read_text())["best_global_step"], 2)
        self.assertEqual(list(harness.checkpoints(run)), [2, 6, 8])
        return run

    def test_takes_the_best_checkpoint_of_an_unfinished_run_and_says_so(self):
        run = self.run_whose_best_model_is_not_its_newest()
        (run / "model.safetensors").unlink()
        result = self.run_program("eval", "run", "--data", self.dev_file, "--json")
        self.assertIn("taking its best checkpoint, run/checkpoint-2", result.err)
        self.assertEqual(self.printed_json(result), self.scores("run/checkpoint-2"))

    def test_takes_a_checkpoint_of_a_run_that_has_gone_on_since_it_left_its_model(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        first, last = harness.checkpoints(run).values()
        for name in ("model.safetensors", "trainer_state.json"):
            shutil.copy(first / name, run / name)
        self.assertEqual(self.scores("run"), self.measured(32))  # an end that was the best checkpoint's
        (run / "train_results.json").unlink()
        best = json.loads((last / "trainer_state.json").read_text())["best_global_step"]
        result = self.run_program("eval", "run", "--data", self.dev_file, "--json")
        self.assertIn(f"run has gone on since it left its model; taking its best checkpoint, run/checkpoint-{best}", result.err)
        self.assertEqual(self.printed_json(result), self.measured(best))

    def test_takes_the_model_of_a_run_whose_best_one_it_is_although_later_checkpoints_are_there(self):
        run = self.run_whose_best_model_is_not_its_newest()
        harness.go_on_since(run, run / "checkpoint-2")
        result = self.run_program("eval", "run", "--data", self.dev_file, "--json")
        self.assertNotIn("taking its", result.err)
        self.assertEqual(self.printed_json(result), self.scores("run/checkpoint-2"))

    def test_goes_by_a_configuration_file_rather_than_by_the_stored_one(self):
        self.written("c.yaml", "n_best_size: 3\n")
        self.scores(self.run_directory, "--config", "c.yaml", "--save-predictions", "out")
        candidates = json.loads((self.cwd / "out" / "nbest_predictions.json").read_text())
        self.assertLessEqual(max(len(one) for one in candidates.values()), 3 + 1)  # and none at all

    def test_needs_no_tokenizer_but_its_own(self):
        tokenizer = self.copied_model()
        self.trained("--tokenizer-name", tokenizer)
        before = self.scores("run")
        shutil.rmtree(tokenizer)
        self.assertEqual(self.scores("run"), before)

    def test_takes_the_older_model_of_a_run_where_no_later_checkpoint_is_whole(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        first, last = harness.checkpoints(run).values()
        harness.go_on_since(run, first)
        for checkpoint in (first, last):
            (checkpoint / "config.json").write_text("{}")
        result = self.run_program("eval", "run", "--data", self.dev_file, "--json")
        self.assertRegex(result.err, r"warning none of the 2 checkpoints in run is whole\. An older model is taken")
        self.assertEqual(self.printed_json(result), self.measured(32))

    def test_without_a_whole_checkpoint_says_so(self):
        broken = shutil.copytree(self.run_directory, self.cwd / "run")
        (broken / "model.safetensors").unlink()
        for directory in broken.glob("checkpoint-*"):
            (directory / "config.json").write_text("{}")
        self.refused(65, "checkpoints in run is whole", "config.json has another size", args=["run"])

    def test_survives_an_edit_of_what_the_run_has_published(self):
        self.trained("--max-steps", 1)
        with (self.cwd / "run" / "README.md").open("a") as card:
            card.write("my notes")
        self.scores("run/checkpoint-1")

    def test_batch_size_does_not_change_the_scores(self):
        self.assertEqual(self.scores(self.run_directory, "--per-device-eval-batch-size", 1),
                         self.scores(self.run_directory, "--per-device-eval-batch-size", 7))

    def test_applies_the_threshold_that_is_asked_for(self):
        for threshold, no_answer in ((1e6, 0), (-1e6, 100)):
            scores = self.scores(self.run_directory, "--null-score-diff-threshold", threshold)
            self.assertEqual(scores["NoAns_exact"], no_answer)
        tuned = self.scores(self.run_directory, "--null-score-diff-threshold", "auto")
        self.assertEqual(tuned["f1"], tuned["best_f1"])

    def test_finds_the_same_best_threshold_whatever_threshold_is_in_force(self):
        found = [self.scores(self.run_directory, "--null-score-diff-threshold", threshold) for threshold in (-1e6, 0, 1e6)]
        for key in BEST:
            self.assertEqual({scores[key] for scores in found}, {found[0][key]})

    def test_leaves_nothing_unanswered_where_the_model_was_trained_to_answer_everything(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        stored = run / "bert_finetune_config.yaml"
        stored.write_text(stored.read_text().replace("version_2_with_negative: true", "version_2_with_negative: false"))
        self.assertEqual(self.scores("run"), self.scores(self.run_directory, "--version-2-with-negative", "false"))
        self.assertEqual(self.scores("run")["NoAns_exact"], 0)

    def test_without_a_tuned_threshold_cannot_be_automatic(self):
        self.refused(78, "null_score_diff_threshold is auto",
                     args=[self.bare_model(), *self.WINDOWS, "--null-score-diff-threshold", "auto"])
        harness.write_json(self.cwd / "bare/trainer_state.json", {"global_step": 5, "stateful_callbacks": {}})  # Trainer's
        self.refused(78, "null_score_diff_threshold is auto",
                     args=["bare", *self.WINDOWS, "--null-score-diff-threshold", "auto"])

    def test_of_answerable_questions_alone_needs_no_threshold(self):
        answered = harness.write_json(self.cwd / "v1.json", harness.answerable_only(harness.squad(4, seed=22)))
        result = self.run_program("eval", self.bare_model(), "--data", answered, *self.WINDOWS, "--null-score-diff-threshold",
                                  "auto")
        self.assertEqual(result.code, 0, result)

    def test_prints_a_table_without_json(self):
        result = self.run_program("eval", self.run_directory, "--data", self.dev_file)
        self.assertEqual([line.split()[0] for line in result.out.splitlines()], SCORES + BEST)
        self.assertRegex(result.err, r"evaluated 20 windows of .*, peak memory .*; CPU, 1 thread, fp32")

    def test_is_refused_settings_that_would_do_nothing(self):
        for setting in ("output_dir=x", "seed=3", "probe_memory=auto"):
            self.refused(2, f"{setting.split('=')[0]} (--set, argument 1) has no effect on eval",
                         args=[self.run_directory, "--set", setting])

    def damaged(self, run, step):
        weights = run / f"checkpoint-{step}/model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)

    def test_refuses_a_damaged_checkpoint(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        step = next(iter(harness.checkpoints(run)))
        self.damaged(run, step)
        self.refused(65, "model.safetensors", "damaged", args=[f"run/checkpoint-{step}"])

    def test_needs_no_more_of_a_checkpoint_than_its_model(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        step = next(iter(harness.checkpoints(run)))
        (run / f"checkpoint-{step}/optimizer.safetensors").unlink()
        self.assertEqual(self.scores(run / f"checkpoint-{step}"), self.measured(step))

    def test_minds_no_manifest_of_somebody_else(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        harness.write_json(run / "manifest.json", {"version": 3, "files": "none"})
        self.assertEqual(self.scores(run), self.measured())

    def test_says_when_the_best_checkpoint_is_damaged(self):
        run = shutil.copytree(self.run_directory, self.cwd / "run")
        (run / "model.safetensors").unlink()
        self.damaged(run, json.loads((run / "trainer_state.json").read_text())["best_global_step"])
        result = self.run_program("eval", "run", "--data", self.dev_file, "--json")
        self.assertRegex(result.err, r"warning .*damaged.* It is passed over\.")
        self.assertEqual(result.err.count("passed over"), 1, result)

    def test_refuses_a_model_without_a_head(self):
        self.refused(65, "a base model: it has no qa_outputs", args=[self.model, *self.WINDOWS])

    def test_refuses_what_is_no_model(self):
        self.refused(66, "nowhere is not a directory", args=["nowhere"])
        self.refused(66, "config.json", args=["."])

    def test_makes_no_directory_for_predictions_before_device_and_model_are_there(self):
        self.refused(78, "memory_limit", args=[self.run_directory, "--save-predictions", "new/predictions", "--memory-limit", "1MiB"])
        self.assertEqual(harness.names(self.cwd), [])

    def test_refuses_bad_data(self):
        self.refused(66, "none.json", args=[self.run_directory], data="none.json")
        self.refused(65, "bad.json:1:", args=[self.run_directory], data=self.written("bad.json", "{"))


class Predictions(EvalTest):
    def saved(self):
        """Where the run's predictions are; made once."""
        path = self.shared / "deep" / "out"
        if not path.exists():
            self.scores(self.run_directory, "--save-predictions", path)
        return path

    def test_are_saved_with_the_established_names(self):
        out = self.saved()
        self.assertEqual(names(out), ["nbest_predictions.json", "null_odds.json", "predictions.json"])
        for name in names(out):
            self.assertEqual((out / name).read_bytes(), (self.run_directory / f"eval_{name}").read_bytes(), name)

    def test_score_as_the_model_did(self):
        out = self.saved()
        whole = self.measured()
        self.assertEqual(self.scores("--predictions", out / "predictions.json"), {k: whole[k] for k in SCORES})
        # Raw odds are no probabilities: no prediction may be dropped for them.
        scored = self.scores("--predictions", out / "predictions.json", "--null-odds", out / "null_odds.json",
                             "--na-prob-thresh", 1e9)
        self.assertEqual(scored, whole)

    def test_need_a_number_for_a_threshold(self):
        self.assert_refused(self.run_program("eval", "--na-prob-thresh", "abc"), 2,
                            "--na-prob-thresh takes a number, got 'abc'.")

    def test_with_odds_that_are_no_probabilities_are_scored_with_a_warning(self):
        out = self.saved()
        odds = json.loads((out / "null_odds.json").read_text())
        self.assertFalse(all(0 <= value <= 1 for value in odds.values()))
        result = self.run_program("eval", "--predictions", out / "predictions.json", "--null-odds", out / "null_odds.json",
                                  "--data", self.dev_file)
        self.assertIn("holds scores, not probabilities", result.err)

    def test_of_the_gold_answers_are_perfect(self):
        questions = questions_of(json.loads(self.dev_file.read_text()))
        gold = {qa["id"]: qa["answers"][0]["text"] if qa["answers"] else "" for qa in questions}
        scores = self.scores("--predictions", harness.write_json(self.cwd / "p.json", gold))
        self.assertEqual({scores[k] for k in SCORES if "total" not in k}, {100.0})

    def test_that_are_missing_are_an_error_unless_allowed(self):
        one = harness.write_json(self.cwd / "p.json", {"q22-0-0": "x", "unheard-of": "y"})
        self.refused(65, "19 of 20 questions have no prediction: 'q22-0-1'", "--allow-missing", args=["--predictions", one])
        self.assertEqual(self.scores("--predictions", one, "--allow-missing")["total"], 1)
        self.assertEqual(self.scores("--predictions", one, "--max-eval-samples", 1)["total"], 1)

    def test_without_any_odds_are_refused_when_odds_are_asked_for(self):
        out, odds = self.saved(), self.written("odds.json", "{}")
        self.refused(65, "has a prediction and no null odds (20 such questions)",
                     args=["--predictions", out / "predictions.json", "--null-odds", odds])

    def test_of_questions_whose_answers_are_kept_secret_are_scored_with_a_warning(self):
        data = json.loads(self.dev_file.read_text())
        for qa in questions_of(data):
            qa["answers"] = []
        blind = harness.write_json(self.cwd / "blind.json", data)
        for args in ([self.run_directory], ["--predictions", self.saved() / "predictions.json"]):
            result = self.run_program("eval", *args, "--data", blind, "--json")
            self.assertEqual(self.printed_json(result)["NoAns_total"], 20)
            self.assertIn('blind.json: no question has an answer: "no answer" counts as right', result.err)

    def test_of_questions_that_lack_answers_without_a_mark_are_scored_with_a_warning(self):
        data = json.loads(self.dev_file.read_text())
        for qa in list(questions_of(data))[:3]:
            qa["answer"] = qa.pop("answers")
            del qa["is_impossible"]
        result = self.run_program("eval", "--predictions", self.saved() / "predictions.json", "--data",
                                  harness.write_json(self.cwd / "typo.json", data))
        self.assertIn("typo.json: 3 questions without answers, not marked is_impossible", result.err)

    def test_in_a_malformed_file(self):
        for content, text in (("[1]", "found array"), ('{"q22-0-0": 3}', "question 'q22-0-0' is of type number"),
                              ("{", "p.json:1:"), ("", "p.json")):
            with self.subTest(content):
                self.refused(65, text, args=["--predictions", self.written("p.json", content)])
        self.refused(66, "none.json", args=["--predictions", "none.json"])

    def test_do_not_hide_mistakes_in_the_configuration(self):
        path = harness.write_json(self.cwd / "p.json", {})
        for flags, code in ((["--set", "sede=3"], 78), (["--config", "none.yaml"], 66)):
            with self.subTest(flags):
                self.refused(code, flags[1].split("=")[0], args=["--predictions", path, *flags])

    def test_come_instead_of_a_model(self):
        self.refused(2, "either RUN_DIR or --predictions", args=[])
        for args in ([self.run_directory, "--predictions", "p.json"], ["--predictions", "p.json", "--save-predictions", "d"]):
            with self.subTest(args):
                self.refused(2, "excludes --predictions", args=args)

    def test_have_flags_that_a_model_has_not(self):
        for flags in (["--allow-missing"], ["--null-odds", "odds.json"]):
            with self.subTest(flags):
                self.refused(2, "requires --predictions", args=[self.run_directory, *flags])

    def test_are_not_scored_where_a_flag_asks_for_what_only_a_model_does(self):
        path = harness.write_json(self.cwd / "p.json", {})
        for flags, text in ((["--null-score-diff-threshold", 3], "null_score_diff_threshold of --null-score-diff-threshold"),
                            (["--set", "memory_limit=1GiB"], "memory_limit of --set, argument 1")):
            with self.subTest(flags):
                self.refused(2, f"{text} is nothing for --predictions", args=["--predictions", path, *flags])

    def test_cannot_be_saved_below_a_file(self):
        self.written("file", "mine")
        result = self.run_program("eval", self.run_directory, "--data", self.dev_file, "--save-predictions", "file/out")
        self.assert_refused(result, 73, "file/out: results cannot be written there")


if __name__ == "__main__":
    harness.main()
