#include "bertft/train/probe.h"

#include <algorithm>
#include <chrono>

#include "bertft/eval/predictor.h"
#include "bertft/memory/budget.h"
#include "bertft/memory/planner.h"
#include "bertft/train/signals.h"
#include "bertft/train/step_engine.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"

namespace bertft::train {
namespace {

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

  void evaluate(std::int64_t num_features) {
    const auto n = static_cast<std::size_t>(std::min(task_.eval_batch, num_features));
    const std::vector<std::uint32_t> windows(n, 0U);
    const auto shortage = memory::attempt(task_.device, [&] {
      model::StagedBatch batch = model::stage(data::pack(features_, windows, 0), task_.device.torch_device);
      eval::score_batch(model_, task_.device, batch);
    });
    if (shortage) throw DoesNotFit{kEvaluationPhase};
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

memory::Trial try_micro_batch(const ProbeTask& task, std::int64_t num_features) {
  const ProbeBudget budget(task);
  return Probe(task).run(num_features);
}

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

}  // namespace bertft::train
