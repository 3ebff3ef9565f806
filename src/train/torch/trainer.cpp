#include "bertft/train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstring>
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
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "bertft/weights/model_directory.h"
#include "train/history.h"
#include "train/result_files.h"
#include "train/torch/diverged.h"
#include "train/torch/saving.h"
#include "train/torch/validation.h"

namespace bertft::train {
namespace {

// More than this many steps in a row whose loss or gradients are not finite end the run.
constexpr int kMaxSkippedInARow = 2;

// The micro-batch that the options ask for, or the smaller one that a run was forced to before:
// sums in another order would end in other bits.
data::MicroBatchLimit limit_of(const TrainOptions& options, const RunState& state) {
  return {options.micro_batch_features, micro_batch_tokens(options, state.micro_batch_tokens)};
}

class Training {
 public:
  Training(const Setup& setup, RunState run_state, const std::vector<device::NamedTensor>& moments)
      : s_(setup),
        state_(std::move(run_state)),
        optimizer_(setup.model.parameters(), setup.optim, setup.model.partial_words()),
        engine_({setup.model, optimizer_, setup.device, setup.features}, limit_of(setup.options, state_),
                state_.identity.seed),
        batches_(setup.features, setup.plan, state_.identity.data_seed, setup.device.torch_device),
        saving_(s_, state_, optimizer_),
        validation_(s_, state_, [this] { return saving_.finish_writing(); }),
        warmup_(optim::warmup_step_count(setup.optim, setup.plan.total_steps)) {
    engine_.on_shrink([this](const Shrunk& shrunk) { note_shrunk(shrunk); });
    engine_.on_progress([this](std::int64_t done, std::int64_t total) {
      s_.emit(report::StepProgress{.step = state_.step + 1, .done = done, .total = total});
    });
    engine_.on_shortage([this] { return saving_.finish_writing(); });
    if (s_.device.precision == device::Precision::kFp16) engine_.scale_loss(state_.loss_scale.value_or(LossScale()));
    state_.loss_scale = engine_.loss_scale();
    if (moments.empty()) return;
    optimizer_.load_state(moments, state_.applied_steps);
    saving_.begin_at_checkpoint();
  }

  std::optional<int> run();

 private:
  void train_step();
  void evaluate();
  void leave_out(const std::vector<std::uint32_t>& windows);
  void note_shrunk(const Shrunk& shrunk);
  void log_if_due();
  void log_broken_off_epoch();
  void log();
  void save_if_due();
  std::optional<int> finish(const std::string& outcome);
  std::optional<int> interrupted();
  void write_results(const std::string& outcome, std::int64_t final_step, const Json& results,
                     const Validation::Answered* answered);
  report::RunFinished end_of_run(const std::string& outcome) const;
  void add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const;

  double learning_rate(std::int64_t step) const {
    return s_.optim.learning_rate *
           optim::schedule_factor(s_.optim.lr_scheduler_type, step, warmup_, s_.plan.total_steps);
  }

  const Setup s_;
  RunState state_;
  optim::AdamW optimizer_;
  StepEngine engine_;
  BatchesAhead batches_;
  Saving saving_;
  Validation validation_;
  std::int64_t warmup_;

