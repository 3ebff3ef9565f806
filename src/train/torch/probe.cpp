#include "bertft/train/probe.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "bertft/eval/predictor.h"
#include "bertft/memory/budget.h"
#include "bertft/memory/planner.h"
#include "bertft/train/signals.h"
#include "bertft/train/step_engine.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"

namespace bertft::train {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr double kNoLearningRate = 0;
constexpr std::uint64_t kSegment = std::uint64_t{20} << 20;  // the most that CUDA's caching allocator adds to a request

// A size that does not fit ends its trial where the engine would go on with less.
struct DoesNotFit {
  std::string phase;
};

// One window of exactly `length` tokens.
data::Features full_window(const ProbeTask& task) {
  data::Features features;
  const auto id = static_cast<std::uint32_t>(std::min<std::int64_t>(1, task.config.vocab_size - 1));
  const auto num_context =
      static_cast<std::uint32_t>(task.length - data::kNumSpecialTokens - 1);  // one token of question
  data::Tokens& tokens = features.tokens;
  tokens.storage.emplace_back(num_context, tokenizer::Token{id, 0, 0});
  tokens.contexts = {tokens.storage[0]};
  tokens.questions = {tokens.contexts[0].first(1)};
  tokens.special = {.cls = id, .sep = id, .unk = id};
  features.context_of = {0};
  features.windows = {{.question_idx = 0,
                       .window_idx = 0,
                       .context_begin = 0,
                       .num_context_tokens = num_context,
                       .start_label = 0,
                       .end_label = 0}};
  return features;
}

class Probe {
 public:
  explicit Probe(const ProbeTask& task)
      : task_(task),
        features_(full_window(task)),
        model_(task.config, task.weights, task.model, task.device, /*seed=*/0),
        optimizer_(model_.parameters(), task.optim) {}

  memory::Trial run(std::int64_t num_features) {
    memory::Trial trial;
    trial.num_features = num_features;
    memory::reset_peak(task_.device);
    try {
      trial.fits = run_cycle(trial);
      trial.phase = trial.fits ? "done" : "done, but the last step only after emptying the allocator's cache";
    } catch (const DoesNotFit& stop) {
      trial.phase = stop.phase;
    } catch (const OutOfMemoryError&) {
      trial.phase = "one feature";
    }
    trial.peak_bytes = memory::use_of(task_.device).peak;
    optimizer_.zero_grad();
    memory::release_cached(task_.device);
    return trial;
  }

 private:
  // Whether its last step found room without the allocator having to empty its cache, as every step of a run would
  // have to. What comes before it may have to, once, since nothing of its sizes is there.
  bool run_cycle(memory::Trial& trial) {
    StepEngine engine({model_, optimizer_, task_.device, features_}, {trial.num_features, std::nullopt}, /*seed=*/0);
    engine.on_shrink([](const Shrunk& shrunk) { throw DoesNotFit{shrunk.phase}; });
    engine.on_progress([](std::int64_t, std::int64_t) { SignalGuard::stop_if_received(); });
    // A second micro-batch shows what adding gradients up takes; it is what a step leaves for it.
    const std::int64_t num_windows = std::clamp(task_.effective_batch, trial.num_features, 2 * trial.num_features);
    const std::vector<std::uint32_t> windows(static_cast<std::size_t>(num_windows), 0U);
    const auto step = [&] {
      engine.run(windows, trial.steps_done, kNoLearningRate);
      ++trial.steps_done;
      SignalGuard::stop_if_received();
    };
    step();
    evaluate(trial.num_features);
    const std::uint64_t retries = num_retries();
    const auto start = std::chrono::steady_clock::now();
    step();
    device::synchronize(task_.device);
    trial.features_per_s = static_cast<double>(windows.size()) / seconds_since(start);
    return num_retries() == retries;
  }

  // Gradients are still there, as they are when training stops to evaluate, and go where they take the room.
  void evaluate(std::int64_t num_features) {
    const auto n = static_cast<std::size_t>(std::min(task_.eval_batch, num_features));
    const std::vector<std::uint32_t> windows(n, 0U);
    const auto score = [&] {
      model::StagedBatch batch = model::stage(data::pack(features_, windows, 0), task_.device.torch_device);
      eval::score_batch(model_, task_.device, batch);
    };
    if (!memory::attempt(task_.device, score, [&] { optimizer_.zero_grad(); })) return;
    if (memory::attempt(task_.device, score)) throw DoesNotFit{kEvaluationPhase};
  }

  std::uint64_t num_retries() const { return memory::use_of(task_.device).num_retries; }

  const ProbeTask& task_;
  data::Features features_;
  model::QaModel model_;
  optim::AdamW optimizer_;
};

// Up to the reserve and no further, for as long as it lives.
class ProbeBudget {
 public:
  explicit ProbeBudget(const ProbeTask& task) : task_(task) {
    memory::Budget budget = task.budget;
    budget.limit = budget.usable;
    memory::apply(budget, task.device);
  }
  ~ProbeBudget() {
    try {
      memory::release_cached(task_.device);
      memory::reset_peak(task_.device);
      memory::apply(task_.budget, task_.device);
    } catch (const std::exception& e) {  // of a device that is lost, which what is under way says
      log::debug(e.what());
    }
  }
  ProbeBudget(const ProbeBudget&) = delete;
  ProbeBudget& operator=(const ProbeBudget&) = delete;

