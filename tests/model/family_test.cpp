// What holds for the network of every family; their numbers are compared with transformers' in tests/parity.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "model/packed_batch.h"
#include "model/tiny_model.h"
#include "weights/family_configs.h"

namespace bertft::model {
namespace {

constexpr weights::BertSize kSize{
    .vocabulary = 50, .hidden = 32, .layers = 3, .heads = 2, .inner = 64, .positions = 64};
constexpr DropoutSeed kSeed{42, 7};
const std::vector<std::int32_t> kLengths = {5, 17, 3, 40};

using Gradients = std::map<std::string, at::Tensor>;

// Of a batch of kLengths, `size` sequences at a time.
Gradients gradients_of(QaModel& model, const std::optional<DropoutSeed>& dropout, std::size_t size = 4) {
  for (std::size_t first = 0; first < kLengths.size(); first += size) {
    const auto begin = kLengths.begin() + static_cast<std::ptrdiff_t>(first);
    const DeviceBatch batch =
        batch_of({begin, begin + static_cast<std::ptrdiff_t>(size)}, static_cast<std::uint32_t>(first));
    span_loss_sum(model.forward(batch, dropout), batch).backward();
  }
  return take_gradients(model);
}

void expect_close(const Gradients& a, const Gradients& b) {
  for (const auto& [name, gradient] : a) {
    EXPECT_LT((gradient - b.at(name)).norm().item<double>(), 1e-5 * gradient.norm().item<double>() + 1e-6) << name;
  }
}

at::Tensor logits_of(QaModel& model, const DeviceBatch& batch, const std::optional<DropoutSeed>& dropout) {
  const at::NoGradGuard no_grad;
  const SpanLogits logits = model.forward(batch, dropout);
  return at::stack({logits.start, logits.end});
}

class EveryFamily : public testing::TestWithParam<weights::ConfigOfSize> {
 protected:
  const TinyModel tiny_{GetParam()(kSize)};
};

TEST_P(EveryFamily, HasItsTensorsAsParametersInOrder) {
  const auto expected = weights::expected_tensors(tiny_.config);
  const auto parameters = tiny_.make().parameters();
  ASSERT_EQ(parameters.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(parameters[i].name, expected[i].first);
}

TEST_P(EveryFamily, GivesEveryParameterAGradientWhateverTheMicroBatch) {
  QaModel model = tiny_.make();
  const Gradients whole = gradients_of(model, kSeed);
  for (const auto& [name, gradient] : whole) {
    if (name == "qa_outputs.bias") continue;  // softmax ignores a shift: zero but for rounding
    EXPECT_GT(gradient.abs().max().item<double>(), 0) << name;
  }
  expect_close(whole, gradients_of(model, kSeed, 2));
  expect_close(whole, gradients_of(model, kSeed, 1));
}

TEST_P(EveryFamily, RecomputesItsLayersToTheSameGradients) {
  ModelOptions options;
  options.gradient_checkpointing = true;
  QaModel kept = tiny_.make(), recomputed = tiny_.make({}, options);
  expect_close(gradients_of(kept, kSeed, 2), gradients_of(recomputed, kSeed, 2));
}

TEST_P(EveryFamily, StaysCloseToItselfInHalfPrecision) {
  QaModel precise = tiny_.make();
  const at::Tensor exact = logits_of(precise, batch_of(kLengths), kSeed);
  // 8 bits, and 11.
  for (const auto& [precision, bound] : {std::pair(device::Precision::kBf16, 0.05), {device::Precision::kFp16, 0.01}}) {
    QaModel rounded = tiny_.make(device_of(precision));
    const at::Tensor half = logits_of(rounded, batch_of(kLengths), kSeed);
    EXPECT_EQ(half.scalar_type(), at::kFloat);
    EXPECT_FALSE(at::equal(exact, half));
    EXPECT_LT((exact - half).norm().item<double>(), bound * exact.norm().item<double>()) << name_of(precision);
  }
}

// Each place of dropout alone changes the scores if and only if the family drops there.
TEST_P(EveryFamily, DropsWhereItsConfigurationSays) {
  const weights::EncoderConfig::DropoutRates rates = tiny_.config.dropout;
  using Rates = weights::EncoderConfig::DropoutRates;
  TinyModel still = tiny_;
  still.config.dropout = {};
  QaModel plain = still.make();
  const at::Tensor expected = logits_of(plain, batch_of(kLengths), kSeed);
  for (double Rates::* place :
       {&Rates::embeddings, &Rates::attention_probs, &Rates::attention_output, &Rates::output, &Rates::head}) {
    TinyModel one = still;
    one.config.dropout.*place = rates.*place;
    QaModel model = one.make();
    EXPECT_EQ(at::equal(logits_of(model, batch_of(kLengths), kSeed), expected), rates.*place == 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, testing::ValuesIn(weights::kFamilyConfigs),
                         [](const auto& family) { return weights::test_name(family.param(kSize).model_type); });

TEST(SkippedPadding, TakesNoPosition) {
  TinyModel tiny(weights::roberta_config(kSize));
  const std::string table = "roberta.embeddings.position_embeddings.weight";
  at::Tensor positions = tiny.value(table).clone();
  positions.narrow(0, 4, positions.size(0) - 4).fill_(std::numeric_limits<float>::quiet_NaN());
  tiny.replace(table, positions);
  QaModel model = tiny.make();
  const auto is_finite = [&](const std::vector<std::int32_t>& ids) {
    data::PackedBatch packed = packed_batch({2, static_cast<std::int32_t>(ids.size())});
    std::ranges::copy(ids, packed.ids.begin() + 2);
    return logits_of(model, to_device(packed, c10::kCPU), std::nullopt).isfinite().all().item<bool>();
  };
  EXPECT_TRUE(is_finite({5, 5}));
  EXPECT_FALSE(is_finite({5, 5, 5})) << "its positions are 2, 3 and 4";
  EXPECT_TRUE(is_finite({5, 1, 1, 5, 1})) << "1 is the padding: 2, 1, 1, 3 and 1";
}

class SharedLayers : public testing::TestWithParam<device::Precision> {};

// Unrounded: sums of half precision would be far off.
TEST_P(SharedLayers, GetTheSumOfTheGradientsOfLayersThatShareNothing) {
  TinyModel shared(weights::albert_config(kSize)), apart(shared);
  apart.config.sharing = {.num_groups = kSize.layers, .layers_per_group = 1};
  const std::string group = "albert.encoder.albert_layer_groups.";
  for (const auto& [name, shape] : weights::expected_tensors(apart.config)) {
    const std::size_t end = name.starts_with(group) ? name.find('.', group.size()) : 0;
    apart.replace(name, shared.value(end == 0 ? name : group + "0" + name.substr(end)));
  }
  QaModel one = shared.make(device_of(GetParam())), many = apart.make(device_of(GetParam()));
  ASSERT_TRUE(at::equal(logits_of(one, batch_of(kLengths), kSeed), logits_of(many, batch_of(kLengths), kSeed)));
  Gradients sums;
  for (const auto& [name, gradient] : gradients_of(many, kSeed)) {
    const std::size_t end = name.starts_with(group) ? name.find('.', group.size()) : 0;
    at::Tensor& sum = sums[end == 0 ? name : group + "0" + name.substr(end)];
    sum = sum.defined() ? sum + gradient : gradient;
  }
  expect_close(sums, gradients_of(one, kSeed));
}

INSTANTIATE_TEST_SUITE_P(Precisions, SharedLayers, testing::Values(device::Precision::kFp32, device::Precision::kBf16),
                         [](const auto& precision) { return std::string(name_of(precision.param)); });

TEST(ModelWithoutTokenTypes, IgnoresThoseOfTheBatch) {
  QaModel model = TinyModel(weights::distilbert_config(kSize)).make();
  DeviceBatch batch = batch_of(kLengths);
  const at::Tensor expected = logits_of(model, batch, std::nullopt);
  batch.type_ids = 1 - batch.type_ids;
  EXPECT_TRUE(at::equal(logits_of(model, batch, std::nullopt), expected));
}

}  // namespace
}  // namespace bertft::model
