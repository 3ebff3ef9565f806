#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/accumulate.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bertft/memory/budget.h"
#include "train/torch/small_run.h"
#include "weights/family_configs.h"

namespace bertft::train {

using device::Precision;

// A shape, and what a step of it is measured with.
struct StepCase {
  std::string name;
  std::int64_t vocabulary, hidden, layers, heads;
  std::int64_t length, num_features;
  Precision precision;
  bool gradient_checkpointing;
  weights::ConfigOfSize family = weights::bert_config;
  bool is_whole_step = false;  // else the first of two micro-batches
  std::int64_t num_rows_aside = 0;
};

inline StepCase whole_step(StepCase c) {
  c.name += "AtOnce";
  c.is_whole_step = true;
  return c;
}

inline void PrintTo(const StepCase& c, std::ostream* out) {
  *out << c.name;
}

// Of the whole model; `num_words` is less than its vocabulary where rows are set aside.
inline weights::BertSize size_of(const StepCase& c, std::int64_t num_words) {
  return {.vocabulary = num_words,
          .hidden = c.hidden,
          .layers = c.layers,
          .heads = c.heads,
          .inner = 4 * c.hidden,
          .positions = 512};
}

inline weights::EncoderConfig config_of(const StepCase& c) {
  weights::EncoderConfig config = c.family(size_of(c, c.vocabulary - c.num_rows_aside));
  config.num_rows_aside = c.num_rows_aside;
  return config;
}

// Of the words' table no more is trained than the rows that some text uses.
inline StepCase of_words_in_use(StepCase c) {
  c.name += "InUse";
  c.num_rows_aside = c.vocabulary - 2000;
  return c;
}

// One window of exactly `length` tokens.
inline data::Features window_of(std::int64_t length) {
  std::string context = "aa";
  for (std::int64_t i = 5; i < length; ++i) context += " b";
  const std::string text =
      R"({"id":"1","question":"qqq","context":")" + context + R"(","answers":[{"text":"aa","answer_start":0}]})";
  data::DataOptions options;
  options.max_seq_length = length;
  options.doc_stride = 0;
  return make_features(data::read(text), data::WordTokenizer(), options, data::Purpose::kTraining);
}

inline device::Device device_of(const StepCase& c, device::Device device) {
  device.precision = c.precision;
  return device;
}

inline model::ModelOptions options_of(const StepCase& c) {
  model::ModelOptions options;
  options.gradient_checkpointing = c.gradient_checkpointing;
  return options;
}

inline memory::StepShape shape_of(const StepCase& c, const device::Device& device) {
  return memory::step_shape(config_of(c), options_of(c), device_of(c, device), c.length,
                            c.is_whole_step ? std::optional(c.num_features) : std::nullopt);
}

// All tensors are views of one random block: which values they have is of no account here.
class WeightsOfOneBlock {
 public:
  explicit WeightsOfOneBlock(const StepCase& c) {
    const auto tensors = weights::expected_tensors(c.family(size_of(c, c.vocabulary)));
    std::int64_t largest = 0;
    for (const auto& [name, shape] : tensors) largest = std::max(largest, c10::multiply_integers(shape));
    block_ = 0.2 * at::randn({largest});
    const std::span bytes(static_cast<const std::byte*>(block_.const_data_ptr()), block_.nbytes());
    for (const auto& [name, shape] : tensors) {
      const auto size = static_cast<std::size_t>(c10::multiply_integers(shape)) * sizeof(float);
      weights_.tensors[name] = {weights::DType::kF32, shape, bytes.first(size)};
    }
    if (c.num_rows_aside == 0) return;
    weights_.word_rows.resize(static_cast<std::size_t>(c.vocabulary - c.num_rows_aside));
    std::iota(weights_.word_rows.begin(), weights_.word_rows.end(), 0U);
  }
  const weights::ModelWeights& weights() const { return weights_; }

