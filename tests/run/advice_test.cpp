#include "run/advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "weights/bert_config.h"

namespace bertft::run {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

// One feature of a slim model on a device of 16 GiB, 12 of them free, of which a half of what it needs may be used.
class AdviceTest : public testing::Test {
 protected:
  AdviceTest() {
    s_.needs = "needs: a lot\n";
    s_.shape.encoder = weights::bert_config({1000, 64, 12, 4, 256, 512});  // little but activations, so that all help
    s_.needed = memory::plan_step(s_.shape, 1).tensors();
    s_.savers = memory::savers_left(s_.shape);
    s_.capacity = {.total = 16 * kGib, .free = 12 * kGib};
    s_.device = "a device";
    s_.command = [](const std::vector<std::string>& settings) {
      return fmt::format("bert-finetune {}", fmt::join(settings, " "));
    };
    may_use(s_.needed / 2);
  }

  void may_use(std::uint64_t bytes) { s_.budget = {.limit = bytes, .usable = bytes, .source = "free memory"}; }

  void limit_to(std::uint64_t bytes, const char* reserve) {
    s_.options = {.memory_limit = fmt::format("{}B", bytes), .memory_reserve = reserve};
    s_.budget = memory::make_budget(s_.options, s_.capacity);
  }

  void use_all_of_the_device() { s_.capacity = {.total = s_.budget.usable, .free = s_.budget.usable}; }

  Situation s_;
};

TEST_F(AdviceTest, BeginsWithWhatThereIsAndWhatIsNeeded) {
  limit_to(3 * kGib / 2, "512MiB");
  s_.needed = 2 * kGib;
  EXPECT_THAT(advice(s_),
              testing::StartsWith("has:   1.5 GiB (memory_limit 1610612736B, 512 MiB of it memory_reserve); "
                                  "a device: 16.0 GiB, 12.0 GiB free\nneeds: a lot\nfix:   memory_limit"));
}

TEST_F(AdviceTest, NamesALimitWithRoomForItsReserve) {
  s_.needed = 10 * kGib / 11;  // with room for the error of the plan 1 GiB
  for (const auto& [reserve, limit] : {std::pair{"512MiB", "1536MiB"}, {"50%", "2048MiB"}, {"0", "1024MiB"}}) {
    s_.options = {.memory_limit = "600MiB", .memory_reserve = reserve};
    EXPECT_THAT(advice(s_),
                AllOf(HasSubstr(fmt::format("\nfix:   memory_limit: {}          would do; 12.0 GiB are free\n", limit)),
                      EndsWith(fmt::format("\ntry:   bert-finetune memory_limit={}", limit))));
  }
}

TEST_F(AdviceTest, CountsWhatThisProcessHoldsAsFreeForTheNext) {
  limit_to(kGib, "0");
  s_.needed = 2 * kGib;
  s_.capacity.free = kGib;
  EXPECT_THAT(advice(s_), Not(HasSubstr("memory_limit:")));
  s_.in_use = 2 * kGib;
  EXPECT_THAT(advice(s_), HasSubstr("memory_limit: "));
}

TEST_F(AdviceTest, OffersNoReserveThatWouldNotLeaveTheRoom) {
  s_.budget.reserve = 2 * kGib;
  s_.options.memory_reserve = "2GiB";
  const auto wanted = static_cast<std::uint64_t>(1.1 * static_cast<double>(s_.needed));
  s_.capacity.free = wanted + memory::default_reserve(wanted) / 2;  // enough for it, not for the default beside it
  EXPECT_THAT(advice(s_), HasSubstr("memory_reserve: 0 "));
  s_.capacity.free = s_.needed;
  EXPECT_THAT(advice(s_), Not(HasSubstr("memory_reserve:")));
}

TEST_F(AdviceTest, LowersAReserveThatTakesTheRoom) {
  s_.budget.reserve = 12 * kGib - s_.budget.usable;
  s_.options.memory_reserve = "12280MiB";
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   memory_reserve: auto           would do; 12.0 GiB are free\n"),
                                EndsWith("\ntry:   bert-finetune memory_reserve=auto")));
  s_.options.memory_reserve.reset();  // the default is what takes it
  EXPECT_THAT(advice(s_), EndsWith("\ntry:   bert-finetune memory_reserve=0"));
}

