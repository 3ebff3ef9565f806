// What must hold on a GPU, against the same computation on the CPU.

#include <c10/cuda/CUDAFunctions.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/memory/budget.h"
#include "model/dropout.h"
#include "model/packed_batch.h"
#include "train/probe_fixture.h"
#include "train/small_run.h"
#include "weights/family_configs.h"

namespace bertft::train {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (c10::cuda::device_count() == 0) GTEST_SKIP() << "no GPU";
    device_ = select({});
  }
  void TearDown() override {
    if (device_.is_cuda()) limit(memory::capacity_of(device_).total);
  }

  static device::Device select(std::optional<bool> bf16) {
    device::DeviceOptions options;
    options.device = device::DeviceChoice::kCuda;
    options.bf16 = bf16.value_or(false);
    return device::select_device(options);
  }
  void limit(std::uint64_t bytes) const { memory::apply({bytes, bytes, "test"}, device_); }

  const data::Features features_ = seven_windows();
  device::Device device_;
};

TEST_F(Gpu, DrawsTheDropoutMasksOfTheCpu) {
  const std::vector<std::int32_t> lengths = {4, 60, 3};
  const model::DropoutSite site{device::dropout_rate(0.3), 5};
  const model::DeviceBatch batch = model::batch_of(lengths, 2);
  const model::DeviceBatch on_gpu = model::to_device(model::packed_batch(lengths, 2), device_.torch_device);
  const at::Tensor ones = at::ones({batch.num_tokens(), 96});
  const at::Tensor expected = model::dropout_add(ones, {}, site, batch);
  const at::Tensor drawn = model::dropout_add(ones.to(device_.torch_device), {}, site, on_gpu);
  EXPECT_TRUE(at::equal(drawn.cpu(), expected));
}

TEST_F(Gpu, TakesTheStepsOfTheCpuInEveryFamily) {
  for (const weights::ConfigOfSize config : weights::kFamilyConfigs) {
    const model::TinyModel tiny(config(kSizeForWords));
    TrainedModel cpu(tiny), gpu(tiny, device_);
    for (std::int64_t step = 0; step < 10; ++step) {
      const StepResult expected = cpu.step(features_, {}, step), result = gpu.step(features_, {}, step);
      EXPECT_NEAR(result.loss, expected.loss, 1e-4 * expected.loss) << tiny.config.model_type << " " << step;
      EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-3 * expected.grad_norm)
          << tiny.config.model_type << " " << step;
    }
  }
}

TEST_F(Gpu, StaysCloseToTheCpuInBf16) {
  TrainedModel cpu, gpu(bert_for_words(), select(true));
  const StepResult expected = cpu.step(features_, {}), result = gpu.step(features_, {});
  EXPECT_NEAR(result.loss, expected.loss, 0.02 * expected.loss);
}

TEST_F(Gpu, DoesTheSameStepWhateverTheMicroBatch) {
  TrainedModel whole(bert_for_words(), device_), cut(bert_for_words(), device_);
  const double expected = whole.step(features_, {}).loss;
  EXPECT_NEAR(cut.step(features_, {.features = 2, .tokens = {}}).loss, expected, 1e-6 * expected);
}

// One large sequence many times: 20 MiB, the allocator's smallest segment, are soon too little.
TEST_F(Gpu, RedoesAStepThatDoesNotFitInSmallerPieces) {
  TrainedModel bert(bert_for_words(), device_);
  const std::vector<std::uint32_t> windows(20'000, 6U);
  StepEngine roomy = bert.engine(features_, {});
  const double expected = roomy.run(windows, 0, /*learning_rate=*/0).loss;
  memory::release_cached(device_);
  limit(memory::use_of(device_).now + 64 * kMib);
  StepEngine tight = bert.engine(features_, {});
  int shrunk = 0;
  tight.on_shrink([&](const Shrunk&) { ++shrunk; });
  EXPECT_NEAR(tight.run(windows, 0, /*learning_rate=*/0).loss, expected, 1e-4 * expected);
  EXPECT_GT(shrunk, 0);
}

TEST_F(Gpu, IsProbedAndLeftAsItWas) {
  ProbeParts parts(bert_for_words());
  parts.device = device_;
  const std::uint64_t in_use = memory::use_of(device_).now;
  ProbeTask task = parts.task(in_use + 200 * kMib, /*at_most=*/100'000);
  task.effective_batch = task.at_most;
  const memory::SearchResult result = probe(task, [](const memory::Trial&) {});
  EXPECT_GT(result.num_features, 0);
  EXPECT_LT(result.num_features, 100'000);
  EXPECT_LE(result.trials.size(), 5U);
  EXPECT_EQ(memory::use_of(device_).now, in_use);
}

}  // namespace
}  // namespace bertft::train
