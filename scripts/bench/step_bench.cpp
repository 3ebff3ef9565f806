// Times training steps on the CPU or a GPU, through the same StepEngine that `bert-finetune train` runs.
//
//   step_bench --model DIR --train SQUAD.json --max-steps 12 [--batch 16] [--bf16 | --fp16] [--threads N]
//
// The batches are those of `scripts/bench/hf_train.py --steps-only` with the same --train, --max-steps, --batch and
// --seed, so that the two can be compared step by step. Dropout is as the model's config.json says. Two more steps
// than asked for are run first and not counted. Figures are printed as one JSON line.
#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <numeric>

#include "bertft/data/order.h"
#include "bertft/memory/budget.h"
#include "bertft/optim/schedule.h"
#include "bertft/tokenizer/tokenizer.h"
#include "bertft/train/step_engine.h"
#include "bertft/util/json.h"

namespace {

using namespace bertft;

constexpr std::int64_t kWarmUpSteps = 2;

struct Arguments {
  std::string model, train, device = "cpu";
  std::int64_t max_steps = 10, batch = 16, seed = 42, threads = 0;
  std::optional<std::int64_t> max_samples;
  data::MicroBatchLimit limit;
  bool bf16 = false, fp16 = false, gradient_checkpointing = false;
};

struct Step {
  double seconds, user_seconds, loss;
  std::int64_t num_features, num_tokens;
};

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

void declare(CLI::App& app, Arguments& a) {
  app.add_option("--model", a.model, "directory of the pretrained model")->required();
  app.add_option("--train", a.train, "SQuAD JSON file")->required();
  app.add_option("--max-samples", a.max_samples, "only the first so many questions");
  app.add_option("--max-steps", a.max_steps, "steps to time");
  app.add_option("--batch", a.batch, "features of a step");
  app.add_option("--micro-batch-features", a.limit.features, "cut the batch on the device by features");
  app.add_option("--micro-batch-tokens", a.limit.tokens, "cut the batch on the device by tokens");
  app.add_option("--seed", a.seed);
  app.add_option("--threads", a.threads, "0: as many as LibTorch takes");
  app.add_option("--device", a.device, "cpu or cuda");
  app.add_flag("--bf16", a.bf16);
  app.add_flag("--fp16", a.fp16);
  app.add_flag("--gradient-checkpointing", a.gradient_checkpointing);
}

device::Device select(const Arguments& a) {
  device::DeviceOptions options;
  options.device = a.device == "cuda" ? device::DeviceChoice::kCuda : device::DeviceChoice::kCpu;
  options.bf16 = a.bf16;
  options.fp16 = a.fp16;
  return device::select_device(options);
}

data::Features read_features(const Arguments& a) {
  const auto tokenizer = tokenizer::load_tokenizer(a.model);
  auto [dataset, tokens] = data::read_and_tokenize(a.train, *tokenizer, a.max_samples);
  return data::make_features(dataset, std::move(tokens), {}, data::Purpose::kTraining);
}

model::QaModel read_model(const Arguments& a, const device::Device& device) {
  const auto config = weights::read_encoder_config(a.model);
  const auto checkpoint = weights::read_weights(a.model, config, weights::Head::kMayBeMissing);
  const model::ModelOptions options{.model_name_or_path = {},
                                    .config_name = {},
                                    .tokenizer_name = {},
                                    .gradient_checkpointing = a.gradient_checkpointing};
  return {config, checkpoint, options, device, static_cast<std::uint64_t>(a.seed)};
}

std::vector<Step> run_steps(const Arguments& a, const device::Device& device, const data::Features& features) {
  model::QaModel model = read_model(a, device);
  const optim::OptimOptions options;
  optim::AdamW optimizer(model.parameters(), options);
  train::StepEngine engine({model, optimizer, device, features}, a.limit, static_cast<std::uint64_t>(a.seed));
  if (a.fp16) engine.scale_loss({});
  const auto order =
      data::epoch_order(static_cast<std::uint32_t>(features.windows.size()), static_cast<std::uint64_t>(a.seed), 0);
  const auto batch_size = static_cast<std::size_t>(a.batch);
  std::vector<Step> steps;
  for (std::int64_t i = -kWarmUpSteps; i < a.max_steps; ++i) {
    const std::size_t begin = static_cast<std::size_t>(std::max<std::int64_t>(i, 0)) * batch_size % order.size();
    const auto windows = std::span(order).subspan(begin, std::min(batch_size, order.size() - begin));
    const double rate =
        i < 0 ? 0.0  // leaves the weights as they are
              : options.learning_rate * optim::schedule_factor(optim::Schedule::kLinear, i, /*warmup=*/0, a.max_steps);
    const double user_before = user_seconds();
    const auto before = std::chrono::steady_clock::now();
    const train::StepResult result = engine.run(windows, i + kWarmUpSteps, rate);
    device::synchronize(device);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - before;
    if (i < 0) continue;
    steps.push_back(
        {elapsed.count(), user_seconds() - user_before, result.loss, result.num_features, result.num_tokens});
  }
  return steps;
}

// By nearest rank.
double quantile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank];
}

Json figures(const Arguments& a, const device::Device& device, const std::vector<Step>& steps) {
  std::vector<double> speeds;
  double seconds = 0, user = 0;
  std::int64_t num_features = 0, num_tokens = 0;
  for (const Step& step : steps) {
    speeds.push_back(static_cast<double>(step.num_features) / step.seconds);
    seconds += step.seconds;
    user += step.user_seconds;
    num_features += step.num_features;
    num_tokens += step.num_tokens;
  }
  return {{"program", "bert-finetune"},
          {"device", a.device},
          {"precision", name_of(device.precision)},
          {"threads", at::get_num_threads()},
          {"batch", a.batch},
          {"steps", steps.size()},
          {"seconds", seconds},
          {"features_per_s_median_step", quantile(speeds, 0.5)},
          {"features_per_s_quartiles", {quantile(speeds, 0.25), quantile(speeds, 0.75)}},
          {"features_per_s", static_cast<double>(num_features) / seconds},
          {"tokens_per_s", static_cast<double>(num_tokens) / seconds},
          {"user_s_per_step", user / static_cast<double>(steps.size())},
          {"peak_memory_mib", static_cast<double>(memory::peak_memory_bytes(device)) / (1 << 20)},
          {"first_loss", steps.front().loss},
          {"last_loss", steps.back().loss}};
}

}  // namespace

int main(int argc, char** argv) try {
  Arguments arguments;
  CLI::App app("Times training steps; see the head of step_bench.cpp");
  declare(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if (arguments.threads > 0) at::set_num_threads(static_cast<int>(arguments.threads));
  const device::Device device = select(arguments);
  memory::apply(memory::make_budget({}, memory::capacity_of(device)), device);
  const data::Features features = read_features(arguments);
  const std::vector<Step> steps = run_steps(arguments, device, features);
  std::cout << python_json(figures(arguments, device, steps), -1) << '\n';
  return 0;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
