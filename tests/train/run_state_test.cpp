#include "bertft/train/run_state.h"

#include <gtest/gtest.h>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "temporary_directory.h"

namespace bertft::train {
namespace {

// No field has its default.
RunState some_state() {
  return {.identity = {.data_sha256 = "ab12",
                       .num_features = 41,
                       .effective_batch = 12,
                       .total_steps = 8,
                       .seed = 7,
                       .data_seed = 9},
          .validation_sha256 = "cd34",
          .step = 5,
          .applied_steps = 4,
          .skipped_in_a_row = 1,
          .steps_since_log = 2,
          .loss_since_log = 3.25,
          .loss_total = 10.5,
          .measure = "exact, greater is better",
          .best_metric = 61.5,
          .best_step = 4,
          .evaluations_without_gain = 2,
          .f1_threshold = -1.5,
          .micro_batch_tokens = 512,
          .eval_batch_tokens = 256,
          .loss_scale = LossScale(1024, 17),
          .device = "CPU, 3 threads, fp16",
          .program = "bert-finetune 0.0.1",
          .memory_savers = {"gradient_checkpointing"},
          .log_history = {{{"loss", 2.5}, {"step", 4}}}};
}

class RunStateFile : public testing::Test {
 protected:
  RunStateFile() {
    options_.per_device_train_batch_size = 4;
    options_.gradient_accumulation_steps = 3;
    options_.max_steps = 8;
    options_.save_steps = 3;
    options_.logging_steps = 7;
    write(some_state());
  }

  Json write(const RunState& state) {
    const std::string path = directory_ / "trainer_state.json";
    const std::string text = to_trainer_state_json(state, make_plan(41, options_), options_, directory_.path());
    write_file_atomically(path, text);
    return parse_json(text, path);
  }

  TrainOptions options_;
  const TemporaryDirectory directory_;
};

TEST_F(RunStateFile, IsReadAsItWasWritten) {
  EXPECT_EQ(read_run_state(directory_.path()), some_state());
  EXPECT_EQ(read_f1_threshold(directory_.path()), some_state().f1_threshold);
}

TEST_F(RunStateFile, OfTrainersOwnHasNoThresholdAndIsNoRunOfOurs) {
  directory_.write("trainer_state.json", R"({"global_step": 5, "stateful_callbacks": {"EarlyStopping": {}}})");
  EXPECT_EQ(read_f1_threshold(directory_.path()), std::nullopt);
  EXPECT_THROW(read_run_state(directory_.path()), CheckpointError);
  directory_.write("trainer_state.json", R"({"best_metric": NaN})");
  EXPECT_EQ(read_f1_threshold(directory_.path()), std::nullopt);
}

TEST_F(RunStateFile, SaysWhatTrainerSays) {
  const Json document = write(some_state());
  EXPECT_EQ(document["epoch"], 1.0 + 3.0 / 11);  // 41 features are 11 batches, a step 3 of them
  EXPECT_EQ(document["num_train_epochs"], 2);
  EXPECT_EQ(document["eval_steps"], 500);
  EXPECT_EQ(document["save_steps"], 3);
  EXPECT_EQ(document["logging_steps"], 7);
  EXPECT_EQ(document["train_batch_size"], 4);
}

TEST_F(RunStateFile, NamesTheBestCheckpointWhereThereIsOne) {
  RunState state = some_state();
  EXPECT_EQ(write(state)["best_model_checkpoint"], nullptr);
  state.step = 4;  // of the checkpoint that is being written
  EXPECT_EQ(write(state)["best_model_checkpoint"], checkpoint::directory_of(directory_.path(), 4));
  std::filesystem::create_directory(directory_ / "checkpoint-4");
  state.step = 5;
  EXPECT_EQ(write(state)["best_model_checkpoint"], checkpoint::directory_of(directory_.path(), 4));
}

TEST_F(RunStateFile, SaysHowOftenItIsEvaluated) {
  options_.eval_strategy = IntervalStrategy::kSteps;
  options_.logging_steps = 2;
  EXPECT_EQ(write(some_state())["eval_steps"], 2);
}

TEST_F(RunStateFile, OfAnEarlierVersionHasAppliedAllItsSteps) {
  Json document = write(some_state());
  document["stateful_callbacks"]["bert_finetune"].erase("applied_steps");
  directory_.write("trainer_state.json", document.dump());
  EXPECT_EQ(read_run_state(directory_.path()).applied_steps, some_state().step);
}

TEST(RunState, ForgetsABestModelThatWasChosenByAnotherMeasure) {
  TrainOptions options;
  options.metric_for_best_model = BestMetric::kExact;
  const auto changed = [&] {
    RunState state = some_state();
    const auto before = set_measure(state, options);
    EXPECT_EQ(before.has_value(), !state.best_metric.has_value());
    EXPECT_EQ(before.has_value(), !state.best_step.has_value());
    EXPECT_EQ(before.has_value(), state.evaluations_without_gain == 0);
    return before;
  };
  EXPECT_FALSE(changed());
  options.greater_is_better = false;
  EXPECT_EQ(changed(), "exact, greater is better");
  options.greater_is_better.reset();
  options.metric_for_best_model = BestMetric::kLoss;
  EXPECT_EQ(changed(), "exact, greater is better");

  RunState of_an_earlier_version = some_state();
  of_an_earlier_version.measure.reset();
  EXPECT_FALSE(set_measure(of_an_earlier_version, options));
  EXPECT_EQ(of_an_earlier_version.best_metric, some_state().best_metric);
  EXPECT_EQ(of_an_earlier_version.measure, "loss, less is better");
}

TEST(RunState, IsOverAtTheLastStepOrWhenPatienceIsAtItsEnd) {
  TrainOptions options;
  options.max_steps = 8;
  const Plan plan = make_plan(100, options);
  RunState state;
  state.step = 7;
  state.evaluations_without_gain = 2;
  EXPECT_FALSE(is_over(state, plan, options));
  options.early_stopping_patience = 3;
  EXPECT_FALSE(is_over(state, plan, options));
  options.early_stopping_patience = 2;
  EXPECT_TRUE(is_over(state, plan, options));
  options.early_stopping_patience.reset();
  state.step = 8;
  EXPECT_TRUE(is_over(state, plan, options));
}

}  // namespace
}  // namespace bertft::train
