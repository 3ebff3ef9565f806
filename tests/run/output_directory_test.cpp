#include "bertft/run/output_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/util/error.h"
#include "temporary_directory.h"

namespace bertft::run {
namespace {

using checkpoint::Existing;
using testing::HasSubstr;
using testing::ThrowsMessage;

// An earlier run, from whose directory the next one reads.
class OutputDirectoryTest : public testing::Test {
 protected:
  OutputDirectoryTest() {
    directory_.write("run.lock", "");
    options_.train.output_dir = directory_.path();
    options_.train.overwrite = true;
  }

  void check() const { check_output_directory(options_); }
  void expect_refused(const char* key) {
    EXPECT_THAT([&] { check(); }, ThrowsMessage<OutputError>(HasSubstr(std::string("holds ") + key)));
  }

  TemporaryDirectory directory_;
  config::Options options_;
};

TEST_F(OutputDirectoryTest, IsNoPlaceForTheModelToStartFrom) {
  options_.model.model_name_or_path = directory_ / "checkpoint-2";
  expect_refused("model_name_or_path");
  options_.model.model_name_or_path = directory_ / "data/../.";
  expect_refused("model_name_or_path");
}

TEST_F(OutputDirectoryTest, IsNoPlaceForDataThatOverwritingRemoves) {
  options_.data.train_file = directory_ / "checkpoint-2/train.json";
  expect_refused("train_file");
  options_.data.train_file.reset();
  options_.data.validation_file = directory_ / "checkpoint-2/dev.json";
  expect_refused("validation_file");
  options_.train.overwrite = false;
  options_.train.resume_from_checkpoint = "auto";
  EXPECT_NO_THROW(check());
}

TEST_F(OutputDirectoryTest, MayHoldInputsOfOtherNamesWhichOverwritingSpares) {
  for (const char* train : {"train.json", "data/train.json"}) {
    options_.data.train_file = directory_ / train;
    options_.model.model_name_or_path = directory_ / "base";
    EXPECT_NO_THROW(check()) << train;
  }
}

TEST_F(OutputDirectoryTest, MayBeginWithTheNameOfAnInput) {
  options_.data.train_file = directory_.path() + "-data/train.json";
  EXPECT_NO_THROW(check());
}

TEST(ExistingPolicy, GoesOnWithARunRatherThanReplaceIt) {
  EXPECT_EQ(existing_policy({}), Existing::kRefuse);
  train::TrainOptions options;
  options.overwrite = true;
  EXPECT_EQ(existing_policy(options), Existing::kOverwrite);
  options.resume_from_checkpoint = "auto";
  EXPECT_EQ(existing_policy(options), Existing::kContinue);
}

}  // namespace
}  // namespace bertft::run
