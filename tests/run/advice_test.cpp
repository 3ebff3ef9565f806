#include "run/advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "weights/bert_config.h"

namespace bertft::run {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

// One feature of a slim model on a device of 16 GiB, 12 of them free, where `usable` are to be used.
class AdviceTest : public testing::Test {
 protected:
  AdviceTest() {
    s_.needs = "needs: a lot\n";
    s_.shape.encoder = weights::bert_config({1000, 64, 12, 4, 256, 512});  // little but activations, so that all help
    s_.needed = memory::plan_step(s_.shape, 1).tensors();
    s_.savers = memory::savers_left(s_.shape);
    s_.budget = {.limit = s_.needed / 2, .usable = s_.needed / 2, .source = "free memory"};
    s_.capacity = {.total = 16 * kGib, .free = 12 * kGib};
    s_.device = "a device";
    s_.command = [](const std::vector<std::string>& settings) {
      return fmt::format("bert-finetune {}", fmt::join(settings, " "));
    };
  }

  void limit_to(std::uint64_t bytes) {
    s_.has_limit = true;
    s_.budget = {.limit = bytes, .usable = bytes, .source = "memory_limit"};
  }

  void use_all_of_the_device() { s_.in_use = s_.capacity.total - s_.capacity.free; }

  Situation s_;
};

TEST_F(AdviceTest, BeginsWithWhatThereIsAndWhatIsNeeded) {
  EXPECT_THAT(advice(s_), HasSubstr(" (free memory less memory_reserve); a device: 16.0 GiB, 12.0 GiB free\n"));
  s_.has_limit = true;
  s_.budget = {.limit = 3 * kGib / 2, .usable = kGib, .source = "memory_limit 1.5GiB"};
  EXPECT_THAT(advice(s_), testing::StartsWith("has:   1.5 GiB (memory_limit 1.5GiB), 512 MiB of which plans leave free "
                                              "(memory_reserve); a device: 16.0 GiB, 12.0 GiB free\nneeds: a lot\n"));
}

TEST_F(AdviceTest, NamesTheLimitThatWouldDoBesideTheReserve) {
  limit_to(kGib);
  s_.budget.usable = kGib / 2;
  s_.needed = 10 * kGib / 11;
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   memory_limit: 1536MiB          would do; 12.0 GiB are free\n"),
                                EndsWith("\ntry:   bert-finetune memory_limit=1536MiB")));
}

TEST_F(AdviceTest, NamesNoLimitThatTheDeviceHasNotFree) {
  limit_to(s_.needed / 2);
  s_.capacity.free = s_.needed;
  EXPECT_THAT(advice(s_), Not(HasSubstr("memory_limit:")));
}

TEST_F(AdviceTest, TriesAsFewSaversAsAreExpectedToBeEnough) {
  use_all_of_the_device();
  s_.savers.erase(s_.savers.begin() + 1);  // bf16, which brings nothing beside the first
  memory::StepShape saved = memory::with_saver(s_.shape, s_.savers[0]);
  s_.budget.limit = s_.budget.usable = memory::plan_step(saved, 1).tensors() * 112 / 100;
  s_.needed = s_.budget.usable + 1;  // by a real step
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   gradient_checkpointing: true   saves "),
                                EndsWith("\ntry:   bert-finetune gradient_checkpointing=true")));
  saved = memory::with_saver(saved, s_.savers[1]);
  s_.budget.limit = s_.budget.usable = memory::plan_step(saved, 1).tensors() * 112 / 100;
  EXPECT_THAT(advice(s_), EndsWith("\ntry:   bert-finetune gradient_checkpointing=true max_seq_length=256"));
}

TEST_F(AdviceTest, CallsWhatIsNotEnoughAHelpAlone) {
  use_all_of_the_device();
  s_.budget.limit = s_.budget.usable = 1000;
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nhelps: gradient_checkpointing: true "), Not(HasSubstr("fix:")),
                                EndsWith("\ntry:   a smaller model; no settings are expected to be enough")));
}

TEST_F(AdviceTest, CountsWhatOtherProgramsHold) {
  s_.budget.limit = s_.budget.usable = 1000;
  s_.in_use = kGib;
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   closing other programs         frees up to 3.0 GiB\n"),
                                EndsWith("\ntry:   the same again when other programs are closed")));
  s_.needed = 4 * kGib;
  EXPECT_THAT(advice(s_), Not(HasSubstr("other programs")));
}

TEST_F(AdviceTest, NamesThreeRemediesAtMost) {
  limit_to(s_.needed / 2);
  const std::string text = advice(s_);
  EXPECT_THAT(text, AllOf(HasSubstr("memory_limit: "), HasSubstr("gradient_checkpointing: true"),
                          HasSubstr("bf16: true"), Not(HasSubstr("max_seq_length"))));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST_F(AdviceTest, HasNoRemediesWhereThereAreNone) {
  use_all_of_the_device();
  s_.savers.clear();
  EXPECT_THAT(advice(s_), EndsWith("\nneeds: a lot\ntry:   a smaller model; no settings are expected to be enough"));
}

}  // namespace
}  // namespace bertft::run
