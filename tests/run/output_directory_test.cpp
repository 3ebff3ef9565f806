#include "bertft/run/output_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "bertft/util/error.h"
#include "temporary_directory.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;
using checkpoint::Existing;
using testing::HasSubstr;
using testing::ThrowsMessage;

// An earlier run, from whose directory the next one reads.
class OutputDirectoryTest : public testing::Test {
 protected:
  OutputDirectoryTest() {
    directory_.write("run.lock", "");
    fs::create_directory(directory_ / "data");
    options_.train.output_dir = directory_.path();
    options_.train.overwrite = true;
  }

  void expect_refused(const char* key) {
    EXPECT_THAT([&] { check_output_directory(options_); },
                ThrowsMessage<OutputError>(HasSubstr(std::string("holds ") + key)));
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
  options_.data.train_file = directory_ / "data/train.json";
  expect_refused("train_file");
  options_.data.train_file.reset();
  options_.data.validation_file = directory_ / "data/dev.json";
  expect_refused("validation_file");
  options_.train.overwrite = false;
  options_.train.resume_from_checkpoint = "auto";
  EXPECT_NO_THROW(check_output_directory(options_));
}

TEST_F(OutputDirectoryTest, MayHoldDataAtItsTopWhichOverwritingSpares) {
  options_.data.train_file = directory_ / "train.json";
  EXPECT_NO_THROW(check_output_directory(options_));
}

TEST_F(OutputDirectoryTest, MayBeginWithTheNameOfAnInput) {
  options_.data.train_file = directory_.path() + "-data/train.json";
  EXPECT_NO_THROW(check_output_directory(options_));
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
