// Memory runs out at every place where it can.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/store.h"
#include "bertft/eval/predictor.h"
#include "bertft/memory/shortage.h"
#include "bertft/util/error.h"
#include "memory/torch/cpu_allocator.h"
#include "temporary_directory.h"
#include "train/torch/small_run.h"

namespace bertft::train {
namespace {

using memory::CpuAllocator;

class Storm : public testing::Test {
 protected:
  ~Storm() override { allocator_.set_fault({}); }

  // How many allocations `work` makes.
  template <class Work>
  std::int64_t count_allocations(const Work& work) {
    std::int64_t count = 0;
    allocator_.set_fault([&] {
      ++count;
      return false;
    });
    work();
    allocator_.set_fault({});
    return count;
  }

  // The allocation of this number fails, counted from 1; `for_ever`: all after it too.
  void fail_at(std::int64_t number, bool for_ever) {
    asked_ = 0;
    allocator_.set_fault([this, number, for_ever] {
      ++asked_;
      return asked_ == number || (for_ever && asked_ > number);
    });
  }

  CpuAllocator& allocator_ = CpuAllocator::instance();
  std::int64_t asked_ = 0;
  const data::Features features_ = seven_windows();
};

struct StormCase {
  data::MicroBatchLimit limit;
  bool with_savers = false;  // recomputed layers, and fp16 through fp32: what a shortage turns on
};

// In the one micro-batch of a step, or in the last of three.
class StormInAStep : public Storm, public testing::WithParamInterface<StormCase> {
 protected:
  static TrainedModel make() {
    const bool saves = GetParam().with_savers;
    model::ModelOptions options;
    options.gradient_checkpointing = saves;
    const auto precision = saves ? device::Precision::kFp16 : device::Precision::kFp32;
    return TrainedModel(bert_for_words(), model::device_of(precision), options);
  }
};

TEST_P(StormInAStep, OfOneFailureAnywhereDoesNotChangeTheStep) {
  const data::MicroBatchLimit limit = GetParam().limit;
  TrainedModel undisturbed = make();
  const StepResult expected = undisturbed.step(features_, limit);
  const at::Tensor wanted = undisturbed.state();
  const std::int64_t num_allocations = [&] {
    TrainedModel counted = make();
    return count_allocations([&] { counted.step(features_, limit); });
  }();
  ASSERT_GT(num_allocations, 100);
  const std::int64_t first = limit.features ? num_allocations * 2 / 3 : 1;  // of three micro-batches the last
  for (std::int64_t number = first; number <= num_allocations; ++number) {
    TrainedModel bert = make();
    StepEngine engine = bert.engine(features_, limit);
    int shrunk = 0;
    engine.on_shrink([&](const Shrunk&) { ++shrunk; });
    fail_at(number, /*for_ever=*/false);
    const StepResult result = TrainedModel::run(engine, features_, 0);
    allocator_.set_fault({});
    ASSERT_EQ(shrunk, 1) << number;
    ASSERT_NEAR(result.loss, expected.loss, 1e-6 * expected.loss) << number;
    // Of the gradients themselves, which the first step of Adam says little about.
    ASSERT_NEAR(result.grad_norm, expected.grad_norm, 1e-5 * expected.grad_norm) << number;
    ASSERT_EQ(result.num_features, expected.num_features);
    ASSERT_EQ(result.num_tokens, expected.num_tokens);
    ASSERT_EQ(bert.optimizer().steps_done(), 1) << number;
    // Adam divides by the gradient's size: where that is near zero its sign is noise.
    const at::Tensor difference = (bert.state() - wanted).abs();
    ASSERT_LT(difference.median().item<float>(), 1e-8) << number;
    ASSERT_LE(difference.max().item<float>(), 2.01 * kLearningRate) << number;
  }
}

INSTANTIATE_TEST_SUITE_P(Steps, StormInAStep,
                         testing::Values(StormCase{}, StormCase{.limit = {.features = 3, .tokens = {}}},
                                         StormCase{.limit = {}, .with_savers = true}));

TEST_F(Storm, ThatDoesNotEndIsAnErrorAndLeavesTheStateAsItWas) {
  TrainedModel bert;
  const std::int64_t num_allocations = count_allocations([&] { bert.step(features_, {}); });
  StepEngine engine = bert.engine(features_, {});
  const at::Tensor before = bert.state();
  const std::uint64_t in_use = allocator_.in_use();
  for (std::int64_t number = 1; number <= num_allocations; ++number) {
    fail_at(number, /*for_ever=*/true);
    ASSERT_THROW(TrainedModel::run(engine, features_, 1), OutOfMemoryError) << number;
    allocator_.set_fault({});
    ASSERT_TRUE(at::equal(bert.state(), before)) << number;
    // What autograd's queue has kept could not go while nothing could be allocated.
    memory::attempt(device::Device{}, [] { throw std::bad_alloc(); });
    ASSERT_EQ(allocator_.in_use(), in_use) << number;
  }
  bert.step(features_, {}, 1);
  EXPECT_EQ(allocator_.in_use(), in_use);
}

// What autograd's queue has kept of a backward pass would stand beside the retry.
TEST_F(Storm, OnceInABackwardPassLeavesNothingBehindWhenTheWorkIsTriedAgain) {
  TrainedModel bert;
  model::QaModel& model = bert.model();
  std::vector<std::uint32_t> windows(features_.windows.size());
  std::iota(windows.begin(), windows.end(), 0U);
  const StepBatches step = make_batches(features_, windows, {}, c10::kCPU);
  const model::DeviceBatch batch = model::to_device(step.micro_batches[0].packed, c10::kCPU);
  const auto pass = [&] { model::span_loss_sum(model.forward(batch, model::DropoutSeed{1, 0}), batch).backward(); };
  const auto clear = [&] {
    for (const auto& parameter : model.parameters()) parameter.tensor.mutable_grad().reset();
  };
  pass();
  clear();
  const std::int64_t num_allocations = count_allocations(pass);
  clear();
  const std::uint64_t in_use = allocator_.in_use();
  for (std::int64_t number = 1; number <= num_allocations; ++number) {
    fail_at(number, /*for_ever=*/false);
    ASSERT_TRUE(memory::attempt(device::Device{}, pass, clear)) << number;
    allocator_.set_fault({});
    ASSERT_EQ(allocator_.in_use(), in_use) << number;
  }
}

TEST_F(Storm, InTheOptimizerHalvesTheLargestMicroBatchNotTheLast) {
  const data::MicroBatchLimit three{.features = 3, .tokens = {}};  // 3, 3 and 1
  const std::int64_t num_allocations = [&] {
    TrainedModel counted;
    return count_allocations([&] { counted.step(features_, three); });
  }();
  TrainedModel bert;
  StepEngine engine = bert.engine(features_, three);
  std::vector<Shrunk> shrunk;
  engine.on_shrink([&](const Shrunk& event) { shrunk.push_back(event); });
  fail_at(num_allocations, /*for_ever=*/false);
  TrainedModel::run(engine, features_, 0);
  allocator_.set_fault({});

  std::vector<std::uint32_t> windows(features_.windows.size());
  std::iota(windows.begin(), windows.end(), 0U);
  std::int64_t largest = 0;
  for (const auto& batch : make_batches(features_, windows, three, c10::kCPU).micro_batches) {
    largest = std::max(largest, static_cast<std::int64_t>(batch.packed.num_tokens()));
  }
  ASSERT_EQ(shrunk.size(), 1U);
  EXPECT_EQ(shrunk[0].phase, "optimizer");
  EXPECT_EQ(shrunk[0].tokens, largest);
  EXPECT_EQ(engine.limit().tokens, largest / 2);
}

TEST_F(Storm, OfAThousandFailuresLosesNoStepAndNoSample) {
  TrainOptions options;
  options.per_device_train_batch_size = 5;  // and 2 at the end of an epoch
  options.num_train_epochs = 1000;
  const Plan plan = make_plan(7, options);
  DataOrder order(plan, kSeed);
  BatchesAhead batches(features_, plan, kSeed, c10::kCPU);

  TrainedModel calm, shaken;
  StepEngine calm_engine = calm.engine(features_, {}), engine = shaken.engine(features_, {});
  std::mt19937 random(1);
  int failures = 0;
  std::int64_t step = 0;
  constexpr std::int64_t kCompared = 20;
  for (; failures < 1000; ++step) {
    const std::span<const std::uint32_t> windows = order.windows(step);
    StepBatches taken = batches.take(step, engine.limit());
    // Up to two attempts fail, each at a random place; single features would not stand a third.
    int left = 2;
    std::int64_t wait = 1 + static_cast<std::int64_t>(random() % 1000);
    allocator_.set_fault([&] {
      if (left == 0 || --wait > 0) return false;
      wait = 1 + static_cast<std::int64_t>(random() % 1000);
      --left;
      ++failures;
      return true;
    });
    const StepResult result = engine.run(std::move(taken), step, kLearningRate);
    allocator_.set_fault({});
    ASSERT_EQ(result.num_features, static_cast<std::int64_t>(windows.size()));
    // No two windows have the same number of tokens.
    ASSERT_EQ(result.num_tokens, static_cast<std::int64_t>(data::pack(features_, windows, 0).num_tokens())) << step;
    if (step < kCompared) {
      const StepResult expected = calm_engine.run(windows, step, kLearningRate);
      ASSERT_NEAR(result.loss, expected.loss, 1e-6 * expected.loss) << step;
      ASSERT_NEAR(result.grad_norm, expected.grad_norm, 1e-4 * expected.grad_norm) << step;
    }
  }
  EXPECT_EQ(shaken.optimizer().steps_done(), step);
}

TEST_F(Storm, WhileLoadingWeightsIsAnErrorThatHoldsNothingBack) {
  const model::TinyModel bert = bert_for_words();
  const std::int64_t num_allocations = count_allocations([&] { bert.make(); });
  const std::uint64_t in_use = allocator_.in_use();
  for (std::int64_t number = 1; number <= num_allocations; ++number) {
    for (const bool for_ever : {false, true}) {
      fail_at(number, for_ever);
      bool is_shortage = false;
      try {
        bert.make();
      } catch (const std::exception& error) {
        is_shortage = memory::is_out_of_memory(error);
      }
      allocator_.set_fault({});
      ASSERT_TRUE(is_shortage) << number;
      ASSERT_EQ(allocator_.in_use(), in_use) << number;
    }
  }
}

class StormInAnEvaluation : public Storm {
 protected:
  std::optional<eval::Answers> predict(const eval::Hooks& hooks = {}) {
    return eval::predict(model_, {}, {dataset_, windows_, options_, 0.0, false}, hooks);
  }

