#include "bertft/checkpoint/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bertft/util/error.h"
#include "checkpoint/leftovers.h"
#include "checkpoint/manifest.h"
#include "temporary_directory.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Checkpoints, HaveNumbersWrittenInOneWay) {
  const TemporaryDirectory parent;
  for (const char* name : {"checkpoint-5", "checkpoint-007", "checkpoint--5"}) fs::create_directory(parent / name);
  const std::vector<Found> found = list_checkpoints(parent.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].step, 5);
}

TEST(Checkpoints, StayWhereTheirReplacementFails) {
  const TemporaryDirectory parent;
  fs::create_directory(parent / "checkpoint-5");
  parent.write("checkpoint-5/model.safetensors", "old");
  EXPECT_THROW(put_in_place(parent / ".tmp-5-1", parent / "checkpoint-5"), StorageError);
  EXPECT_THAT(parent.names(), testing::ElementsAre("checkpoint-5"));
  EXPECT_TRUE(fs::exists(parent / "checkpoint-5/model.safetensors"));
}

TEST(Checkpoints, OfTrainerAreNoneOfThisProgramAndATrainingCanBeginWithTheirModel) {
  const TemporaryDirectory parent;
  EXPECT_THAT([&] { verify(parent.path()); }, ThrowsMessage<CheckpointError>(HasSubstr("RUN_DIR/checkpoint-STEP")));
  parent.write("training_args.bin", "");
  EXPECT_THAT([&] { verify(parent.path()); }, ThrowsMessage<CheckpointError>(HasSubstr("--model-name-or-path")));
}

TEST(Checkpoints, AreNotTakenWhereTheManifestLeavesOutAFileThatResumingNeeds) {
  const TemporaryDirectory parent;
  fs::create_directory(parent / "checkpoint-5");
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "trainer_state.json"}) {
    parent.write(std::string("checkpoint-5/") + name, "x");
  }
  const std::string directory = parent / "checkpoint-5";
  parent.write("checkpoint-5/manifest.json", make_manifest(directory));
  EXPECT_NO_THROW(verify(directory));
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "trainer_state.json"}) {
    fs::remove(parent / "checkpoint-5/manifest.json");
    fs::rename(directory + "/" + name, parent / "aside");
    parent.write("checkpoint-5/manifest.json", make_manifest(directory));
    EXPECT_THAT([&] { verify(directory); }, ThrowsMessage<CheckpointError>(HasSubstr(std::string("lists no ") + name)));
    fs::rename(parent / "aside", directory + "/" + name);
  }
}

}  // namespace
}  // namespace bertft::checkpoint