TEST_F(AdviceTest, TriesAsFewSaversAsAreExpectedToBeEnough) {
  s_.savers.erase(s_.savers.begin() + 1);  // bf16, which brings nothing beside the first
  memory::StepShape saved = memory::with_saver(s_.shape, s_.savers[0]);
  may_use(memory::plan_step(saved, 1).tensors() * 112 / 100);
  use_all_of_the_device();
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   gradient_checkpointing: true   saves "),
                                EndsWith("\ntry:   bert-finetune gradient_checkpointing=true")));
  saved = memory::with_saver(saved, s_.savers[1]);
  may_use(memory::plan_step(saved, 1).tensors() * 112 / 100);
  use_all_of_the_device();
  EXPECT_THAT(advice(s_), EndsWith("\ntry:   bert-finetune gradient_checkpointing=true max_seq_length=256"));
}

TEST_F(AdviceTest, TakesNoSaversThatThePlansErrorMayEatUp) {
  s_.savers.erase(s_.savers.begin() + 1, s_.savers.end());
  may_use(memory::plan_step(memory::with_saver(s_.shape, s_.savers[0]), 1).tensors() * 105 / 100);
  use_all_of_the_device();
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nhelps: gradient_checkpointing: true "),
                                EndsWith("\ntry:   a smaller model; no settings are expected to be enough")));
}

TEST_F(AdviceTest, NamesNoSaverThatSavesNothing) {
  s_.shape.encoder = weights::bert_config({1000, 64, 1, 4, 256, 512});
  s_.shape.length = 64;
  may_use(1000);
  use_all_of_the_device();
  std::vector<std::string> helpful;
  for (const auto& saver : memory::savers_left(s_.shape)) {
    if (memory::helps_one_feature(s_.shape, saver)) helpful.push_back(saver.key);
  }
  s_.savers = memory::savers_left(s_.shape);
  ASSERT_LT(helpful.size(), s_.savers.size());
  for (const auto& saver : s_.savers) {
    const bool helps = std::ranges::find(helpful, saver.key) != helpful.end();
    EXPECT_EQ(advice(s_).find(saver.key + ": ") != std::string::npos, helps) << saver.key;
  }
}

TEST_F(AdviceTest, NamesNothingThatSavesInTrainingAloneForAnEvaluation) {
  s_.shape.encoder = weights::bert_config({1000, 64, 2, 4, 2048, 512});
  s_.shape.is_evaluation = true;
  may_use(1000);
  use_all_of_the_device();
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nhelps: bf16: true "), Not(HasSubstr("gradient_checkpointing"))));
  s_.savers.erase(s_.savers.begin() + 1, s_.savers.end());
  EXPECT_THAT(advice(s_), EndsWith("\nneeds: a lot\ntry:   a smaller model; no settings are expected to be enough"));
}

TEST_F(AdviceTest, CallsWhatIsNotEnoughAHelpAlone) {
  may_use(1000);
  use_all_of_the_device();
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nhelps: gradient_checkpointing: true "), Not(HasSubstr("fix:")),
                                EndsWith("\ntry:   a smaller model; no settings are expected to be enough")));
  s_.savers.clear();
  EXPECT_THAT(advice(s_), EndsWith("\nneeds: a lot\ntry:   a smaller model; no settings are expected to be enough"));
}

TEST_F(AdviceTest, CountsWhatOtherProgramsHold) {
  may_use(1000);
  s_.capacity.free = 1000;
  s_.in_use = kGib;
  s_.needed = 10 * kGib;
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nfix:   closing other programs         frees up to 15.0 GiB\n"),
                                EndsWith("\ntry:   the same again when other programs are closed")));
  s_.needed = 15 * kGib;  // with room for the error of the plan more than they hold
  EXPECT_THAT(advice(s_), Not(HasSubstr("other programs")));
}

TEST_F(AdviceTest, LooksElsewhereWhereThePlanFits) {
  may_use(2 * s_.needed);
  EXPECT_THAT(advice(s_), AllOf(HasSubstr("\nhelps: more for this process          by the plan it fits: "),
                                Not(HasSubstr("memory_limit")), Not(HasSubstr("other programs")),
                                EndsWith("\ntry:   bert-finetune gradient_checkpointing=true")));
  limit_to(2 * s_.needed, "0");
  EXPECT_THAT(advice(s_), Not(HasSubstr("memory_limit:")));
  s_.savers.clear();
  EXPECT_THAT(advice(s_), EndsWith("\ntry:   the same again when nothing else limits this process"));
}

TEST_F(AdviceTest, NamesThreeRemediesAtMost) {
  limit_to(s_.needed / 2, "0");
  const std::string text = advice(s_);
  EXPECT_THAT(text, AllOf(HasSubstr("memory_limit: "), HasSubstr("gradient_checkpointing: true"),
                          HasSubstr("bf16: true"), Not(HasSubstr("max_seq_length"))));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

}  // namespace
}  // namespace bertft::run
