// The planner's bytes beside those that real steps take.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "bertft/memory/search.h"
#include "train/torch/measured_step.h"
#include "train/torch/small_run.h"

namespace bertft::train {
namespace {

using enum device::Precision;

const device::Device kCpu;

// With two threads: what each of them holds is part of the plan.
class OfEachShape : public testing::TestWithParam<StepCase> {
  const Threads threads_{2};
};

class MemoryPlan : public OfEachShape {};

TEST_P(MemoryPlan, IsWithinTenPercentOfRealSteps) {
  const StepCase& c = GetParam();
  const memory::StepBytes plan = memory::plan_step(shape_of(c, kCpu), c.num_features);
  const memory::StepBytes evaluation = memory::plan_evaluation(shape_of(c, kCpu), c.num_features);
  const Measured measured = measure(c, kCpu);
  expect_within_ten_percent(plan, measured.training);
  expect_within_ten_percent(evaluation, measured.evaluation);
}

class MemoryCalibration : public OfEachShape {};

// The two calibration steps, and the size that they let expect to fit, are the search's own.
TEST_P(MemoryCalibration, IsWithinFivePercent) {
  const StepCase& c = GetParam();
  const std::uint64_t room = memory::plan_step(shape_of(c, kCpu), 3 * c.num_features).tensors();
  std::vector<memory::Trial> measured;
  const memory::SearchTask task{
      .at_most = 1000,
      .usable_bytes = room,
      .predict = [&](std::int64_t n) { return memory::plan_step(shape_of(c, kCpu), n).tensors(); },
      .run_trial =
          [&](std::int64_t n) {
            memory::Trial trial{.num_features = n, .fits = true, .phase = "done", .peak_bytes = room, .steps_done = 2};
            if (measured.size() == 3) return trial;
            StepCase of_size = c;
            of_size.num_features = n;
            trial.peak_bytes = measure(of_size, kCpu).training;
            return measured.emplace_back(trial);
          }};
  memory::find_micro_batch(task);
  ASSERT_EQ(measured.size(), 3U);
  const memory::Trial third = measured.back();
  measured.pop_back();
  EXPECT_NEAR(memory::calibrated_bytes(task, measured, third.num_features) / static_cast<double>(third.peak_bytes), 1,
              0.05)
      << third.num_features << " features after " << measured[0].num_features << " and " << measured[1].num_features;
}

// Of which most would be copied once more on the way to fp32.
TEST(LoadingOfHalfWeights, TakesNoMoreThanTheModelThatTheyMake) {
  const StepCase c = of_words_in_use(wide_table("", 64, 1, kFp32, false));
  const WeightsOfOneBlock random(c);
  weights::ModelWeights half;
  half.tensors = random.weights().tensors;
  half.word_rows = random.weights().word_rows;
  for (auto& [name, view] : half.tensors) {
    view.dtype = weights::DType::kBF16;
    view.bytes = view.bytes.first(view.bytes.size() / 2);
  }
  const std::uint64_t before = memory::use_of(kCpu).now;
  memory::reset_peak(kCpu);
  const model::QaModel model(config_of(c), half, {}, kCpu, kSeed);
  const std::uint64_t weights = memory::plan_step(shape_of(c, kCpu), 1).weights;
  EXPECT_NEAR(static_cast<double>(memory::use_of(kCpu).peak - before) / static_cast<double>(weights), 1, 0.01);
}

const std::array kTiny = {tiny("Short", 64, 8, kFp32, false),      tiny("Long", 384, 4, kFp32, false),
                          tiny("LongHalf", 512, 4, kBf16, false),  tiny("LongFp16", 512, 4, kFp16, false),
                          tiny("Recomputed", 512, 8, kFp32, true), tiny("RecomputedHalf", 256, 8, kBf16, true)};
INSTANTIATE_TEST_SUITE_P(Tiny, MemoryPlan, testing::ValuesIn(kTiny), name_of);
INSTANTIATE_TEST_SUITE_P(AtOnce, MemoryPlan,
                         testing::Values(whole_step(tiny("Tiny", 384, 4, kFp32, false)),
                                         whole_step(tiny("TinyHalf", 512, 4, kBf16, false)),
                                         whole_step(minilm("MiniLmShort", 64, 2, kFp32, false)),
                                         whole_step(minilm("MiniLm", 384, 4, kFp32, false)),
                                         whole_step(minilm("MiniLmHalf", 384, 4, kBf16, false)),
                                         whole_step(minilm("MiniLmRecomputed", 512, 4, kFp32, true)),
                                         whole_step(base("Base", 128, 2, kFp32, false)),
                                         whole_step(base("BaseHalf", 128, 2, kBf16, false)),
                                         whole_step(electra_small("Electra", 256, 4, kFp32, false)),
                                         whole_step(albert_base("Albert", 128, 2, kFp32, false)),
                                         whole_step(albert_base("AlbertRecomputed", 256, 1, kFp32, true)),
                                         whole_step(albert_base("AlbertHalfRecomputed", 128, 2, kBf16, true))),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Tiny, MemoryCalibration, testing::ValuesIn(kTiny), name_of);

INSTANTIATE_TEST_SUITE_P(
    Real, MemoryPlan,
    testing::Values(wide_table("WideTable", 64, 1, kFp32, false), wide_table("WideTableHalf", 128, 2, kBf16, false),
                    of_words_in_use(wide_table("WideTable", 64, 1, kFp32, false)),
                    minilm("MiniLmOne", 64, 1, kFp32, false), minilm("MiniLm", 384, 4, kFp32, false),
                    minilm("MiniLmHalf", 384, 4, kBf16, false), minilm("MiniLmFp16", 384, 4, kFp16, false),
                    minilm("MiniLmRecomputed", 512, 2, kFp32, true),
                    minilm("MiniLmRecomputedHalf", 384, 4, kBf16, true), base("Base", 128, 1, kFp32, false),
                    base("BaseHalf", 128, 1, kBf16, false), base("BaseRecomputed", 64, 1, kFp32, true)),
    name_of);
INSTANTIATE_TEST_SUITE_P(Real, MemoryCalibration,
                         testing::Values(minilm("MiniLm", 128, 4, kFp32, false),
                                         minilm("MiniLmHalf", 128, 4, kBf16, false),
                                         // where copies of weights that outlived their layer would be the most
                                         distilbert_base("DistilBertShortHalf", 64, 4, kBf16, false),
                                         minilm("MiniLmRecomputed", 128, 4, kFp32, true)),
                         name_of);

// The other families, where their plans differ from BERT's: narrow tables, wide ones, shared weights.
INSTANTIATE_TEST_SUITE_P(
    Families, MemoryPlan,
    testing::Values(electra_small("Electra", 128, 4, kFp32, false), electra_small("ElectraHalf", 256, 2, kBf16, false),
                    distilbert_base("DistilBert", 64, 2, kFp32, false), roberta_base("Roberta", 64, 2, kFp32, false),
                    albert_base("AlbertOne", 64, 1, kFp32, false), albert_base("Albert", 128, 2, kFp32, false),
                    albert_base("AlbertHalf", 128, 2, kBf16, false),
                    albert_base("AlbertRecomputed", 64, 2, kFp32, true)),
    name_of);
// Every combination, an hour of them, where they are asked for:
// BERTFT_EVERY_SHAPE=1 build/tests/train_torch_tests --gtest_filter='Every*'
std::vector<StepCase> every_case() {
  std::vector<StepCase> cases;
  if (std::getenv("BERTFT_EVERY_SHAPE") == nullptr) return cases;
  for (const std::int64_t length : {64, 128, 256, 384, 512}) {
    for (const Precision precision : {kFp32, kBf16}) {
      for (const bool recomputed : {false, true}) {
        const std::string suffix =
            fmt::format("{}{}{}", length, is_half(precision) ? "Half" : "", recomputed ? "Recomputed" : "");
        const std::int64_t n = length < 256 ? 4 : 2;  // a calibration takes three times as many, more than four
        cases.push_back(tiny("Tiny" + suffix, length, 4, precision, recomputed));
        std::ranges::move(one_of_each(suffix, length, n, precision, recomputed), std::back_inserter(cases));
      }
    }
  }
  return cases;
}
std::vector<StepCase> every_whole_step() {
  std::vector<StepCase> cases = every_case();
  std::ranges::transform(cases, cases.begin(), whole_step);
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Every, MemoryPlan, testing::ValuesIn(every_case()), name_of);
INSTANTIATE_TEST_SUITE_P(EveryAtOnce, MemoryPlan, testing::ValuesIn(every_whole_step()), name_of);
INSTANTIATE_TEST_SUITE_P(Every, MemoryCalibration, testing::ValuesIn(every_case()), name_of);

}  // namespace
}  // namespace bertft::train
