#include "bertft/train/probe.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bertft/memory/budget.h"
#include "bertft/train/signals.h"
#include "memory/torch/cpu_allocator.h"
#include "train/torch/probe_fixture.h"
#include "train/torch/small_run.h"

namespace bertft::train {
namespace {

using memory::CpuAllocator;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

class ProbeTest : public testing::Test {
 protected:
  ~ProbeTest() override {
    CpuAllocator::instance().set_limit(CpuAllocator::kNoLimit);
    CpuAllocator::instance().set_fault({});
  }

  // `room` bytes beyond what the fixture itself holds.
  ProbeTask task(std::uint64_t room, std::int64_t at_most, std::int64_t effective_batch = 8) const {
    ProbeTask task = parts_.task(CpuAllocator::instance().in_use() + room, at_most);
    task.effective_batch = effective_batch;
    return task;
  }

  static std::vector<std::int64_t> sizes(const memory::SearchResult& result) {
    std::vector<std::int64_t> all;
    for (const memory::Trial& trial : result.trials) all.push_back(trial.num_features);
    return all;
  }

  ProbeParts parts_;
};

TEST_F(ProbeTest, TakesTheWholeEffectiveBatchWhereThereIsRoom) {
  const memory::SearchResult result = probe(task(std::uint64_t{4} << 30, 8), [](const memory::Trial&) {});
  EXPECT_EQ(result.num_features, 8);
  ASSERT_THAT(sizes(result), ElementsAre(8));
  EXPECT_EQ(result.trials[0].steps_done, 2);
  EXPECT_GT(result.trials[0].features_per_s, 0);
}

TEST_F(ProbeTest, FindsWhatTryingEverySizeFinds) {
  for (const std::uint64_t room : {3 * kMib / 2, 2 * kMib, 3 * kMib, 4 * kMib}) {
    const ProbeTask searched = task(room, 32, /*effective_batch=*/32);
    int num_shortages = 0;
    const memory::SearchResult result =
        probe(searched, [&](const memory::Trial& trial) { num_shortages += trial.fits ? 0 : 1; });
    std::int64_t largest = 0;
    for (std::int64_t n = 1; n <= 32; ++n) {
      if (try_micro_batch(searched, n).fits) largest = n;
    }
    EXPECT_LE(result.num_features, largest) << room;
    EXPECT_GE(result.num_features, largest - std::max<std::int64_t>(1, largest / 50)) << room;
    EXPECT_GT(result.num_features, 0);
    EXPECT_LE(result.trials.size(), 5U);
    EXPECT_LE(num_shortages, 1);
  }
}

TEST_F(ProbeTest, FindsNothingWhereNotEvenOneFeatureFits) {
  const memory::SearchResult result = probe(task(kMib / 16, 8), [](const memory::Trial&) {});
  EXPECT_EQ(result.num_features, 0);
  EXPECT_FALSE(result.trials[0].fits);
}

TEST_F(ProbeTest, TriesAnEvaluationAfterTheFirstStep) {
  std::optional<std::string> phase;  // in which one allocation fails, ever later ones
  for (std::int64_t number = 1; phase != "evaluation" && phase != "done"; number += 10) {
    phase.reset();
    std::int64_t asked = 0;
    probe(
        task(std::uint64_t{4} << 30, 2, /*effective_batch=*/2),
        [&](const memory::Trial& trial) {
          CpuAllocator::instance().set_fault({});
          if (!phase) phase = trial.phase;
        },
        [&](std::int64_t) {
          if (!phase) CpuAllocator::instance().set_fault([&asked, number] { return ++asked == number; });
        });
  }
  EXPECT_EQ(phase, "evaluation");
}

TEST(ProbeOfAnEvaluation, HasTheRoomOfGradients) {
  const ProbeParts parts(
      model::TinyModel({.vocabulary = 50, .hidden = 128, .layers = 4, .heads = 4, .inner = 1024, .positions = 64}));
  std::uint64_t num_parameters = 0;
  for (const auto& [name, value] : parts.bert.make().parameters()) num_parameters += value.numel();
  // Beside gradients a step of one feature needs 70 KB, which come as activations go, and an evaluation 600 KB.
  ProbeTask task = parts.task(CpuAllocator::instance().in_use() + 16 * num_parameters + 300'000, 1);
  task.effective_batch = 1;
  EXPECT_EQ(probe(task, [](const memory::Trial&) {}).num_features, 1);
}

TEST_F(ProbeTest, LeavesMemoryLimitAndWeightsAsTheyWere) {
  const ProbeTask wanted = task(5 * kMib, 32, /*effective_batch=*/32);
  const at::Tensor before = parts_.bert.value("qa_outputs.weight").clone();
  const std::uint64_t in_use = CpuAllocator::instance().in_use();
  probe(wanted, [](const memory::Trial&) {});
  EXPECT_EQ(CpuAllocator::instance().in_use(), in_use);
  EXPECT_EQ(CpuAllocator::instance().limit(), wanted.budget.limit);
  EXPECT_TRUE(at::equal(parts_.bert.value("qa_outputs.weight"), before));
}

TEST_F(ProbeTest, IsInterruptedWithinATrial) {
  std::vector<std::int64_t> begun, told;
  {
    const SignalGuard guard;
    EXPECT_THROW(
        probe(
            task(std::uint64_t{4} << 30, 8), [&](const memory::Trial& trial) { told.push_back(trial.num_features); },
            [&](std::int64_t num_features) {
              begun.push_back(num_features);
              std::raise(SIGTERM);
            }),
        Interrupted);
  }
  EXPECT_THAT(begun, ElementsAre(8));
  EXPECT_THAT(told, IsEmpty());
  const SignalGuard forgets_it;
}

class ProbeKey : public ProbeTest {
 protected:
  Json key() const { return probe_key(task_, "version 1", "12GiB"); }

  // Whether a probe under `part` = `other` has the same.
  bool is_same_with(auto& part, const auto& other) {
    const Json before = key();
    const auto kept = std::exchange(part, other);
    const bool is_same = key() == before;
    part = kept;
    return is_same;
  }

  ProbeTask task_ = task(kMib, 8);
};

TEST_F(ProbeKey, IsOfTheTaskButForItsMemoryAndHowFarItGoes) {
  EXPECT_FALSE(is_same_with(task_.length, 32));
  EXPECT_FALSE(is_same_with(task_.effective_batch, 16));
  EXPECT_FALSE(is_same_with(task_.eval_batch, 16));
  EXPECT_TRUE(is_same_with(task_.at_most, 16));
  EXPECT_TRUE(is_same_with(task_.budget.usable, kMib / 2));
  EXPECT_NE(probe_key(task_, "version 2", "12GiB"), key());
  EXPECT_NE(probe_key(task_, "version 1", "11GiB"), key());
}

TEST_F(ProbeKey, IsOfTheModelAndTheDevice) {
  weights::EncoderConfig& config = parts_.bert.config;
  EXPECT_FALSE(is_same_with(config.hidden_size, 2 * config.hidden_size));
  EXPECT_FALSE(is_same_with(config.num_hidden_layers, config.num_hidden_layers + 1));
  EXPECT_FALSE(is_same_with(config.vocab_size, config.vocab_size + 1));
  EXPECT_FALSE(is_same_with(config.dropout.attention_probs, 0.5));
  EXPECT_FALSE(is_same_with(parts_.model_options.gradient_checkpointing, true));
  EXPECT_FALSE(is_same_with(parts_.device.precision, device::Precision::kBf16));
  EXPECT_FALSE(is_same_with(parts_.device.identity, std::string("another card")));
}

TEST_F(ProbeKey, IsOfTheKernels) {
  const Json before = key();
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  const Json deterministic = key();
  at::globalContext().setDeterministicAlgorithms(false, false);
  EXPECT_NE(deterministic, before);
}

TEST_F(ProbeKey, IsOfTheNumberOfThreads) {
  const Json before = key();
  const Threads threads(at::get_num_threads() + 1);
  EXPECT_NE(key(), before);
}

}  // namespace
}  // namespace bertft::train
