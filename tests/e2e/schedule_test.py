"""When a run evaluates, saves and stops. 60 windows in batches of 8 make 8 steps an epoch."""

import json
import signal

import harness
from harness import EndToEndTest, checkpoints, metric_lines, names, wait_until

STILL = ("--learning-rate", 0)  # nothing is learned: no evaluation is better than the first


class ScheduleTest(EndToEndTest):
    def run_of(self, *flags, output="run"):
        self.trained("--validation-file", self.dev_file, *flags, output=output)
        return self.cwd / output

    def steps_of(self, run, kind):
        return [line["step"] for line in metric_lines(run, kind)]

    def planned_steps(self, *flags):
        result = self.run_program(*self.training("--dry-run", "--max-steps", "null", *flags))
        self.assertEqual(result.code, 0, result)
        return int(result.err.partition(" info plan")[2].split()[0].replace(",", ""))


class Length(ScheduleTest):
    def test_follows_epochs_batch_and_accumulation(self):
        for flags, steps in (((), 24), (("--num-train-epochs", 2), 16), (("--num-train-epochs", 0.3), 3),
                             (("--per-device-train-batch-size", 7, "--gradient-accumulation-steps", 2), 15),
                             (("--dataloader-drop-last",), 21), (("--max-train-samples", 9, "--num-train-epochs", 1), 2),
                             # Two windows a question: the first 16 of them are used.
                             (("--max-train-samples", 16, "--max-seq-length", 40, "--num-train-epochs", 1), 2)):
            with self.subTest(flags):
                self.assertEqual(self.planned_steps(*flags), steps)

    def test_is_max_steps_where_that_is_given(self):
        self.assertEqual(self.planned_steps("--max-steps", 5, "--num-train-epochs", 100), 5)
        self.assertEqual(self.planned_steps("--max-steps", -1), 24)

    def test_without_the_last_batch_leaves_those_features_out(self):
        run = self.run_of("--max-steps", "null", "--num-train-epochs", 1, "--dataloader-drop-last", "--logging-steps", 7)
        self.assertEqual(metric_lines(run, "log")[-1]["epoch"], 1.0)
        finish = metric_lines(run, "finish", timing=True)[0]
        self.assertEqual((finish["step"], finish["timing"]["num_features"]), (7, 56))


class Log(ScheduleTest):
    def logged(self, *flags):
        self.newest = self.run_of("--max-steps", 9, *flags, output="run" + "".join(map(str, flags)))
        return self.steps_of(self.newest, "log")

    def test_is_kept_as_logging_strategy_says(self):
        self.assertEqual(self.logged("--logging-steps", 4), [4, 8])
        self.assertEqual(self.logged("--logging-steps", 4, "--logging-first-step"), [1, 4, 8])
        self.assertEqual(self.logged("--logging-strategy", "epoch"), [8, 9])  # Trainer ends the epoch that it breaks off
        history = json.loads((self.newest / "trainer_state.json").read_text())["log_history"]
        self.assertEqual([next(key for key in ("loss", "eval_loss", "train_loss") if key in entry) for entry in history],
                         ["loss", "loss", "eval_loss", "train_loss"])
        self.assertEqual(self.logged("--logging-strategy", "no"), [])
        stopped_early = ("--eval-strategy", "steps", "--eval-steps", 2, "--save-steps", 2, "--load-best-model-at-end",
                         "--early-stopping-patience", 1, *STILL)
        self.assertEqual(self.logged("--logging-strategy", "epoch", *stopped_early), [4])


class LearningRate(ScheduleTest):
    def rates(self, *flags):
        run = self.run_of("--max-steps", 4, "--learning-rate", 1, *flags, output="run" + "".join(map(str, flags)))
        return [line["learning_rate"] for line in metric_lines(run, "log")]

    def test_falls_in_a_line_after_warm_up(self):
        self.assertEqual(self.rates("--warmup-steps", 2), [0, 0.5, 1, 0.5])
        self.assertEqual(self.rates("--warmup-steps", 0.5), [0, 0.5, 1, 0.5])

    def test_can_be_constant(self):
        self.assertEqual(self.rates("--lr-scheduler-type", "constant"), [1, 1, 1, 1])
        self.assertEqual(self.rates("--lr-scheduler-type", "constant_with_warmup", "--warmup-steps", 2), [0, 0.5, 1, 1])


class Evaluation(ScheduleTest):
    def test_at_steps_and_at_the_end(self):
        run = self.run_of("--eval-strategy", "steps", "--eval-steps", 3, "--max-steps", 7)
        self.assertEqual(self.steps_of(run, "eval"), [3, 6, 7])

    def test_at_a_share_of_all_steps(self):
        run = self.run_of("--eval-strategy", "steps", "--eval-steps", 0.5, "--max-steps", 8, "--logging-steps", 0.25)
        self.assertEqual(self.steps_of(run, "eval"), [4, 8])
        self.assertEqual(self.steps_of(run, "log"), [2, 4, 6, 8])

    def test_at_epochs(self):
        run = self.run_of("--eval-strategy", "epoch", "--max-steps", 17)
        self.assertEqual(self.steps_of(run, "eval"), [8, 16, 17])

    def test_on_start_is_no_candidate_for_the_best(self):
        run = self.run_of("--eval-on-start", *STILL)
        self.assertEqual([(line["step"], line["is_best"]) for line in metric_lines(run, "eval")], [(0, False), (4, True)])
        self.assertEqual(metric_lines(run)[0]["kind"], "eval")

    def test_at_the_end_only_by_default(self):
        self.assertEqual(self.steps_of(self.run_of(), "eval"), [4])