 private:
  at::Tensor block_;
  weights::ModelWeights weights_;
};

// The most bytes in use over a step of one micro-batch or two, when there are moments, and over an
// evaluation batch of as many features as one of them.
struct Measured {
  std::uint64_t training, evaluation;
};
inline Measured measure(const StepCase& c, const device::Device& on) {
  const WeightsOfOneBlock random(c);
  const data::Features features = window_of(c.length);
  const device::Device device = device_of(c, on);
  const std::uint64_t before = memory::use_of(device).now;
  memory::reset_peak(device);
  model::QaModel model(config_of(c), random.weights(), options_of(c), device, kSeed);
  optim::AdamW optimizer(model.parameters(), {});
  StepEngine engine({model, optimizer, device, features}, {.features = c.num_features, .tokens = {}}, kSeed);
  const std::vector<std::uint32_t> windows(static_cast<std::size_t>((c.is_whole_step ? 1 : 2) * c.num_features), 0U);
  engine.run(std::span(windows).first(1), 0, kLearningRate);  // makes the moments
  engine.run(windows, 1, kLearningRate);
  const std::uint64_t training = memory::use_of(device).peak - before;

  memory::reset_peak(device);
  const at::NoGradGuard no_grad;
  const data::PackedBatch packed =
      data::pack(features, std::span(windows).first(static_cast<std::size_t>(c.num_features)), 0);
  const model::DeviceBatch batch = model::to_device(packed, device.torch_device);
  model::span_loss_sum(model.forward(batch, std::nullopt), batch);
  return {training, memory::use_of(device).peak - before};
}

inline StepCase tiny(std::string name, std::int64_t length, std::int64_t n, Precision precision, bool checkpointing) {
  return {std::move(name), 1100, 64, 2, 2, length, n, precision, checkpointing};
}
inline StepCase minilm(std::string name, std::int64_t length, std::int64_t n, Precision precision, bool checkpointing) {
  return {std::move(name), 30522, 384, 6, 12, length, n, precision, checkpointing};
}
// Its table is most of it, as in models of many languages.
inline StepCase wide_table(std::string name, std::int64_t length, std::int64_t n, Precision precision,
                           bool checkpointing) {
  return {std::move(name), 120000, 128, 2, 2, length, n, precision, checkpointing};
}
inline StepCase base(std::string name, std::int64_t length, std::int64_t n, Precision precision, bool checkpointing) {
  return {std::move(name), 30522, 768, 12, 12, length, n, precision, checkpointing};
}

inline StepCase electra_small(std::string name, std::int64_t length, std::int64_t n, Precision precision,
                              bool checkpointing) {
  return {std::move(name), 30522, 256, 12, 4, length, n, precision, checkpointing, weights::electra_config};
}
inline StepCase distilbert_base(std::string name, std::int64_t length, std::int64_t n, Precision precision,
                                bool checkpointing) {
  return {std::move(name), 30522, 768, 6, 12, length, n, precision, checkpointing, weights::distilbert_config};
}
inline StepCase roberta_base(std::string name, std::int64_t length, std::int64_t n, Precision precision,
                             bool checkpointing) {
  return {std::move(name), 50265, 768, 12, 12, length, n, precision, checkpointing, weights::roberta_config};
}
inline StepCase albert_base(std::string name, std::int64_t length, std::int64_t n, Precision precision,
                            bool checkpointing) {
  return {std::move(name), 30000, 768, 12, 12, length, n, precision, checkpointing, weights::albert_config};
}

// Of each family, all with the same step.
inline std::vector<StepCase> one_of_each(const std::string& suffix, std::int64_t length, std::int64_t n,
                                         Precision precision, bool checkpointing) {
  return {minilm("MiniLm" + suffix, length, n, precision, checkpointing),
          base("Base" + suffix, length, n, precision, checkpointing),
          electra_small("Electra" + suffix, length, n, precision, checkpointing),
          distilbert_base("DistilBert" + suffix, length, n, precision, checkpointing),
          roberta_base("Roberta" + suffix, length, n, precision, checkpointing),
          albert_base("Albert" + suffix, length, n, precision, checkpointing)};
}

inline std::string name_of(const testing::TestParamInfo<StepCase>& shape) {
  return shape.param.name;
}

// Of what the step, or the evaluation, has used.
inline void expect_within_ten_percent(const memory::StepBytes& plan, std::uint64_t used) {
  const auto mib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 0x1p20; };
  EXPECT_NEAR(mib(plan.tensors()) / mib(used), 1, 0.1)
      << fmt::format("planned {:.1f} MiB (activations {:.1f}, workspace {:.1f}), measured {:.1f} MiB",
                     mib(plan.tensors()), mib(plan.activations), mib(plan.workspace), mib(used));
}

}  // namespace bertft::train
