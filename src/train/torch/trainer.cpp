#include "bertft/train/trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/eval/metric.h"
#include "bertft/eval/prediction_files.h"
#include "bertft/memory/budget.h"
#include "bertft/memory/shortage.h"
#include "bertft/optim/adamw.h"
#include "bertft/optim/schedule.h"
#include "bertft/train/signals.h"
#include "bertft/train/step_batches.h"
#include "bertft/train/step_engine.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "bertft/weights/model_directory.h"
#include "train/history.h"
#include "train/result_files.h"
#include "train/torch/advice.h"
#include "train/torch/saving.h"
#include "train/torch/validation.h"

namespace bertft::train {
namespace {

// More than this many steps in a row whose loss or gradients are not finite end the run.
constexpr int kMaxSkippedInARow = 2;

// The micro-batch that the options ask for, or the smaller one that a run was forced to before:
// sums in another order would end in other bits.
data::MicroBatchLimit limit_of(const TrainOptions& options, const RunState& state) {
  data::MicroBatchLimit limit{options.micro_batch_features, options.micro_batch_tokens};
  if (state.micro_batch_tokens && (!limit.tokens || *state.micro_batch_tokens < *limit.tokens)) {
    limit.tokens = state.micro_batch_tokens;
  }
  return limit;
}

struct Training {
  Training(const Setup& setup, RunState run_state)
      : s(setup),
        state(std::move(run_state)),
        optimizer(setup.model.parameters(), setup.optim),
        engine({setup.model, optimizer, setup.device, setup.features}, limit_of(setup.options, state),
               state.identity.seed),
        batches(setup.features, setup.plan, state.identity.data_seed, setup.device.torch_device),
        saving(s, state, optimizer),
        validation(s, state, [this] { return saving.finish_writing(); }),
        warmup(optim::warmup_step_count(setup.optim.warmup_steps, setup.plan.total_steps)) {
    engine.on_shrink([this](const Shrunk& shrunk) { note_shrunk(shrunk); });
    engine.on_shortage([this] { return saving.finish_writing(); });
  }

  int run();
  void train_step();
  void note_shrunk(const Shrunk& shrunk);
  void log_if_due();
  void save_if_due();
  int finish(const std::string& outcome);
  int interrupted();
  void write_results(const std::string& outcome, const eval::Answers* answers);  // null: no validation
  report::RunFinished end_of_run(const std::string& outcome) const;
  void add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const;

  double learning_rate(std::int64_t step) const {
    return s.optim.learning_rate * optim::schedule_factor(s.optim.lr_scheduler_type, step, warmup, s.plan.total_steps);
  }

  const Setup s;
  RunState state;
  optim::AdamW optimizer;
  StepEngine engine;
  BatchesAhead batches;
  Saving saving;
  Validation validation;
  std::int64_t warmup;

  StepResult last;                    // of the step just done
  std::int64_t trained_features = 0;  // by this process
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

int Training::run() {
  if (validation.is_due()) {  // before the first step, or where a signal cut an evaluation off
    validation.evaluate();
    save_if_due();
  }
  try {
    while (!is_over(state, s.plan, s.options) && SignalGuard::received() == 0) {
      train_step();
      log_if_due();
      if (validation.is_due()) validation.evaluate();
      save_if_due();
    }
  } catch (const std::exception& e) {
    // OutOfMemoryError: all retries failed. Any other shortage was thrown outside attempt().
    if (dynamic_cast<const OutOfMemoryError*>(&e) != nullptr || memory::is_out_of_memory(e)) {
      saving.save_after_shortage();
    }
    throw;
  }
  if (!is_over(state, s.plan, s.options) || validation.is_due()) {
    saving.save_and_wait();
    return interrupted();
  }
  return finish(state.step < s.plan.total_steps ? "stopped early" : "done");
}

void Training::train_step() {
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
                                    state.skipped_in_a_row, state.step, kDivergedAdvice));
  } else {
    s.emit(
        report::Notice{fmt::format("step {}: loss or gradients are not finite; the step was not applied", state.step)});
  }
  trained_features += last.num_features;
  s.emit(report::StepFinished{.step = state.step,
                              .epoch = s.plan.epoch_after(state.step),
                              .num_features = last.num_features,
                              .learning_rate = rate,
                              .loss = last.loss,
                              .grad_norm = last.grad_norm});
}

void Training::note_shrunk(const Shrunk& shrunk) {
  s.emit(report::Notice{fmt::format(
      "step {}: out of memory in {} ({} tokens); redone with {} tokens a micro-batch, effective batch still {}",
      state.step + 1, shrunk.phase, with_thousands(shrunk.tokens), with_thousands(shrunk.tokens_limit),
      s.plan.effective_batch)});
}