  StepResult last_;                                        // of the step just done
  std::int64_t trained_features_ = 0, trained_steps_ = 0;  // by this process
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::optional<int> Training::run() {
  if (validation_.is_due()) {  // before the first step, or where a signal cut an evaluation off
    evaluate();
    // A run that goes on may be killed before its next save: its checkpoint would not know of the evaluation that
    // metrics.jsonl has.
    if (!s_.resumed_from.empty()) saving_.try_to_save();
  }
  try {
    while (!is_over(state_, s_.plan, s_.options) && !SignalGuard::received()) {
      train_step();
      saving_.notice_end();
      log_if_due();
      log_broken_off_epoch();
      if (validation_.is_due()) evaluate();
      log_broken_off_epoch();  // which the evaluation may have stopped early
      save_if_due();
    }
  } catch (const std::exception& e) {
    if (memory::ends_in_shortage(e)) saving_.save_after_shortage();
    throw;
  }
  if (!is_over(state_, s_.plan, s_.options) || validation_.is_due()) {
    saving_.save_and_wait();
    return interrupted();
  }
  return finish(state_.step < s_.plan.total_steps ? "stopped early" : "done");
}

void Training::train_step() {
  const double rate = learning_rate(state_.step);
  StepBatches batches = batches_.take(state_.step, engine_.limit());
  const std::vector<std::uint32_t> windows = batches.windows;
  last_ = engine_.run(std::move(batches), state_.step, rate);
  if (engine_.limit() != limit_of(s_.options, state_)) state_.micro_batch_tokens = engine_.limit().tokens;
  state_.loss_scale = engine_.loss_scale();
  ++state_.step;
  if (last_.applied) {
    state_.skipped_in_a_row = 0;
    ++state_.steps_since_log;
    state_.loss_since_log += last_.loss;
    state_.loss_total += last_.loss;
    ++state_.applied_steps;
  } else {
    leave_out(windows);
  }
  trained_features_ += last_.num_features;
  ++trained_steps_;
  s_.emit(report::StepFinished{.step = state_.step,
                               .epoch = s_.plan.epoch_after(state_.step),
                               .num_features = last_.num_features,
                               .learning_rate = rate,
                               .loss = last_.loss,
                               .grad_norm = last_.grad_norm});
}

// Unless a signal comes in between: the resumed run does it then.
void Training::evaluate() {
  const Validation::Answered* answered = validation_.answers_of(state_.step);
  if (answered == nullptr) return;
  saving_.finish_writing();  // an earlier best one whose save has failed is none to compare with
  validation_.note(*answered);
}

// The step just done, of these windows, was not applied.
void Training::leave_out(const std::vector<std::uint32_t>& windows) {
  std::vector<std::string_view> ids;
  for (const std::uint32_t window : windows) {
    ids.push_back(s_.dataset.questions[s_.features.windows[window].question_idx].id);
  }
  log::debug(fmt::format("step {} was of the questions {}", state_.step, fmt::join(ids, ", ")));
  if (state_.skipped_in_a_row++ >= kMaxSkippedInARow) {
    throw DivergedError(fmt::format("loss or gradients were not finite in {} steps in a row, up to step {}.\n{}",
                                    state_.skipped_in_a_row, state_.step, diverged_advice(s_.device.precision)));
  }
  s_.emit(report::Notice{fmt::format(
      "step {}: loss or gradients are not finite; the step was not applied (its questions: train.log)", state_.step)});
}

void Training::note_shrunk(const Shrunk& shrunk) {
  s_.emit(report::Notice{fmt::format(
      "step {}: out of memory in {} ({} tokens); redone with {} tokens a micro-batch, effective batch still {}",
      state_.step + 1, shrunk.phase, with_thousands(shrunk.tokens), with_thousands(shrunk.tokens_limit),
      s_.plan.effective_batch)});
}

void Training::log_if_due() {
  const bool is_first = s_.options.logging_first_step && state_.step == 1;
  if (is_first || is_due(state_.step, s_.options.logging_strategy, s_.plan.logging_steps, s_.plan)) log();
}

// Trainer ends the epoch that it breaks off, at max_steps or early, and logs it.
void Training::log_broken_off_epoch() {
  const bool is_by_epoch = s_.options.logging_strategy == IntervalStrategy::kEpoch;
  if (is_by_epoch && state_.steps_since_log > 0 && is_over(state_, s_.plan, s_.options)) log();
}

void Training::log() {
  const report::LogDue event{.step = state_.step,
                             .epoch = s_.plan.epoch_after(state_.step),
                             .loss = state_.loss_since_log / static_cast<double>(state_.steps_since_log),
                             .grad_norm = last_.grad_norm,
                             .learning_rate = learning_rate(state_.step - 1),
                             .peak_memory_bytes = memory::peak_memory_bytes(s_.device)};
  add_log(state_, event);
  state_.loss_since_log = 0;
  state_.steps_since_log = 0;
  s_.emit(event);
}

void Training::save_if_due() {
  if (s_.options.save_strategy == IntervalStrategy::kNo) return;
  const bool new_best = state_.best_step == state_.step;
  if (new_best || is_due(state_.step, s_.options.save_strategy, s_.plan.save_steps, s_.plan)) {
    saving_.try_to_save();
  }
}

std::optional<int> Training::finish(const std::string& outcome) {
  saving_.save_last();
  const std::int64_t final_step = saving_.final_step();
  const std::string final_checkpoint = checkpoint::directory_of(s_.run_directory, final_step);
  if (final_step != state_.step) {
    s_.model.load(weights::read_weights(final_checkpoint, s_.model.config(), weights::Head::kRequired));
  }
  const Json results = train_results(state_, s_.plan.epoch_after(state_.step),
                                     {seconds_since(start_), trained_features_, trained_steps_});
  const Validation::Answered* answered = nullptr;
  if (s_.validation != nullptr) {
    answered = validation_.answers_of(final_step);
    if (answered == nullptr) return interrupted();
  }
  saving_.publish(final_step, results);
  write_results(outcome, final_step, results, answered);
  return std::nullopt;
}

std::optional<int> Training::interrupted() {
  const std::optional<int> signal = SignalGuard::received();
  report::RunFinished finished = end_of_run(fmt::format("interrupted by SIG{}", sigabbrev_np(*signal)));
  finished.rows.push_back({"saved", checkpoint::directory_of(s_.run_directory, state_.step)});
  finished.rows.push_back({"go on", "with the same command and --resume auto"});
  s_.emit(finished);
  return signal;
}

// `answered`: null without validation.
void Training::write_results(const std::string& outcome, std::int64_t final_step, const Json& results,
                             const Validation::Answered* answered) {
  report::RunFinished finished = end_of_run(outcome);
  std::optional<Json> of_evaluation;
  if (answered != nullptr) {
    const eval::Answers& answers = answered->answers;
    const eval::Metrics metrics = eval::score(*s_.validation, answers.predictions);
    eval::write_prediction_files(prediction_prefix(s_.run_directory), s_.validation->dataset, answers.predictions,
                                 s_.validation->with_negative);
    add_rows(finished, metrics);
    of_evaluation = eval_results(metrics, answers.loss, s_.plan.epoch_after(state_.step));
    of_evaluation->update(eval_speed(answered->runtime_s, s_.validation->features.windows.size(),
                                     s_.validation->options.per_device_eval_batch_size));
  }
  const std::string best = final_step == state_.step ? "" : fmt::format("of step {}, the best one; ", final_step);
  finished.rows.push_back({"model", fmt::format("{}  ({}loads with from_pretrained)", s_.run_directory, best)});
  s_.emit(finished);
  // Last, so that these files stand for all the others: has_results().
  if (of_evaluation) write_eval_results(s_.run_directory, *of_evaluation);
  Json of_training = results;
  of_training["train_samples"] = s_.plan.num_features;
  write_train_results(s_.run_directory, of_training);
}

report::RunFinished Training::end_of_run(const std::string& outcome) const {
  return {.outcome = outcome,
          .step = state_.step,
          .runtime_s = seconds_since(start_),
          .num_features = trained_features_,
          .peak_memory_bytes = memory::peak_memory_bytes(s_.device),
          .rows = {}};
}

void Training::add_rows(report::RunFinished& finished, const eval::Metrics& metrics) const {
  finished.rows.push_back({"result", fmt::format("exact {:.1f}  f1 {:.1f}  at threshold {:g}", metrics.exact,
                                                 metrics.f1, s_.validation->null_score_diff_threshold)});
  if (!metrics.best) return;
  finished.rows.push_back(
      {"best",
       fmt::format("exact {:.1f}  f1 {:.1f}  at their best thresholds; {:.3f} for f1 is kept in the checkpoint\n"
                   "(eval and predict go by it with --null-score-diff-threshold auto)",
                   metrics.best->exact, metrics.best->f1, metrics.best->f1_threshold)});
}

}  // namespace

std::optional<int> train_model(const Setup& setup, RunState state, std::vector<device::NamedTensor> moments) {
  Training training(setup, std::move(state), moments);
  moments.clear();  // the optimizer has its own: a resumed run takes no more memory than the first
  return training.run();
}

}  // namespace bertft::train
