#include "train/history.h"

#include <gtest/gtest.h>

#include <limits>

namespace bertft::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(History, HoldsLogsUnderHuggingFacesKeys) {
  RunState state;
  add_log(state, {.step = 10, .epoch = 0.5, .loss = 2.5, .grad_norm = 1.5, .learning_rate = 1e-5});
  EXPECT_EQ(state.log_history,
            Json::parse(R"([{"epoch": 0.5, "grad_norm": 1.5, "learning_rate": 1e-05, "loss": 2.5, "step": 10}])"));
}

TEST(History, HoldsNullForWhatIsNotFinite) {
  RunState state;
  add_log(state, {.step = 10, .epoch = 0.5, .loss = kNan, .grad_norm = kNan, .learning_rate = 1e-5});
  state.step = 10;
  add_evaluation(state, eval::Metrics{}, kNan, 0.5);
  EXPECT_EQ(state.log_history[1]["epoch"], 0.5);
  EXPECT_EQ(state.log_history[1]["step"], 10);
  EXPECT_TRUE(state.log_history[0]["loss"].is_null());
  EXPECT_TRUE(state.log_history[0]["grad_norm"].is_null());
  EXPECT_TRUE(state.log_history[1]["eval_loss"].is_null());
}

TEST(History, IsClosedByTheLossOfTheRunAndTheSpeedOfThisProcess) {
  RunState state;
  state.step = 10;
  state.applied_steps = 8;
  state.loss_total = 20;
  add_train_results(state, train_results(state, /*epoch=*/0.5, {.runtime_s = 2, .num_features = 6, .num_steps = 3}));
  EXPECT_EQ(state.log_history, Json::parse(R"([{"epoch": 0.5, "train_loss": 2.5, "train_runtime": 2.0,
      "train_samples_per_second": 3.0, "train_steps_per_second": 1.5, "step": 10}])"));
}

TEST(History, TellsTheSpeedOfAnEvaluationInBatchesToo) {
  EXPECT_EQ(eval_speed(/*runtime_s=*/2, /*num_windows=*/20, /*batch=*/8),
            Json::parse(R"({"eval_runtime": 2.0, "eval_samples": 20, "eval_samples_per_second": 10.0,
                            "eval_steps_per_second": 1.5})"));
}

TEST(History, OfARunWithoutAStepIsClosedByALossOfZero) {
  EXPECT_EQ(train_results(RunState{}, 0, {.runtime_s = 2})["train_loss"], 0.0);
}

// Scripts that were written for SQuAD 1.1 read eval_exact_match.
TEST(History, HasExactMatchTooWhereAllQuestionsHaveAnswers) {
  eval::Metrics metrics;
  metrics.exact = 50;
  EXPECT_EQ(eval_results(metrics, 1.0, 0.5)["eval_exact_match"], 50);
  metrics.best.emplace();
  EXPECT_FALSE(eval_results(metrics, 1.0, 0.5).contains("eval_exact_match"));
}

TEST(History, KnowsWhetherThisStepHasBeenEvaluated) {
  RunState state;
  state.step = 4;
  add_log(state, {.step = 4});
  EXPECT_FALSE(is_evaluated(state));
  add_evaluation(state, eval::Metrics{}, 1.0, 0.5);
  EXPECT_TRUE(is_evaluated(state));
  ++state.step;
  EXPECT_FALSE(is_evaluated(state));
}

}  // namespace
}  // namespace bertft::train