void Training::log_if_due() {
  if (state.step % s.plan.logging_steps != 0) return;
  const report::LogDue event{.step = state.step,
                             .epoch = s.plan.epoch_after(state.step),
                             .loss = state.loss_since_log / static_cast<double>(state.steps_since_log),
                             .grad_norm = last.grad_norm,
                             .learning_rate = learning_rate(state.step - 1),
                             .peak_memory_bytes = memory::peak_memory_bytes(s.device)};
  add_log(state, event);
  state.loss_since_log = 0;
  state.steps_since_log = 0;
  s.emit(event);
}

void Training::save_if_due() {
  if (s.options.save_strategy == IntervalStrategy::kNo || state.step == 0) return;
  const bool last_step = state.step == s.plan.total_steps;
  const bool new_best = state.best_step == state.step;
  if (last_step || new_best || is_due(state.step, s.options.save_strategy, s.plan.save_steps, s.plan)) {
    saving.try_to_save();
  }
}

int Training::finish(const std::string& outcome) {
  saving.save_last();
  const std::int64_t final_step = saving.final_step();
  const std::string final_checkpoint = checkpoint::directory_of(s.run_directory, final_step);
  if (final_step != state.step) {
    s.model.load(weights::read_weights(final_checkpoint, s.model.config(), weights::Head::kRequired));
  }
  const eval::Answers* answers = nullptr;
  if (s.validation != nullptr) {
    answers = validation.answers_of(final_step);
    if (answers == nullptr) return interrupted();
  }
  checkpoint::publish_model(final_checkpoint, s.run_directory);
  write_results(outcome, answers);
  return 0;
}

int Training::interrupted() {
  const int signal = SignalGuard::received();
  report::RunFinished finished = end_of_run(fmt::format("interrupted by SIG{}", sigabbrev_np(signal)));
  finished.rows.push_back({"saved", checkpoint::directory_of(s.run_directory, state.step)});
  finished.rows.push_back({"go on", "with the same command and --resume auto"});
  s.emit(finished);
  return signal;
}

void Training::write_results(const std::string& outcome, const eval::Answers* answers) {
  report::RunFinished finished = end_of_run(outcome);
  std::optional<eval::Metrics> metrics;
  if (answers != nullptr) {
    metrics = eval::score(*s.validation, answers->predictions);
    eval::write_prediction_files(prediction_prefix(s.run_directory), s.validation->dataset, answers->predictions,
                                 s.validation->with_negative);
    add_rows(finished, *metrics);
  }
  finished.rows.push_back({"model", s.run_directory + "  (loads with from_pretrained)"});
  s.emit(finished);
  // Last, so that these files stand for all the others: has_results().
  if (metrics) write_eval_results(s.run_directory, *metrics, answers->loss, s.plan.epoch_after(state.step));
  write_train_results(s.run_directory, state, s.plan, finished.runtime_s, trained_features);
}

report::RunFinished Training::end_of_run(const std::string& outcome) const {
  return {.outcome = outcome,
          .step = state.step,
          .runtime_s = seconds_since(start),
          .num_features = trained_features,
          .peak_memory_bytes = memory::peak_memory_bytes(s.device),
          .rows = {}};
}

void Training::add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const {
  finished.rows.push_back({"result", fmt::format("exact {:.1f}  f1 {:.1f}  at threshold {:g}", metrics.exact,
                                                 metrics.f1, s.validation->null_score_diff_threshold)});
  if (!metrics.best) return;
  finished.rows.push_back(
      {"best",
       fmt::format("exact {:.1f}  f1 {:.1f}  at their best thresholds; {:.3f} for f1 is kept in the checkpoint\n"
                   "(eval and predict go by it with --null-score-diff-threshold auto)",
                   metrics.best->exact, metrics.best->f1, metrics.best->f1_threshold)});
}

}  // namespace

bool has_results(const std::string& run_directory) {
  const std::filesystem::path directory(run_directory);
  return is_there(directory / "model.safetensors") && is_there(directory / kLastResult);
}

void withdraw_results(const std::string& run_directory) {
  std::filesystem::remove(std::filesystem::path(run_directory) / kLastResult);
}

int train_model(const Setup& setup, RunState state, std::vector<device::NamedTensor> moments) {
  Training training(setup, std::move(state));
  if (!moments.empty()) {
    training.optimizer.load_state(moments, training.state.applied_steps);
    training.saving.begin_at_checkpoint();
    moments.clear();  // the optimizer has its own: a resumed run takes no more memory than the first
  }
  return training.run();
}

}  // namespace bertft::train
