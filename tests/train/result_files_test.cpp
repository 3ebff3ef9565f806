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

const Json kResults = {{"train_loss", 2.5}};

TEST(ResultFiles, ReplaceEarlierResultsThatCannotBeRead) {
  for (const char* earlier : {"{\"epo", "[]", "7"}) {
    const TemporaryDirectory run;
    run.write("all_results.json", earlier);
    write_train_results(run.path(), kResults);
    EXPECT_EQ(read_json(run / "all_results.json"), kResults) << earlier;
  }
}

TEST(ResultFiles, StandForAllOthersOnceTrainResultsAreThere) {
  const TemporaryDirectory run;
  std::filesystem::create_directory(run / "all_results.json");  // which cannot be written then
  EXPECT_THROW(write_train_results(run.path(), kResults), Error);
  EXPECT_THAT(run.names(), testing::ElementsAre("all_results.json"));
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
