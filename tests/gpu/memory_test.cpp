// What CUDA's caching allocator takes, beside what is planned and found. Nothing here is computed, so that it holds as
// well where the GPU is a stand-in (tests/cuda_stand_in).

#include <c10/core/AllocatorConfig.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "bertft/train/probe.h"
#include "gpu/gpu_fixture.h"
#include "train/torch/measured_step.h"

namespace bertft::train {
namespace {

using enum device::Precision;

class GpuMemory : public Gpu {};

TEST_F(GpuMemory, HasSegmentsThatGrow) {
  EXPECT_TRUE(c10::CachingAllocator::AcceleratorAllocatorConfig::use_expandable_segments())
      << "right only where the driver has no virtual memory, as under WSL";
}

class GpuMemoryPlan : public Gpu, public testing::WithParamInterface<StepCase> {};

TEST_P(GpuMemoryPlan, IsWithinTenPercentOfWhatTheAllocatorTakes) {
  const StepCase& c = GetParam();
  if (c.precision == kBf16 && !has_bf16()) GTEST_SKIP() << "no bf16";
  const memory::StepBytes plan = memory::plan_step(shape_of(c, device_), c.num_features);
  expect_within_ten_percent(plan, measure(c, device_).training);
}

// Of so many tokens, each in two micro-batches and at once.
std::vector<StepCase> shapes(const std::vector<std::int64_t>& lengths, std::int64_t num_tokens) {
  std::vector<StepCase> cases;
  for (const std::int64_t length : lengths) {
    const std::int64_t n = num_tokens / length;
    for (const Precision precision : {kFp32, kBf16}) {
      for (const bool recomputed : {false, true}) {
        const std::string suffix =
            fmt::format("{}x{}{}{}", n, length, precision == kBf16 ? "Half" : "", recomputed ? "Recomputed" : "");
        std::ranges::move(one_of_each(suffix, length, n, precision, recomputed), std::back_inserter(cases));
      }
    }
  }
  const std::size_t num_cut = cases.size();
  for (std::size_t i = 0; i < num_cut; ++i) cases.push_back(whole_step(cases[i]));
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Steps, GpuMemoryPlan, testing::ValuesIn(shapes({384}, 4096)), name_of);
INSTANTIATE_TEST_SUITE_P(Fp16, GpuMemoryPlan, testing::Values(minilm("MiniLm", 384, 10, kFp16, false)), name_of);
INSTANTIATE_TEST_SUITE_P(WideTable, GpuMemoryPlan,
                         testing::Values(wide_table("Fp32", 384, 1, kFp32, false),
                                         of_words_in_use(wide_table("Fp32", 384, 64, kFp32, false)),
                                         wide_table("Bf16", 384, 4, kBf16, false)),
                         name_of);

// Where they are asked for: BERTFT_EVERY_SHAPE=1 build/tests/gpu_tests --gtest_filter='Every/GpuMemoryPlan*'
std::vector<StepCase> every_shape() {
  std::vector<StepCase> cases;
  if (std::getenv("BERTFT_EVERY_SHAPE") == nullptr) return cases;
  for (const std::int64_t num_tokens : {1024, 4096, 20480}) {
    std::ranges::copy(shapes({64, 128, 256, 384, 512}, num_tokens), std::back_inserter(cases));
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Every, GpuMemoryPlan, testing::ValuesIn(every_shape()), name_of);

// A card of so many GiB, of which the rest is taken.
struct CardCase {
  std::uint64_t gib;
  StepCase shape;
};
void PrintTo(const CardCase& c, std::ostream* out) {
  *out << c.gib << "GiB" << c.shape.name;
}

class GpuMemoryCard : public Gpu, public testing::WithParamInterface<CardCase> {};

// What is two percent above the size found does not fit.
TEST_P(GpuMemoryCard, IsProbedToTheLargestMicroBatch) {
  const auto& [gib, shape] = GetParam();
  if (memory::capacity_of(device_).free < (gib << 30)) GTEST_SKIP() << "a smaller card";
  if (shape.precision == kBf16 && !has_bf16()) GTEST_SKIP() << "no bf16";
  const weights::EncoderConfig config = config_of(shape);
  const WeightsOfOneBlock random(shape);
  const model::ModelOptions options = options_of(shape);
  const optim::OptimOptions optim;
  const device::Device device = device_of(shape, device_);
  const std::uint64_t room = memory::use_of(device_).now + (gib << 30);
  const ProbeTask task{.config = config,
                       .weights = random.weights(),
                       .model = options,
                       .optim = optim,
                       .device = device,
                       .budget = {.limit = room, .usable = room, .source = "test"},
                       .length = shape.length,
                       .effective_batch = 2000,
                       .eval_batch = 8,
                       .at_most = 2000};
  const std::uint64_t in_use = memory::use_of(device_).now;
  const memory::SearchResult found = probe(task, [](const memory::Trial&) {});
  EXPECT_EQ(memory::use_of(device_).now, in_use);
  const auto ran_out = [](const memory::Trial& trial) { return !trial.fits && trial.steps_done < 2; };
  EXPECT_LE(found.trials.size(), 6U) << "five, and one more where holes between tensors decide";
  EXPECT_LE(std::ranges::count_if(found.trials, ran_out), 1);
  const std::int64_t largest = found.num_features;
  ASSERT_GT(largest, 0);
  const std::int64_t too_large = largest + std::max<std::int64_t>(1, largest / 50) + 1;
  EXPECT_FALSE(try_micro_batch(task, too_large).fits) << too_large << " after " << largest;
}

std::vector<CardCase> cards() {
  std::vector<CardCase> cases;
  for (const std::uint64_t gib : {8, 24, 80}) {
    for (const Precision precision : {kFp32, kBf16}) {
      const std::string suffix = precision == kBf16 ? "Half" : "";
      cases.push_back({gib, base("Base" + suffix, 384, 1, precision, false)});
      if (gib < 80) cases.push_back({gib, minilm("MiniLm" + suffix, 384, 1, precision, false)});
    }
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Cards, GpuMemoryCard, testing::ValuesIn(cards()),
                         [](const auto& card) { return testing::PrintToString(card.param); });

}  // namespace
}  // namespace bertft::train