class Checkpoints(ScheduleTest):
    def test_at_steps_keep_the_newest_two_by_default(self):
        run = self.run_of("--save-steps", 2, "--max-steps", 7, *STILL)
        self.assertEqual(self.steps_of(run, "checkpoint"), [2, 4, 6, 7])
        self.assertEqual(list(checkpoints(run)), [6, 7])

    def test_at_epochs(self):
        self.trained("--save-strategy", "epoch", "--max-steps", 17, "--save-total-limit", "null")
        self.assertEqual(list(checkpoints(self.cwd / "run")), [8, 16, 17])

    def test_of_the_last_step_alone(self):
        self.trained("--save-strategy", "no", "--save-steps", 1)
        self.assertEqual(list(checkpoints(self.cwd / "run")), [4])
        self.assertIn("model.safetensors", names(self.cwd / "run"))

    def test_that_were_not_saved_are_not_named_as_the_best(self):
        run = self.run_of("--save-strategy", "no", "--eval-strategy", "steps", "--eval-steps", 2, "--max-steps", 8, *STILL)
        state = json.loads((run / "trainer_state.json").read_text())
        self.assertEqual((state["best_global_step"], state["best_model_checkpoint"]), (2, None))

    def test_of_the_best_evaluation_are_kept_besides(self):
        run = self.run_of("--eval-strategy", "steps", "--eval-steps", 2, "--save-steps", 2, "--max-steps", 8,
                          "--save-total-limit", 1, *STILL)
        self.assertEqual(list(checkpoints(run)), [2, 8])
        state = json.loads((run / "trainer_state.json").read_text())
        self.assertEqual((state["best_global_step"], state["best_model_checkpoint"]), (2, str(run / "checkpoint-2")))

    def test_leave_no_temporary_names(self):
        run = self.run_of("--save-steps", 1)
        self.assertEqual([n for n in names(run) if n.startswith(".")], [])


class BestModel(ScheduleTest):
    FIRST_IS_BEST = (*harness.FIRST_IS_BEST, "--load-best-model-at-end")

    def test_is_the_final_model(self):
        run = self.run_of(*self.FIRST_IS_BEST)
        self.assertEqual(list(checkpoints(run)), [2, 6, 8])
        weights = {step: (path / "model.safetensors").read_bytes() for step, path in checkpoints(run).items()}
        final = (run / "model.safetensors").read_bytes()
        self.assertEqual(final, weights[2])
        self.assertNotEqual(final, weights[8])

    def test_is_what_the_results_are_of(self):
        run = self.run_of(*self.FIRST_IS_BEST)
        results = json.loads((run / "eval_results.json").read_text())
        first = metric_lines(run, "eval")[0]["metrics"]
        self.assertEqual(harness.figures_of(results), first)
        scored = self.run_program("eval", run, "--data", self.dev_file, "--json")
        self.assertEqual(json.loads(scored.out)["f1"], first["f1"])

    def test_leaves_the_history_of_the_whole_run_and_its_own_threshold(self):
        run = self.run_of(*self.FIRST_IS_BEST, "--logging-steps", 1)
        state, first, last = (json.loads((path / "trainer_state.json").read_text())
                              for path in (run, run / "checkpoint-2", run / "checkpoint-8"))
        self.assertEqual((state["log_history"][:-1], state["global_step"]), (last["log_history"], 8))
        threshold = [s["stateful_callbacks"]["bert_finetune"]["best_threshold"] for s in (state, first, last)]
        self.assertEqual(threshold[0], threshold[1])
        self.assertNotEqual(threshold[0], threshold[2])

    def test_stops_a_run_that_gets_no_better(self):
        flags = ("--eval-strategy", "steps", "--eval-steps", 1, "--save-steps", 1, "--load-best-model-at-end",
                 "--early-stopping-patience", 2, "--max-steps", 50, *STILL)
        run = self.run_of(*flags)
        self.assertEqual(self.steps_of(run, "eval"), [1, 2, 3])
        self.assertEqual(metric_lines(run, "finish"), [{"kind": "finish", "step": 3, "outcome": "stopped early"}])
        self.assertIn("stopped early", (run / "train.log").read_text())
        arguments = self.training("--validation-file", self.dev_file, *flags, "--resume", "auto")
        again = self.run_program(*arguments)
        self.assertEqual(again.code, 0, again)
        self.assertIn("is finished: 3 of 50 steps done, stopped early", again.err)
        longer = (*arguments, "--early-stopping-patience", 40)
        with self.started(*longer) as process:  # the results of its earlier end are no longer its own
            wait_until(lambda: "step=10 " in (run / "train.log").read_text())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(harness.wait(process).code, 143)
        self.assertNotIn("train_results.json", names(run))
        again = self.run_program(*longer)
        self.assertIn("stopped early", again.err)
        self.assertEqual(self.steps_of(run, "eval"), list(range(1, 42)))

    def test_by_a_metric_that_the_data_does_not_have_is_refused(self):
        answerable = harness.write_json(self.cwd / "answerable.json", harness.answerable_only(harness.squad(4, seed=22)))
        for metric in ("best_f1", "best_exact"):
            arguments = self.training("--validation-file", answerable, "--metric-for-best-model", metric, train=answerable)
            self.assert_training_refused(arguments, 78, f"metric_for_best_model is {metric}", "no unanswerable questions")


if __name__ == "__main__":
    harness.main()
