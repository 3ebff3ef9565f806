#include "bertft/checkpoint/run_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "temporary_directory.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class RunDirectoryTest : public testing::Test {
 protected:
  TemporaryDirectory parent_;
};

TEST_F(RunDirectoryTest, IsMadeWithItsParents) {
  const RunDirectory run(parent_ / "a/b/run", Existing::kRefuse);
  EXPECT_TRUE(fs::is_directory(parent_ / "a/b/run"));
}

TEST_F(RunDirectoryTest, IsCheckedWithoutLeavingATrace) {
  check_run_directory(parent_ / "a/b/run", Existing::kRefuse);
  EXPECT_THAT(parent_.names(), IsEmpty());
}

TEST_F(RunDirectoryTest, IsKnownAsOneOnceARunWasInIt) {
  EXPECT_FALSE(was_run_directory(parent_ / "run"));
  {
    const RunDirectory run(parent_ / "run", Existing::kRefuse);
  }
  EXPECT_TRUE(was_run_directory(parent_ / "run"));
}

TEST_F(RunDirectoryTest, HasTheSpaceOfItsDiskBeforeItIsMade) {
  EXPECT_GT(free_bytes(parent_ / "a/b/run"), 0U);
  EXPECT_EQ(free_bytes("/proc/bertft"), 0U);
}

TEST_F(RunDirectoryTest, BelongsToOneRunAtATime) {
  {
    const RunDirectory first(parent_ / "run", Existing::kRefuse);
    EXPECT_THAT([&] { RunDirectory(parent_ / "run", Existing::kContinue); },
                ThrowsMessage<OutputError>(HasSubstr("in use by another run")));
  }
  EXPECT_NO_THROW(RunDirectory(parent_ / "run", Existing::kRefuse));
}

TEST_F(RunDirectoryTest, IsSeenToBeInUseWithoutTakingIt) {
  EXPECT_NO_THROW(check_not_in_use(parent_ / "run"));
  {
    const RunDirectory run(parent_ / "run", Existing::kRefuse);
    EXPECT_THAT([&] { check_not_in_use(parent_ / "run"); },
                ThrowsMessage<OutputError>(HasSubstr("in use by another run")));
  }
  EXPECT_NO_THROW(check_not_in_use(parent_ / "run"));
  EXPECT_NO_THROW(RunDirectory(parent_ / "run", Existing::kRefuse));
}

TEST_F(RunDirectoryTest, IsNotLockedThroughALink) {
  fs::create_directory(parent_ / "run");
  fs::create_symlink(parent_ / "elsewhere", parent_ / "run/run.lock");
  EXPECT_THAT([&] { RunDirectory(parent_ / "run", Existing::kContinue); },
              ThrowsMessage<OutputError>(HasSubstr("run.lock cannot be opened")));
  EXPECT_FALSE(fs::exists(parent_ / "elsewhere"));
}

TEST_F(RunDirectoryTest, WaitsForOneWhoOnlyLooks) {
  const int looking = open(parent_.write("run.lock", "").c_str(), O_RDONLY);
  ASSERT_EQ(flock(looking, LOCK_SH), 0);
  std::thread looked([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    close(looking);
  });
  EXPECT_NO_THROW(RunDirectory(parent_.path(), Existing::kContinue));
  looked.join();
}

