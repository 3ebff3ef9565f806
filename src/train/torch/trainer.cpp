#include "bertft/train/trainer.h"

#include <ATen/ops/aminmax.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <string_view>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/eval/prediction_files.h"
#include "bertft/eval/predictor.h"
#include "bertft/memory/budget.h"
#include "bertft/memory/shortage.h"
#include "bertft/optim/schedule.h"
#include "bertft/train/signals.h"
#include "bertft/train/step_engine.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "train/best_model.h"
#include "train/result_files.h"

namespace bertft::train {
namespace {

using Clock = std::chrono::steady_clock;

// More than this many steps in a row whose loss or gradients are not finite end the run.
constexpr int kMaxSkippedInARow = 2;

// Shown when a run diverges.
constexpr const char* kAdvice = "Lower learning_rate, or add warmup_steps. Checkpoints saved before are untouched.";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_due(std::int64_t step, const std::optional<std::int64_t>& interval) {
  return interval && step % *interval == 0;
}

// JSON has no NaN: a checkpoint that held one could not be read again.
Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

// An evaluation is in the history only when it was finished.
bool is_evaluated(const RunState& state) {
  return std::any_of(state.log_history.begin(), state.log_history.end(), [&](const Json& entry) {
    return entry.contains("eval_loss") && entry.value("step", std::int64_t{-1}) == state.step;
  });
}

// The micro-batch that the options ask for, or the smaller one that a run was forced to before:
// sums in another order would end in other bits.
data::MicroBatchLimit limit_of(const TrainOptions& options, const RunState& state) {
  data::MicroBatchLimit limit{options.micro_batch_features, options.micro_batch_tokens};
  if (state.micro_batch_tokens && (!limit.tokens || *state.micro_batch_tokens < *limit.tokens)) {
    limit.tokens = state.micro_batch_tokens;
  }
  return limit;
}

// What the weights of a step have answered.
struct Answered {
  std::int64_t step;
  eval::Answers answers;
};

}  // namespace

struct Trainer::Impl {
  Impl(const Setup& setup, RunState run_state)
      : s(setup),
        state(std::move(run_state)),
        optimizer(setup.model.parameters(), setup.optim),
        engine({setup.model, optimizer, setup.device, setup.features}, limit_of(setup.options, state),
               state.identity.seed),
        batches(setup.features, setup.plan, state.identity.data_seed, setup.device.torch_device),
        store(setup.run_directory),
        warmup(optim::warmup_step_count(setup.optim.warmup_steps, setup.plan.total_steps)) {
    engine.on_shrink([this](const Shrunk& shrunk) { note_shrunk(shrunk); });
    engine.on_shortage([this] { return finish_saving(); });
  }

  Outcome run();
  void train_step();
  void note_shrunk(const Shrunk& shrunk);
  void keep_steps();
  void tell_of_failed_save(const std::exception& error);
  bool finish_saving();
  void log_if_due();
  bool evaluation_is_due() const;
  void evaluate_if_due();
  void save_if_due();
  checkpoint::Snapshot snapshot() const;
  void save();
  void save_last();
  void refuse_weights_that_are_not_finite() const;
  bool answer(std::int64_t of_step);
  void note_evaluation(const eval::Answers& answers, double runtime_s);
  Outcome finish(Outcome::Kind kind);
  Outcome interrupted();
  void write_results(const std::string& outcome);
  report::RunFinished end_of_run(const std::string& outcome) const;
  std::int64_t choose_final_step();
  bool answer_with_final_model(std::int64_t final_step);
  void add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const;

  template <class Event>
  void emit(const Event& event) {
    for (report::Observer* observer : s.observers) observer->on(event);
  }

  double learning_rate(std::int64_t step) const {
    return s.optim.learning_rate * optim::schedule_factor(s.optim.lr_scheduler_type, step, warmup, s.plan.total_steps);
  }

