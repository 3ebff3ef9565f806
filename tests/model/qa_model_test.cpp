#include "bertft/model/qa_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bertft/util/error.h"
#include "model/packed_batch.h"
#include "model/tiny_model.h"

namespace bertft::model {
namespace {

using device::Precision;

const std::vector<std::int32_t> kLengths = {5, 17, 3, 40, 8, 12, 33, 9};
constexpr DropoutSeed kSeed{42, 7};

struct LossAndGradients {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;
};

// The mean loss of a batch of kLengths, `size` sequences at a time.
LossAndGradients run(QaModel& model, std::size_t size, const std::optional<DropoutSeed>& dropout = kSeed) {
  LossAndGradients result;
  for (std::size_t first = 0; first < kLengths.size(); first += size) {
    const auto begin = kLengths.begin() + static_cast<std::ptrdiff_t>(first);
    const DeviceBatch batch =
        batch_of({begin, begin + static_cast<std::ptrdiff_t>(size)}, static_cast<std::uint32_t>(first));
    const at::Tensor loss = span_loss_sum(model.forward(batch, dropout), batch) / static_cast<double>(kLengths.size());
    loss.backward();
    result.loss += loss.item<double>();
  }
  result.gradients = take_gradients(model);
  return result;
}

double norm_of(const std::map<std::string, at::Tensor>& gradients) {
  double squares = 0;
  for (const auto& [name, gradient] : gradients) squares += gradient.to(at::kDouble).square().sum().item<double>();
  return std::sqrt(squares);
}

void expect_equal_bits(const LossAndGradients& a, const LossAndGradients& b) {
  EXPECT_EQ(a.loss, b.loss);
  for (const auto& [name, gradient] : a.gradients) EXPECT_TRUE(at::equal(gradient, b.gradients.at(name))) << name;
}

at::Tensor both(const SpanLogits& logits) {
  return at::stack({logits.start, logits.end}).detach();
}

TEST(QaModel, HasTheReferencesParametersInItsOrder) {
  const TinyModel tiny;
  const auto expected = weights::expected_tensors(tiny.config);
  const auto parameters = tiny.make().parameters();
  ASSERT_EQ(parameters.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(parameters[i].name, expected[i].first);
    EXPECT_EQ(parameters[i].tensor.sizes().vec(), expected[i].second);
    EXPECT_TRUE(parameters[i].tensor.requires_grad());
    EXPECT_TRUE(at::equal(parameters[i].tensor, tiny.value(expected[i].first)));
  }
}

TEST(QaModel, DrawsAMissingHeadAsTransformersDoesAfterSetSeed) {
  TinyModel tiny;
  tiny.remove_head();
  const auto parameters = tiny.make().parameters();
  const at::Tensor weight = parameters[parameters.size() - 2].tensor.detach().flatten();
  // torch 2.11: torch.empty(2, 32).normal_(0, 0.02, generator=torch.Generator().manual_seed(42))
  EXPECT_FLOAT_EQ(weight[0].item<float>(), 0.0385383032F);
  EXPECT_FLOAT_EQ(weight[1].item<float>(), 0.0297456812F);
  EXPECT_FLOAT_EQ(weight[2].item<float>(), 0.0180143435F);
  EXPECT_FLOAT_EQ(weight[31].item<float>(), 0.0171971694F);
  EXPECT_FLOAT_EQ(weight[32].item<float>(), -0.0276934728F);
  EXPECT_FLOAT_EQ(weight[63].item<float>(), 0.027670987F);
  EXPECT_TRUE(at::equal(parameters.back().tensor, at::zeros({2})));
}

TEST(QaModel, TakesTheWeightsOfACheckpointThatItLoads) {
  TinyModel tiny;
  QaModel model = tiny.make();
  tiny.fill(/*seed=*/2);
  model.load(tiny.checkpoint());
  for (const auto& [name, value] : model.parameters()) EXPECT_TRUE(at::equal(value, tiny.value(name))) << name;
}

TEST(QaModel, RefusesATensorOfAnotherShapeThatWouldFitByBroadcasting) {
  TinyModel tiny;
  tiny.replace("bert.embeddings.LayerNorm.bias", at::ones({1}));
  EXPECT_THROW(tiny.make(), ShapeError);
}

TEST(QaModel, ScoresASequenceTheSameAloneAndInABatch) {
  QaModel model = TinyModel().make();
  const at::NoGradGuard no_grad;
  const at::Tensor all = both(model.forward(batch_of({5, 17, 3}), std::nullopt));
  const at::Tensor alone = both(model.forward(batch_of({17}, 1), std::nullopt));
  EXPECT_TRUE(at::allclose(all.narrow(1, 5, 17), alone, 1e-5, 1e-5));
}

TEST(QaModel, DropsNothingUnlessAskedTo) {
  TinyModel tiny;
  QaModel with_rates = tiny.make();
  tiny.config.dropout = {};
  QaModel without_rates = tiny.make();
  const DeviceBatch batch = batch_of(kLengths);
  const at::NoGradGuard no_grad;
  const at::Tensor plain = both(with_rates.forward(batch, std::nullopt));
  EXPECT_TRUE(at::equal(plain, both(with_rates.forward(batch, std::nullopt))));
  EXPECT_TRUE(at::equal(plain, both(without_rates.forward(batch, kSeed))));
  EXPECT_FALSE(at::equal(plain, both(with_rates.forward(batch, kSeed))));
}

TEST(QaModel, DropsAccordingToSeedAndStepAlone) {
  QaModel model = TinyModel().make();
  const DeviceBatch batch = batch_of(kLengths);
  const at::NoGradGuard no_grad;
  const at::Tensor first = both(model.forward(batch, DropoutSeed{42, 7}));
  EXPECT_TRUE(at::equal(first, both(model.forward(batch, DropoutSeed{42, 7}))));
  EXPECT_FALSE(at::equal(first, both(model.forward(batch, DropoutSeed{42, 8}))));
  EXPECT_FALSE(at::equal(first, both(model.forward(batch, DropoutSeed{43, 7}))));
}

TEST(QaModel, GivesTheSameLossAndGradientsForAnyMicroBatch) {
  QaModel model = TinyModel().make();
  const LossAndGradients whole = run(model, 8);
  const double norm = norm_of(whole.gradients);
  for (const std::size_t size : {4, 2, 1}) {
    const LossAndGradients parts = run(model, size);
    EXPECT_NEAR(parts.loss / whole.loss, 1, 1e-6) << size;  // sums in another order; other masks would show at 1e-2
    for (const auto& [name, gradient] : whole.gradients) {
      EXPECT_LT((gradient - parts.gradients.at(name)).norm().item<double>(), 1e-5 * norm) << name << ", " << size;
    }
  }
}

TEST(QaModel, GivesThePaddingRowNoGradient) {
  QaModel model = TinyModel().make();
  data::PackedBatch packed = packed_batch({5, 6});
  packed.ids[2] = packed.ids[8] = 0;
  const DeviceBatch batch = to_device(packed, c10::kCPU);
  span_loss_sum(model.forward(batch, std::nullopt), batch).backward();
  const at::Tensor gradient = take_gradients(model).at("bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(gradient[0].abs().sum().item<double>(), 0);
  EXPECT_GT(gradient[packed.ids[1]].abs().sum().item<double>(), 0);
}

TEST(QaModel, OfTheWordsInUseLearnsTheSameAndKeepsTheOthersAside) {
  const std::string words = "bert.embeddings.word_embeddings.weight";
  const TinyModel tiny;
  data::PackedBatch packed = packed_batch({9, 14});
  std::vector<std::uint32_t> rows = {0};  // the padding's
  for (const std::int32_t id : packed.ids) rows.push_back(static_cast<std::uint32_t>(id));
  std::ranges::sort(rows);
  const auto [end, none] = std::ranges::unique(rows);
  rows.erase(end, none);
  ASSERT_LT(rows.size(), 30U);
  const at::Tensor held = at::tensor(std::vector<std::int64_t>(rows.begin(), rows.end()));

  QaModel whole = tiny.make();
  const DeviceBatch batch = to_device(packed, c10::kCPU);
  const at::Tensor loss = span_loss_sum(whole.forward(batch, kSeed), batch);
  loss.backward();
  auto gradients = take_gradients(whole);
  gradients[words] = gradients[words].index_select(0, held);

  weights::EncoderConfig config = tiny.config;
  config.vocab_size = std::ssize(rows);
  weights::ModelWeights some = tiny.checkpoint();
  some.word_rows = rows;
  QaModel model(config, some, {}, {}, /*seed=*/42);
  for (std::int32_t& id : packed.ids) {
    id = static_cast<std::int32_t>(std::ranges::find(rows, static_cast<std::uint32_t>(id)) - rows.begin());
  }
  const DeviceBatch renumbered = to_device(packed, c10::kCPU);
  const at::Tensor same_loss = span_loss_sum(model.forward(renumbered, kSeed), renumbered);
  same_loss.backward();
  EXPECT_TRUE(at::equal(same_loss, loss));
  for (const auto& [name, gradient] : take_gradients(model)) EXPECT_TRUE(at::equal(gradient, gradients[name])) << name;

  ASSERT_TRUE(model.partial_words());
  const auto& [name, held_rows, aside] = *model.partial_words();
  EXPECT_EQ(name, words);
  EXPECT_EQ(held_rows, rows);
  std::vector<std::int64_t> others;
  for (std::int64_t row = 0; row < 50; ++row) {
    if (!std::ranges::binary_search(rows, static_cast<std::uint32_t>(row))) others.push_back(row);
  }
  EXPECT_TRUE(at::equal(aside, tiny.value(words).index_select(0, at::tensor(others))));
  EXPECT_FALSE(whole.partial_words());
}

TEST(QaModel, TakesTheRowsThatItsConfigurationHasOrNone) {
  const TinyModel tiny;
  weights::ModelWeights some = tiny.checkpoint();
  some.word_rows = {0, 1, 2};
  EXPECT_THROW(QaModel(tiny.config, some, {}, {}, 42), ShapeError);
}

TEST(QaModel, OfAShapeThatAGpusKernelsDoNotTakeIsRefusedBeforeTheGpuIsAsked) {
  device::Device gpu;
  gpu.torch_device = c10::Device(c10::kCUDA, 0);
  const auto make_with = [&](std::int64_t hidden) {
    TinyModel({.vocabulary = 50, .hidden = hidden, .layers = 1, .heads = 1, .inner = 8, .positions = 16}).make(gpu);
  };
  EXPECT_THROW(make_with(30), ConfigError);
  gpu.precision = Precision::kBf16;
  EXPECT_THROW(make_with(264), ConfigError);
}

class Checkpointing : public testing::TestWithParam<Precision> {
 protected:
  Checkpointing() { options.gradient_checkpointing = true; }

  const TinyModel tiny;
  const device::Device device = device_of(GetParam());
  ModelOptions options;
};

TEST_P(Checkpointing, ChangesNoBitOfLossOrGradients) {
  QaModel kept = tiny.make(device), recomputed = tiny.make(device, options);
  expect_equal_bits(run(kept, 8), run(recomputed, 8));
  expect_equal_bits(run(kept, 2), run(recomputed, 2));
}

TEST_P(Checkpointing, NeedsNothingOfTheCallerInTheBackwardPass) {
  QaModel kept = tiny.make(device), recomputed = tiny.make(device, options);
  const auto loss_of = [](QaModel& model) {
    const DeviceBatch batch = batch_of(kLengths);  // gone before the backward pass
    return span_loss_sum(model.forward(batch, kSeed), batch);
  };
  loss_of(kept).backward();
  loss_of(recomputed).backward();
  expect_equal_bits({0, take_gradients(kept)}, {0, take_gradients(recomputed)});
}

std::string name_of_precision(const testing::TestParamInfo<Precision>& info) {
  return std::string(name_of(info.param));
}

INSTANTIATE_TEST_SUITE_P(Precisions, Checkpointing,
                         testing::Values(Precision::kFp32, Precision::kBf16, Precision::kFp16), name_of_precision);

class HalfPrecision : public testing::TestWithParam<Precision> {};

TEST_P(HalfPrecision, StaysCloseToFp32WithFp32LogitsAndGradients) {
  const TinyModel tiny;
  QaModel precise = tiny.make(), rounded = tiny.make(device_of(GetParam()));
  const LossAndGradients exact = run(precise, 8), half = run(rounded, 8);
  // 8 bits (of fp16 11) in every product of two layers: about 1 % of the loss and a few of a gradient.
  EXPECT_NEAR(half.loss / exact.loss, 1, 0.01);
  EXPECT_NE(half.loss, exact.loss);
  const double norm = norm_of(exact.gradients);
  for (const auto& [name, gradient] : half.gradients) {
    EXPECT_EQ(gradient.scalar_type(), at::kFloat) << name;
    EXPECT_LT((gradient - exact.gradients.at(name)).norm().item<double>(), 0.05 * norm) << name;
  }
  const SpanLogits logits = rounded.forward(batch_of({5}), std::nullopt);
  EXPECT_EQ(logits.start.scalar_type(), at::kFloat);
}

INSTANTIATE_TEST_SUITE_P(Types, HalfPrecision, testing::Values(Precision::kBf16, Precision::kFp16), name_of_precision);

}  // namespace
}  // namespace bertft::model