 private:
  const ProbeTask& task_;
};

}  // namespace

memory::SearchResult probe(const ProbeTask& task, const std::function<void(const memory::Trial&)>& tell,
                           const std::function<void(std::int64_t)>& begin) {
  const ProbeBudget budget(task);
  const memory::StepShape shape =
      memory::step_shape(task.config, task.model, task.device, task.length, task.effective_batch);
  memory::SearchResult result;
  std::optional<Probe> trials;
  memory::reset_peak(task.device);
  const auto shortage = memory::attempt(task.device, [&] { trials.emplace(task); }, [&] { trials.reset(); });
  if (shortage) {
    const std::uint64_t peak = memory::use_of(task.device).peak;
    result.trials.push_back({.num_features = 1, .fits = false, .phase = "loading", .peak_bytes = peak});
    tell(result.trials.back());
  } else {
    result = memory::find_micro_batch({.at_most = task.at_most,
                                       .effective_batch = task.effective_batch,
                                       .usable_bytes = task.budget.usable,
                                       .predict = [&](std::int64_t n) { return memory::plan_step(shape, n).tensors(); },
                                       .run_trial =
                                           [&](std::int64_t n) {
                                             SignalGuard::stop_if_received();
                                             begin(n);
                                             const memory::Trial trial = trials->run(n);
                                             tell(trial);
                                             return trial;
                                           },
                                       .peak_rounding = task.device.is_cuda() ? kSegment : 0});
  }
  return result;
}

Json probe_key(const ProbeTask& task, const std::string& version, const std::optional<std::string>& memory_limit) {
  const weights::EncoderConfig& c = task.config;
  return {
      {"device", task.device.identity},
      {"memory_limit", or_null(memory_limit)},
      {"model",
       {c.model_type, c.vocab_size, c.embedding_size, c.hidden_size, c.num_hidden_layers, c.num_attention_heads,
        c.intermediate_size, c.max_position_embeddings, c.type_vocab_size, weights::encoder_tensors(c).layers.size(),
        static_cast<int>(c.hidden_act)}},
      {"dropout",
       {c.dropout.embeddings, c.dropout.attention_probs, c.dropout.attention_output, c.dropout.output, c.dropout.head}},
      {"length", task.length},
      {"effective_batch", task.effective_batch},
      {"eval_batch", task.eval_batch},
      {"precision", name_of(task.device.precision)},
      {"gradient_checkpointing", task.model.gradient_checkpointing.value_or(false)},
      {"kernels", at::globalContext().deterministicAlgorithms() ? "reference, deterministic" : "reference"},
      {"optimizer", "adamw"},
      {"libtorch", TORCH_VERSION},
      {"threads", at::get_num_threads()},
      {"version", version}};
}

Json probe_json(const ProbeTask& task, const memory::SearchResult& result, const Json& key) {
  Json trials = Json::array();
  for (const memory::Trial& trial : result.trials) {
    trials.push_back({{"features", trial.num_features},
                      {"tokens", trial.num_features * task.length},
                      {"fits", trial.fits},
                      {"phase", trial.phase},
                      {"peak_bytes", trial.peak_bytes},
                      {"features_per_s", trial.features_per_s},
                      {"steps", trial.steps_done}});
  }
  return {{"format", kFormat},
          {"key", key},
          {"usable_bytes", task.budget.usable},
          {"searched_up_to", task.at_most},
          {"micro_batch_features", result.num_features},
          {"micro_batch_tokens", result.num_features * task.length},
          {"trials", trials}};
}

std::optional<memory::SearchResult> reusable_probe(const std::string& path, const ProbeTask& task, const Json& key) {
  if (!is_there(path)) return std::nullopt;
  try {
    const Json document = read_json(path);
    if (!document.is_object() || integer_member(document, "format", path) != kFormat) return std::nullopt;
    if (!document.contains("key") || document["key"] != key) return std::nullopt;
    const auto usable = integer_member(document, "usable_bytes", path);
    const auto searched = integer_member(document, "searched_up_to", path);
    const auto found = integer_member(document, "micro_batch_features", path);
    if (!usable || !searched || !found || *found < 0 || *found > *searched) return std::nullopt;
    const bool no_less_free = task.budget.usable >= static_cast<std::uint64_t>(*usable);
    const bool went_as_far = *found < *searched || *searched >= task.at_most;
    // A step in pieces may take more than the same at once.
    if (task.at_most < task.effective_batch && *found >= task.effective_batch) return std::nullopt;
    if (!no_less_free || !went_as_far) return std::nullopt;
    memory::SearchResult result{.num_features = std::min(*found, task.at_most), .trials = {}};
    for (const Json& trial : document.value("trials", Json::array())) {
      result.trials.push_back({.num_features = integer_member(trial, "features", path).value_or(0),
                               .phase = string_member(trial, "phase", path).value_or("")});
    }
    return result;
  } catch (const Error&) {
    return std::nullopt;  // a damaged file is one that does not hold
  }
}

}  // namespace bertft::train
