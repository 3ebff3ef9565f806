#include "train/result_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "bertft/train/results.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"

namespace bertft::train {
namespace {

TEST(ResultFiles, ReplaceEarlierResultsThatCannotBeRead) {
  const Plan plan = make_plan(8, TrainOptions{});
  for (const char* earlier : {"{\"epo", "[]", "7"}) {
    const TemporaryDirectory run;
    run.write("all_results.json", earlier);
    write_train_results(run.path(), RunState{}, plan, 2, 8);
    const Json all = parse_json(read_file(run / "all_results.json"), "all_results.json");
    EXPECT_EQ(all["train_samples_per_second"], 4.0) << earlier;
    EXPECT_EQ(all["train_loss"], 0.0) << "of a run without a step";
  }
}

TEST(ResultFiles, StandForAllOthersOnceTrainResultsAreThere) {
  const TemporaryDirectory run;
  std::filesystem::create_directory(run / "all_results.json");  // which cannot be written then
  EXPECT_THROW(write_train_results(run.path(), RunState{}, make_plan(8, TrainOptions{}), 2, 8), Error);
  EXPECT_THAT(run.names(), testing::ElementsAre("all_results.json"));
}

TEST(ResultFiles, CountTheSamplesOfTheRunAndTheSpeedOfThisProcess) {
  const TemporaryDirectory run;
  write_train_results(run.path(), RunState{}, make_plan(8, TrainOptions{}), /*runtime_s=*/2, /*num_features=*/6);
  const Json results = parse_json(read_file(run / "train_results.json"), "train_results.json");
  EXPECT_EQ(results["train_samples"], 8);
  EXPECT_EQ(results["train_samples_per_second"], 3.0);
}

TEST(ResultFiles, OfAnEvaluationAreWithdrawnAndNoOthers) {
  const TemporaryDirectory run;
  for (const char* name : {"eval_results.json", "all_results.json", "eval_predictions.json", "metrics.jsonl"}) {
    run.write(name, "");
  }
  withdraw_evaluation(run.path());
  EXPECT_THAT(run.names(), testing::ElementsAre("metrics.jsonl"));
}

}  // namespace
}  // namespace bertft::train
