// Compares our model and training step with Hugging Face's, from the values that
// hf_model_reference.py wrote. Prints the largest difference of each comparison; leaves with
// 1 when one is above its bound.
//
//   model_parity MODEL_DIR SQUAD_FILE LOGITS.safetensors TRAIN.safetensors NUM_TRAIN_FEATURES [TRAIN_FP16.safetensors]

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/data/order.h"
#include "bertft/model/qa_model.h"
#include "bertft/optim/adamw.h"
#include "bertft/optim/schedule.h"
#include "bertft/tokenizer/tokenizer.h"
#include "bertft/train/plan.h"
#include "bertft/train/step_engine.h"
#include "bertft/weights/model_directory.h"

namespace {

using namespace bertft;

constexpr std::int64_t kSeed = 42, kBatch = 4, kSteps = 20;
constexpr double kLearningRate = 5e-5;
constexpr double kLogitBound = 2e-5, kLossBound = 1e-5, kWeightBound = 1e-5, kZeroGradientBound = 1e-6;

int failures = 0;

void report(const std::string& what, double largest, double bound) {
  const bool good = largest <= bound;
  failures += good ? 0 : 1;
  std::cout << fmt::format("{:<58} {:.3g} (bound {:g}){}\n", what, largest, bound, good ? "" : "  FAILED");
}

at::Tensor tensor_of(const weights::SafetensorsFile& file, const std::string& name) {
  const weights::TensorView& view = file.tensors().at(name);
  const auto type = view.dtype == weights::DType::kF32 ? at::kFloat : at::kInt;
  at::Tensor result = at::empty(view.shape, type);
  std::memcpy(result.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  return result;
}

// The larger one. What is not a number is larger than any; std::max() may pass it over.
double larger(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// The parameters whose gradient is zero but for rounding: softmax ignores a shift of its inputs.
std::set<std::string> without_gradient(const weights::EncoderConfig& config) {
  const weights::EncoderTensors tensors = weights::encoder_tensors(config);
  std::set<std::string> names{tensors.head + ".bias"};
  for (const weights::LayerTensors& layer : tensors.layers) names.insert(layer.key + ".bias");
  const std::size_t last = tensors.order.back();
  if (std::ranges::count(tensors.order, last) == 1) names.insert(tensors.layers[last].output_norm + ".bias");
  return names;
}

struct Inputs {
  weights::EncoderConfig config;
  weights::ModelWeights checkpoint;
  data::Features features;

  model::QaModel make_model() const { return {config, checkpoint, {}, {}, kSeed}; }
  model::QaModel make_model_without_dropout(const device::Device& device = {}) const {
    weights::EncoderConfig still = config;
    still.dropout = {};
    return {still, checkpoint, {}, device, kSeed};
  }
};

void compare_logits(const Inputs& in, const weights::SafetensorsFile& reference) {
  const auto count = static_cast<std::uint32_t>(tensor_of(reference, "cu_seqlens").numel() - 1);
  std::vector<std::uint32_t> windows(count);
  std::iota(windows.begin(), windows.end(), 0U);
  model::QaModel model = in.make_model();
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> start, end;
  for (std::size_t i = 0; i < count; i += kBatch) {
    const auto slice = std::span(windows).subspan(i, std::min<std::size_t>(kBatch, count - i));
    const auto batch = model::to_device(data::pack(in.features, slice, 0), c10::kCPU);
    const auto logits = model.forward(batch, std::nullopt);
    start.push_back(logits.start);
    end.push_back(logits.end);
  }
  report(fmt::format("logits of {} features, largest difference", count),
         larger(largest_difference(at::cat(start), tensor_of(reference, "start")),
                largest_difference(at::cat(end), tensor_of(reference, "end"))),
         kLogitBound);
}

// Before the first step, where a base checkpoint has a head that was drawn.
void compare_head(const Inputs& in, const weights::SafetensorsFile& reference) {
  const std::string head = weights::encoder_tensors(in.config).head;
  const model::QaModel model = in.make_model();
  double largest = 0;
  for (const auto& [name, value] : model.parameters()) {
    if (!name.starts_with(head + ".")) continue;
    largest = larger(largest, largest_difference(value.detach(), tensor_of(reference, "initial." + name)));
  }
  report("head before the first step, largest difference", largest, 0);
}

// Of the mean loss of one batch, before clipping; each tensor's difference as a share of what it may be.
void compare_gradients(const Inputs& in, const weights::SafetensorsFile& reference, std::int64_t num_features) {
  model::QaModel model = in.make_model_without_dropout();
  const auto order = data::epoch_order(static_cast<std::uint32_t>(num_features), kSeed, 0);
  const auto batch = model::to_device(data::pack(in.features, std::span(order).first(kBatch), 0), c10::kCPU);
  (model::span_loss_sum(model.forward(batch, std::nullopt), batch) / static_cast<double>(kBatch)).backward();
  const std::set<std::string> zero = without_gradient(in.config);
  double largest = 0, largest_zero = 0, squares = 0;
  for (const auto& [name, value] : model.parameters()) {
    const double norm = value.grad().norm().item<double>();
    squares += norm * norm;
    if (zero.contains(name)) {
      largest_zero = larger(largest_zero, norm);
      continue;
    }
    const at::Tensor expected = tensor_of(reference, "grad." + name);
    const double bound = 1e-5 * expected.abs().max().item<double>() + 1e-8;
    if (largest_difference(value.grad(), expected) / bound > 1)
      std::cerr << name << " " << largest_difference(value.grad(), expected) << " max "
                << expected.abs().max().item<double>() << "\n";
    largest = larger(largest, largest_difference(value.grad(), expected) / bound);
  }
  report("gradients of one batch, share of 1e-5 x largest + 1e-8", largest, 1);
  report("gradients that are zero in truth, share of the norm", largest_zero / std::sqrt(squares), kZeroGradientBound);
}

void compare_training(const Inputs& in, const weights::SafetensorsFile& reference, std::int64_t num_features,
                      device::Precision precision) {
  const std::set<std::string> zero = without_gradient(in.config);
  device::Device device;
  device.precision = precision;
  model::QaModel model = in.make_model_without_dropout(device);
  optim::OptimOptions optim_options;
  optim_options.learning_rate = kLearningRate;
  optim::AdamW optimizer(model.parameters(), optim_options);
  // Three sequences and more at a time, so that accumulation is compared as well.
  train::StepEngine engine({model, optimizer, device, in.features}, {.features = 3, .tokens = {}}, kSeed);
  if (is_half(precision)) engine.scale_loss({});
  train::TrainOptions options;
  options.per_device_train_batch_size = kBatch;
  options.max_steps = kSteps;
  const train::Plan plan = train::make_plan(num_features, options);
  train::DataOrder order(plan, kSeed);

  const at::Tensor losses = tensor_of(reference, "loss"), norms = tensor_of(reference, "grad_norm");
  double loss_difference = 0, norm_difference = 0;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const double factor = optim::schedule_factor(optim::Schedule::kLinear, step, 0, kSteps);
    const auto result = engine.run(order.windows(step), step, kLearningRate * factor);
    const double loss = losses[step].item<double>(), norm = norms[step].item<double>();
    loss_difference = larger(loss_difference, std::abs(result.loss - loss) / loss);
    norm_difference = larger(norm_difference, std::abs(result.grad_norm - norm) / norm);
  }
  if (is_half(precision)) {  // weights whose gradients are small differ by their rounding
    report(fmt::format("loss over {} steps in fp16, largest relative difference", kSteps), loss_difference, 2e-3);
    report("gradient norm in fp16, largest relative difference", norm_difference, 1e-2);
    return;
  }
  double weight_difference = 0;
  for (const auto& [name, value] : model.parameters()) {
    if (zero.contains(name)) continue;
    weight_difference =
        larger(weight_difference, largest_difference(value.detach(), tensor_of(reference, "final." + name)));
  }
  report(fmt::format("loss over {} steps, largest relative difference", kSteps), loss_difference, kLossBound);
  report("gradient norm, largest relative difference", norm_difference, 1e-4);
  report("weights after the last step, largest difference", weight_difference, kWeightBound);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::cerr << "usage: model_parity MODEL_DIR SQUAD_FILE LOGITS.safetensors TRAIN.safetensors NUM_TRAIN_FEATURES "
                 "[TRAIN_FP16.safetensors]\n";
    return 2;
  }
  const std::string directory = argv[1];
  Inputs in;
  in.config = weights::read_encoder_config(directory);
  in.checkpoint = weights::read_weights(directory, in.config, weights::Head::kMayBeMissing);
  in.features = data::make_features(data::read_dataset(argv[2]), *tokenizer::load_tokenizer(directory), {},
                                    data::Purpose::kTraining);
  compare_logits(in, weights::SafetensorsFile(argv[3]));
  const weights::SafetensorsFile training(argv[4]);
  compare_head(in, training);
  compare_gradients(in, training, std::stoll(argv[5]));
  compare_training(in, training, std::stoll(argv[5]), device::Precision::kFp32);
  if (argc == 7) {
    compare_training(in, weights::SafetensorsFile(argv[6]), std::stoll(argv[5]), device::Precision::kFp16);
  }
  return failures == 0 ? 0 : 1;
}