TEST_F(RunDirectoryTest, IsRefusedWhenARunBeganAndEndedWhileItWaited) {
  auto first = std::make_optional<RunDirectory>(parent_ / "run", Existing::kRefuse);
  auto second = std::async(std::launch::async, [&] { RunDirectory(parent_ / "run", Existing::kRefuse); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  write_file_atomically(parent_ / "run/bert_finetune_config.yaml", "seed: 1\n");
  first.reset();
  EXPECT_THAT([&] { second.get(); },
              ThrowsMessage<OutputError>(AnyOf(HasSubstr("exists and is not empty"), HasSubstr("in use"))));
}

TEST_F(RunDirectoryTest, IsRefusedWhenItHoldsSomething) {
  parent_.write("notes.txt", "mine");
  EXPECT_THAT([&] { RunDirectory(parent_.path(), Existing::kRefuse); },
              ThrowsMessage<OutputError>(HasSubstr("not empty")));
}

TEST_F(RunDirectoryTest, IsNeitherContinuedNorOverwrittenWhenItIsSomebodyElses) {
  parent_.write("README.md", "mine");
  fs::create_directory(parent_ / "checkpoint-5");  // another trainer's: it has no manifest
  for (const Existing existing : {Existing::kContinue, Existing::kOverwrite}) {
    EXPECT_THAT([&] { RunDirectory(parent_.path(), existing); },
                ThrowsMessage<OutputError>(HasSubstr("holds no run of this program")));
  }
  EXPECT_THAT(parent_.names(), ElementsAre("README.md", "checkpoint-5"));
}

TEST_F(RunDirectoryTest, OverwritesTheModelsOfAnEarlierRunAndNothingElse) {
  fs::create_directory(parent_ / "checkpoint-5");
  fs::create_directory(parent_ / "checkpoint-6");  // another trainer's
  for (const char* name : {"checkpoint-5/manifest.json", "run.lock", "model.safetensors", "config.json", "README.md",
                           "trainer_state.json", "vocab.txt", "spiece.model", "notes.txt"}) {
    parent_.write(name, "x");
  }
  RunDirectory run(parent_.path(), Existing::kOverwrite);
  EXPECT_TRUE(fs::exists(parent_ / "model.safetensors")) << "gone before there is anything in its place";
  std::set<std::string> seen;
  run.remove_replaced_run([&] { seen = parent_.names(); });
  EXPECT_THAT(seen, ElementsAre(".replacing", "checkpoint-6", "notes.txt", "run.lock"));
  EXPECT_THAT(parent_.names(), ElementsAre("checkpoint-6", "notes.txt", "run.lock"));
  parent_.write("model.safetensors", "of the new run");
  run.remove_replaced_run([] { FAIL() << "the earlier run has gone"; });
  EXPECT_TRUE(fs::exists(parent_ / "model.safetensors"));
}

TEST_F(RunDirectoryTest, EndsWhatAKilledProcessBeganToOverwrite) {
  fs::create_directory(parent_ / "checkpoint-5");
  for (const char* name : {"checkpoint-5/manifest.json", "run.lock", "model.safetensors"}) parent_.write(name, "x");
  EXPECT_THROW(RunDirectory(parent_.path(), Existing::kOverwrite).remove_replaced_run([] { throw Error("killed"); }),
               Error);
  parent_.write("model.safetensors", "not gone yet");
  RunDirectory run(parent_.path(), Existing::kContinue);
  run.remove_replaced_run([] {});
  EXPECT_THAT(parent_.names(), ElementsAre("run.lock"));
}

TEST_F(RunDirectoryTest, KeepsTheRunThatItContinues) {
  parent_.write("run.lock", "");
  parent_.write("model.safetensors", "x");
  RunDirectory run(parent_.path(), Existing::kContinue);
  run.remove_replaced_run([] { FAIL() << "it goes on"; });
  EXPECT_TRUE(fs::exists(parent_ / "model.safetensors"));
}

TEST_F(RunDirectoryTest, OverwritesNothingWhileAnotherRunUsesIt) {
  const RunDirectory first(parent_.path(), Existing::kRefuse);
  parent_.write("metrics.jsonl", "x");
  EXPECT_THROW(RunDirectory(parent_.path(), Existing::kOverwrite), OutputError);
  EXPECT_TRUE(fs::exists(parent_ / "metrics.jsonl"));
}

TEST_F(RunDirectoryTest, CannotBeOrLieUnderAFile) {
  parent_.write("file", "x");
  EXPECT_THAT([&] { check_run_directory(parent_ / "file", Existing::kOverwrite); },
              ThrowsMessage<OutputError>(HasSubstr("is a file")));
  EXPECT_THAT([&] { check_run_directory(parent_ / "file/run", Existing::kRefuse); },
              ThrowsMessage<OutputError>(HasSubstr("cannot be made")));
}

TEST_F(RunDirectoryTest, CannotHaveANameThatNoFileSystemTakes) {
  EXPECT_THROW(check_run_directory(parent_ / std::string(300, 'x'), Existing::kRefuse), OutputError);
}

TEST_F(RunDirectoryTest, IsAsGoodAsEmptyWhereAKilledRunLeftNothingWhole) {
  for (const char* left : {"run.lock", "probe.json", ".tmp-123-0"}) parent_.write(left, "");
  EXPECT_NO_THROW(check_run_directory(parent_.path(), Existing::kRefuse));
}

TEST_F(RunDirectoryTest, IsKnownByItsConfigurationWhereItsLockWasNotCopied) {
  parent_.write("bert_finetune_config.yaml", "");
  EXPECT_NO_THROW(check_run_directory(parent_.path(), Existing::kContinue));
  EXPECT_THAT([&] { check_run_directory(parent_.path(), Existing::kRefuse); },
              ThrowsMessage<OutputError>(HasSubstr("exists and is not empty")));
}

}  // namespace
}  // namespace bertft::checkpoint