  const Setup s;
  RunState state;
  optim::AdamW optimizer;
  StepEngine engine;
  BatchesAhead batches;
  checkpoint::Store store;
  std::int64_t warmup;

  StepResult last;                    // of the step just done
  std::int64_t saved_step = -1;       // of the newest checkpoint of this process
  std::optional<Answered> newest;     // of this process
  std::int64_t trained_features = 0;  // by this process
  Clock::time_point start = Clock::now();
};

Trainer::Trainer(const Setup& setup, RunState state, const std::vector<device::NamedTensor>& optimizer_state)
    : impl_(std::make_unique<Impl>(setup, std::move(state))) {
  if (!optimizer_state.empty()) {
    impl_->optimizer.load_state(optimizer_state, impl_->state.applied_steps);
    // A run may go on in another directory than its checkpoint's.
    const std::string here = checkpoint::directory_of(impl_->s.run_directory, impl_->state.step);
    std::error_code not_there;
    if (std::filesystem::equivalent(here, impl_->s.resumed_from, not_there)) impl_->saved_step = impl_->state.step;
  }
}

Trainer::~Trainer() = default;

bool has_results(const std::string& run_directory) {
  const std::filesystem::path directory(run_directory);
  return std::filesystem::exists(directory / "model.safetensors") && std::filesystem::exists(directory / kLastResult);
}

void withdraw_results(const std::string& run_directory) {
  std::filesystem::remove(std::filesystem::path(run_directory) / kLastResult);
}

Outcome Trainer::run() {
  return impl_->run();
}

Outcome Trainer::Impl::run() {
  if (evaluation_is_due()) {  // before the first step, or where a signal cut an evaluation off
    evaluate_if_due();
    save_if_due();
  }
  try {
    while (!is_over(state, s.plan, s.options) && SignalGuard::received() == 0) {
      train_step();
      log_if_due();
      evaluate_if_due();
      save_if_due();
    }
  } catch (const std::exception& e) {
    // OutOfMemoryError: all retries failed. Any other shortage was thrown outside attempt().
    if (dynamic_cast<const OutOfMemoryError*>(&e) != nullptr || memory::is_out_of_memory(e)) keep_steps();
    throw;
  }
  if (!is_over(state, s.plan, s.options) || evaluation_is_due()) return finish(Outcome::Kind::kInterrupted);
  return finish(state.step < s.plan.total_steps ? Outcome::Kind::kStoppedEarly : Outcome::Kind::kDone);
}

void Trainer::Impl::train_step() {
  const double rate = learning_rate(state.step);
  last = engine.run(batches.take(state.step, engine.limit()), state.step, rate);
  if (engine.limit() != limit_of(s.options, state)) state.micro_batch_tokens = engine.limit().tokens;
  ++state.step;
  if (last.applied) {
    state.skipped_in_a_row = 0;
    ++state.steps_since_log;
    state.loss_since_log += last.loss;
    state.loss_total += last.loss;
    ++state.applied_steps;
  } else if (state.skipped_in_a_row++ >= kMaxSkippedInARow) {
    throw DivergedError(fmt::format("loss or gradients were not finite in {} steps in a row, up to step {}.\n{}",
                                    state.skipped_in_a_row, state.step, kAdvice));
  } else {
    emit(
        report::Notice{fmt::format("step {}: loss or gradients are not finite; the step was not applied", state.step)});
  }
  trained_features += last.num_features;
  emit(report::StepFinished{.step = state.step,
                            .epoch = s.plan.epoch_after(state.step),
                            .num_features = last.num_features,
                            .learning_rate = rate,
                            .loss = last.loss,
                            .grad_norm = last.grad_norm});
}

void Trainer::Impl::note_shrunk(const Shrunk& shrunk) {
  emit(report::Notice{fmt::format(
      "step {}: out of memory in {} ({} tokens); redone with {} tokens a micro-batch, effective batch still {}",
      state.step + 1, shrunk.phase, with_thousands(shrunk.tokens), with_thousands(shrunk.tokens_limit),
      s.plan.effective_batch)});
}

// Where memory has run out: the failed step has changed nothing, what came before it is kept.
void Trainer::Impl::keep_steps() {
  try {
    if (state.step > 0) save();
    store.wait();
  } catch (const std::exception& e) {  // the shortage is what the run ends with
    tell_of_failed_save(e);
  }
}

// Training goes on and the next save is tried (RELIABILITY §4.2).
void Trainer::Impl::tell_of_failed_save(const std::exception& error) {
  saved_step = -1;
  emit(report::Notice{error.what()});
}

// Waits for a checkpoint that is being written, whose copies take memory; false when there is none.
// When a step has to shrink must not depend on how fast the disk is.
bool Trainer::Impl::finish_saving() {
  if (!store.is_writing()) return false;
  try {
    store.wait();
  } catch (const StorageError& e) {
    tell_of_failed_save(e);
  }
  return true;
}

void Trainer::Impl::log_if_due() {
  if (state.step % s.plan.logging_steps != 0) return;
  const report::LogDue event{.step = state.step,
                             .epoch = s.plan.epoch_after(state.step),
                             .loss = state.loss_since_log / static_cast<double>(state.steps_since_log),
                             .grad_norm = last.grad_norm,
                             .learning_rate = learning_rate(state.step - 1),
                             .peak_memory_bytes = memory::peak_memory_bytes(s.device)};
  state.log_history.push_back({{"epoch", event.epoch},
                               {"grad_norm", finite_or_null(event.grad_norm)},
                               {"learning_rate", event.learning_rate},
                               {"loss", finite_or_null(event.loss)},
                               {"step", event.step}});
  state.loss_since_log = 0;
  state.steps_since_log = 0;
  emit(event);
}

// Of the model as it is, the weights of `of_step`. False when a signal came in between.
bool Trainer::Impl::answer(std::int64_t of_step) {
  eval::Hooks hooks;
  hooks.progress = [this](std::int64_t done, std::int64_t total) { emit(report::EvaluationProgress{done, total}); };
  hooks.stop = [] { return SignalGuard::received() != 0; };
  hooks.reclaim = [this] { return finish_saving(); };
  hooks.batch_tokens = state.eval_batch_tokens;
  std::optional<std::int64_t> limit = state.eval_batch_tokens;
  hooks.shrunk = [&](const std::string& line, const std::optional<std::int64_t>& tokens_limit) {
    limit = tokens_limit;
    emit(report::Notice{line});
  };
  try {
    std::optional<eval::Answers> answers = eval::predict(s.model, s.device, *s.validation, hooks);
    state.eval_batch_tokens = limit;  // of an evaluation that ends in a shortage nothing is kept
    if (!answers) return false;
    newest = {of_step, *std::move(answers)};
    return true;
  } catch (const DivergedError& e) {
    throw DivergedError(fmt::format("{}\nThat was after step {}. {}", first_line(e.what()), of_step, kAdvice));
  }
}

void Trainer::Impl::note_evaluation(const eval::Answers& answers, double runtime_s) {
  const eval::Metrics metrics = eval::score(*s.validation, answers.predictions);
  Json json = metrics.to_json();
  json["loss"] = answers.loss;
  Json history = metrics.to_json("eval_");
  history["eval_loss"] = finite_or_null(answers.loss);
  history["epoch"] = s.plan.epoch_after(state.step);
  history["step"] = state.step;
  state.log_history.push_back(history);
  // The untrained model is no candidate: a run's result is something it trained.
  if (metrics.best && state.step > 0) state.best_threshold = metrics.best->f1_threshold;
  const bool is_best = state.step > 0 && is_better(json, s.options, state.best_metric);
  if (state.step > 0) {
    state.evaluations_without_gain =
        is_gain(json, s.options, state.best_metric) ? 0 : state.evaluations_without_gain + 1;
  }
  if (is_best) {
    state.best_metric = metric_value(json, s.options);
    state.best_step = state.step;
  }
  emit(report::Evaluated{.step = state.step,
                         .epoch = s.plan.epoch_after(state.step),
                         .metrics = json,
                         .runtime_s = runtime_s,
                         .num_features = static_cast<std::int64_t>(s.validation->features.windows.size()),
                         .is_best = is_best});
}

// The last step is always evaluated, before its checkpoint is written, so that the checkpoint
// has the whole history.
bool Trainer::Impl::evaluation_is_due() const {
  if (s.validation == nullptr || is_evaluated(state)) return false;
  if (state.step == 0) return s.options.eval_on_start;
  return state.step == s.plan.total_steps ||
         is_due(state.step, interval_of(s.options.eval_strategy, s.plan.eval_steps, s.plan));
}

void Trainer::Impl::evaluate_if_due() {
  if (!evaluation_is_due()) return;
  const auto started = Clock::now();
  if (!answer(state.step)) return;  // interrupted; the resumed run does it
  note_evaluation(newest->answers, seconds_since(started));
  saved_step = -1;  // a checkpoint of this step, if there is one, does not know of it
}

void Trainer::Impl::save_if_due() {
  if (s.options.save_strategy == IntervalStrategy::kNo || state.step == 0) return;
  const bool last_step = state.step == s.plan.total_steps;
  const bool new_best = state.best_step == state.step;
  if (last_step || new_best || is_due(state.step, interval_of(s.options.save_strategy, s.plan.save_steps, s.plan))) {
    try {
      save();
    } catch (const StorageError& e) {  // where the copies found no room, it was written at once
      tell_of_failed_save(e);
    }
  }
}

void Trainer::Impl::refuse_weights_that_are_not_finite() const {
  for (const auto& [name, value] : s.model.parameters()) {
    // Both are NaN where a value is; isfinite() would need memory in a place where none may be left.
    const auto [least, most] = at::aminmax(value.detach());
    if (!std::isfinite(least.item<double>()) || !std::isfinite(most.item<double>())) {
      throw DivergedError(
          fmt::format("{} is not finite after step {}; it was not saved.\n{}", name, state.step, kAdvice));
    }
  }
}

checkpoint::Snapshot Trainer::Impl::snapshot() const {
  checkpoint::Snapshot snapshot{.step = state.step,
                                .model = s.model.parameters(),
                                .optimizer = optimizer.state(),
                                .files = s.model_files,
                                .retention = {s.options.save_total_limit, state.best_step}};
  snapshot.files["trainer_state.json"] = to_trainer_state_json(state, s.plan, s.options, s.run_directory);
  return snapshot;
}

void Trainer::Impl::save() {
  if (saved_step == state.step) return;
  refuse_weights_that_are_not_finite();
  const auto started = Clock::now();
  finish_saving();
  store.save(snapshot(), [&] {
    emit(report::SavingCheckpoint{.step = state.step,
                                  .directory = checkpoint::directory_of(s.run_directory, state.step),
                                  .blocked_s = seconds_since(started)});
  });
  saved_step = state.step;
}

// Of a run at its end. Where that checkpoint finds no room on the disk its model alone, a third of it, may.
void Trainer::Impl::save_last() {
  try {
    save();
    store.wait();
  } catch (const StorageError& e) {
    const std::int64_t final_step = choose_final_step();
    try {
      if (final_step == state.step) {
        store.publish(snapshot());
      } else {
        checkpoint::publish_model(checkpoint::directory_of(s.run_directory, final_step), s.run_directory);
      }
    } catch (const StorageError&) {
      throw e;
    }
    throw StorageError(
        fmt::format("{}\nThe model of step {} was; it is in {}.", e.what(), final_step, s.run_directory));
  }
}

Outcome Trainer::Impl::finish(Outcome::Kind kind) {
  if (kind == Outcome::Kind::kInterrupted) {
    save();
    store.wait();
  } else {
    save_last();
  }
  store.prune(state.step,
              {s.options.save_total_limit, state.best_step});  // a process killed between saving and pruning
  if (kind == Outcome::Kind::kInterrupted) return interrupted();
  const std::int64_t final_step = choose_final_step();
  if (!answer_with_final_model(final_step)) return interrupted();
  checkpoint::publish_model(checkpoint::directory_of(s.run_directory, final_step), s.run_directory);
  write_results(kind == Outcome::Kind::kDone ? "done" : "stopped early");
  return {.kind = kind};
}

Outcome Trainer::Impl::interrupted() {
  const int signal = SignalGuard::received();
  report::RunFinished finished = end_of_run(fmt::format("interrupted by SIG{}", sigabbrev_np(signal)));
  finished.rows.push_back({"saved", checkpoint::directory_of(s.run_directory, state.step)});
  finished.rows.push_back({"go on", "with the same command and --resume auto"});
  emit(finished);
  return {.kind = Outcome::Kind::kInterrupted, .signal = signal};
}

void Trainer::Impl::write_results(const std::string& outcome) {
  report::RunFinished finished = end_of_run(outcome);
  std::optional<eval::Metrics> metrics;
  if (newest) {  // where there is validation
    metrics = eval::score(*s.validation, newest->answers.predictions);
    eval::write_prediction_files(s.run_directory + "/eval_", s.validation->dataset, newest->answers.predictions,
                                 s.validation->with_negative);
    add_rows(finished, *metrics);
  }
  finished.rows.push_back({"model", s.run_directory + "  (loads with from_pretrained)"});
  emit(finished);
  // Last, so that these files stand for all the others: has_results().
  if (metrics) write_eval_results(s.run_directory, *metrics, newest->answers.loss, s.plan.epoch_after(state.step));
  write_train_results(s.run_directory, state, s.plan, finished.runtime_s, trained_features);
}

report::RunFinished Trainer::Impl::end_of_run(const std::string& outcome) const {
  return {.outcome = outcome,
          .step = state.step,
          .runtime_s = seconds_since(start),
          .num_features = trained_features,
          .peak_memory_bytes = memory::peak_memory_bytes(s.device),
          .rows = {}};
}

// The step whose checkpoint becomes the final model.
std::int64_t Trainer::Impl::choose_final_step() {
  if (!s.options.load_best_model_at_end || state.best_step.value_or(state.step) == state.step) return state.step;
  const std::string best = checkpoint::directory_of(s.run_directory, *state.best_step);
  std::string fault = "is not there";
  if (std::filesystem::exists(best)) {
    try {
      checkpoint::verify_model(best);
      return *state.best_step;
    } catch (const Error& e) {
      fault = fmt::format("is damaged ({})", e.what());
    }
  }
  emit(report::Notice{fmt::format("the best checkpoint, {}, {}; the final model is the last step's", best, fault)});
  return state.step;
}

// False when a signal came in between.
bool Trainer::Impl::answer_with_final_model(std::int64_t final_step) {
  if (final_step != state.step) {
    s.model.load(weights::read_weights(checkpoint::directory_of(s.run_directory, final_step), s.model.config(),
                                       weights::Head::kRequired));
  }
  if (s.validation == nullptr || (newest && newest->step == final_step)) return true;
  return answer(final_step);
}

void Trainer::Impl::add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const {
  finished.rows.push_back({"result", fmt::format("exact {:.1f}  f1 {:.1f}  at threshold {:g}", metrics.exact,
                                                 metrics.f1, s.validation->null_score_diff_threshold)});
  if (!metrics.best) return;
  finished.rows.push_back(
      {"best",
       fmt::format("exact {:.1f}  f1 {:.1f}  at their best thresholds; {:.3f} for f1 is kept in the checkpoint\n"
                   "(eval and predict go by it with --null-score-diff-threshold auto)",
                   metrics.best->exact, metrics.best->f1, metrics.best->f1_threshold)});
}

}  // namespace bertft::train
