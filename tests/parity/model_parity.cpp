// Compares our model and training step with Hugging Face's, from the values that
// hf_model_reference.py wrote. Prints the largest difference of each comparison; leaves with
// 1 when one is above its bound (PARITY P3).
//
//   model_parity MODEL_DIR SQUAD_FILE LOGITS.safetensors TRAIN.safetensors NUM_TRAIN_FEATURES

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/model/qa_model.h"
#include "bertft/optim/adamw.h"
#include "bertft/optim/schedule.h"
#include "bertft/tokenizer/tokenizer.h"
#include "bertft/train/plan.h"
#include "bertft/train/step_engine.h"
#include "bertft/weights/model_directory.h"

namespace {

using namespace bertft;

constexpr std::int64_t kSeed = 42, kBatch = 8, kSteps = 20;
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

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// The gradient of these is zero but for rounding: softmax ignores a shift of its inputs.
bool without_gradient(const std::string& name, std::int64_t num_layers) {
  return name.ends_with("key.bias") || name == "qa_outputs.bias" ||
         name == fmt::format("bert.encoder.layer.{}.output.LayerNorm.bias", num_layers - 1);
}

struct Inputs {
  weights::EncoderConfig config;
  weights::Checkpoint checkpoint;
  data::Features features;

  model::QaModel make_model() const { return {config, checkpoint, {}, {}, kSeed}; }
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
         std::max(largest_difference(at::cat(start), tensor_of(reference, "start")),
                  largest_difference(at::cat(end), tensor_of(reference, "end"))),
         kLogitBound);
}

// The gradient of each parameter after the last step, for those where it should be zero.
double largest_zero_gradient(const model::QaModel& model, double norm) {
  double largest = 0;
  for (const auto& [name, value] : model.parameters()) {
    if (!without_gradient(name, model.config().num_hidden_layers)) continue;
    largest = std::max(largest, value.grad().norm().item<double>() / norm);
  }
  return largest;
}

void compare_training(Inputs in, const weights::SafetensorsFile& reference, std::int64_t num_features) {
  in.config.hidden_dropout_prob = in.config.attention_probs_dropout_prob = 0;
  model::QaModel model = in.make_model();
  optim::OptimOptions optim_options;
  optim_options.learning_rate = kLearningRate;
  optim::AdamW optimizer(train::parameters_of(model), optim_options);
  const device::Device device;
  // Three sequences and more at a time, so that accumulation is compared as well.
  train::StepEngine engine({model, optimizer, device, in.features}, {.features = 3, .tokens = {}}, kSeed);
  train::TrainOptions options;
  options.per_device_train_batch_size = kBatch;
  options.max_steps = kSteps;
  const train::Plan plan = train::make_plan(num_features, options);
  train::DataOrder order(plan, kSeed);

  const at::Tensor losses = tensor_of(reference, "loss"), norms = tensor_of(reference, "grad_norm");
  double loss_difference = 0, norm_difference = 0, zero_gradient = 0;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const double factor = optim::schedule_factor(optim::Schedule::kLinear, step, 0, kSteps);
    const auto result = engine.run(order.windows(step), step, kLearningRate * factor);
    const double loss = losses[step].item<double>(), norm = norms[step].item<double>();
    loss_difference = std::max(loss_difference, std::abs(result.loss - loss) / loss);
    norm_difference = std::max(norm_difference, std::abs(result.grad_norm - norm) / norm);
    zero_gradient = std::max(zero_gradient, largest_zero_gradient(model, norm));
  }
  double weight_difference = 0;
  for (const auto& [name, value] : model.parameters()) {
    if (without_gradient(name, in.config.num_hidden_layers)) continue;
    weight_difference =
        std::max(weight_difference, largest_difference(value.detach(), tensor_of(reference, "final." + name)));
  }
  report(fmt::format("loss over {} steps, largest relative difference", kSteps), loss_difference, kLossBound);
  report("gradient norm, largest relative difference", norm_difference, 1e-4);
  report("weights after the last step, largest difference", weight_difference, kWeightBound);
  report("gradients that are zero in truth, share of the norm", zero_gradient, kZeroGradientBound);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: model_parity MODEL_DIR SQUAD_FILE LOGITS.safetensors TRAIN.safetensors NUM_TRAIN_FEATURES\n";
    return 2;
  }
  const std::string directory = argv[1];
  Inputs in;
  in.config = weights::read_encoder_config(directory);
  in.checkpoint = weights::read_checkpoint(directory, in.config, weights::Head::kMayBeMissing);
  in.features = data::make_features(data::read_dataset(argv[2]), *tokenizer::load_tokenizer(directory), {},
                                    data::Purpose::kTraining);
  compare_logits(in, weights::SafetensorsFile(argv[3]));
  compare_training(std::move(in), weights::SafetensorsFile(argv[4]), std::stoll(argv[5]));
  return failures == 0 ? 0 : 1;
}