  const data::Dataset dataset_ = seven_questions();
  const data::Features windows_ = make_features(dataset_, data::WordTokenizer(), {}, data::Purpose::kEvaluation);
  eval::EvalOptions options_;
  model::QaModel model_ = bert_for_words().make();
};

TEST_F(StormInAnEvaluation, DoesNotChangeTheAnswers) {
  const auto expected = predict();
  const std::int64_t num_allocations = count_allocations([&] { predict(); });
  for (std::int64_t number = 1; number <= num_allocations; ++number) {
    fail_at(number, /*for_ever=*/false);
    const auto answers = predict();
    allocator_.set_fault({});
    ASSERT_TRUE(answers);
    ASSERT_NEAR(answers->loss, expected->loss, 1e-6 * expected->loss) << number;
    for (std::size_t i = 0; i < answers->predictions.size(); ++i) {
      ASSERT_EQ(answers->predictions[i].text, expected->predictions[i].text) << number;
    }
  }
}

TEST_F(StormInAnEvaluation, ThatDoesNotEndIsAnErrorThatHoldsNothingBack) {
  const std::int64_t num_allocations = count_allocations([&] { predict(); });
  const std::uint64_t in_use = allocator_.in_use();
  for (std::int64_t number = 1; number <= num_allocations; ++number) {
    fail_at(number, /*for_ever=*/true);
    ASSERT_THROW(predict(), memory::EvaluationOutOfMemoryError) << number;
    allocator_.set_fault({});
    ASSERT_EQ(allocator_.in_use(), in_use) << number;
  }
}

TEST_F(StormInAnEvaluation, ThatPassesDuringABatchOfOneWindowDoesNotEndIt) {
  options_.per_device_eval_batch_size = 6;  // the second batch is one of one
  eval::Hooks hooks;
  hooks.progress = [&](std::int64_t done, std::int64_t) {
    if (done == 6) fail_at(1, /*for_ever=*/false);
  };
  EXPECT_TRUE(predict(hooks));
  EXPECT_GT(asked_, 1);
}

TEST_F(StormInAnEvaluation, ThatPassesLeavesLaterBatchesAsLargeAsThoseBefore) {
  options_.per_device_eval_batch_size = 4;  // the second batch is one of three
  eval::Hooks hooks;
  bool is_second = false;
  hooks.progress = [&](std::int64_t done, std::int64_t) {
    if (done == 4) fail_at(1, /*for_ever=*/false);
    is_second = done >= 4;
  };
  std::vector<std::pair<bool, std::optional<std::int64_t>>> limits;
  hooks.shrunk = [&](const std::string&, const std::optional<std::int64_t>& limit) {
    limits.emplace_back(is_second, limit);
  };
  ASSERT_TRUE(predict(hooks));
  allocator_.set_fault({});
  EXPECT_THAT(limits, testing::ElementsAre(testing::Pair(true, std::nullopt)));

  limits.clear();
  fail_at(1, /*for_ever=*/false);  // before anything has fitted
  ASSERT_TRUE(predict({.shrunk = hooks.shrunk}));
  EXPECT_THAT(limits, testing::ElementsAre(testing::Pair(testing::_, testing::Optional(testing::Gt(0)))));
}

TEST_F(Storm, WhileSavingStillLeavesAWholeCheckpoint) {
  const TemporaryDirectory run;
  TrainedModel bert;
  checkpoint::Snapshot snapshot;
  snapshot.model = bert.model().parameters();
  snapshot.optimizer = bert.optimizer().state();
  snapshot.files["trainer_state.json"] = "{}";
  checkpoint::Store store(run.path());
  const std::int64_t num_allocations = count_allocations([&] {
    store.save(snapshot);
    store.wait();
  });
  for (std::int64_t number = 1; number <= num_allocations; number += 7) {
    for (const bool for_ever : {false, true}) {
      ++snapshot.step;  // nothing older can pass for it
      fail_at(number, for_ever);
      store.save(snapshot);
      store.wait();
      allocator_.set_fault({});
      ASSERT_NO_THROW(checkpoint::verify(checkpoint::directory_of(run.path(), snapshot.step))) << number;
    }
  }
}

}  // namespace
}  // namespace bertft::train
