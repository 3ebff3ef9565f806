#include "train/torch/saving.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/train/results.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "train/history.h"
#include "train/result_files.h"
#include "train/torch/diverged.h"

namespace bertft::train {

Saving::Saving(const Setup& setup, RunState& state, const optim::AdamW& optimizer)
    : s_(setup), state_(state), optimizer_(optimizer), store_(setup.run_directory) {}

void Saving::begin_at_checkpoint() {
  best_ = {state_.best_step, state_.best_metric};
  // A run may go on in another directory than its checkpoint's.
  const std::string here = checkpoint::directory_of(s_.run_directory, state_.step);
  std::error_code not_there;
  if (std::filesystem::equivalent(here, s_.resumed_from, not_there)) saved_ = state_;
}

// What has been saved is not saved again.
void Saving::save(bool training_goes_on) {
  if (saved_ == state_) return;
  const auto started = std::chrono::steady_clock::now();
  finish_writing();
  refuse_weights_that_are_not_finite();
  const auto tell = [&](bool in_background) {
    s_.emit(
        report::SavingCheckpoint{.step = state_.step,
                                 .directory = checkpoint::directory_of(s_.run_directory, state_.step),
                                 .blocked_s = in_background ? std::optional(seconds_since(started)) : std::nullopt});
  };
  if (training_goes_on) {
    store_.save(snapshot(), tell);
  } else {
    store_.save_and_wait(snapshot(), tell);
  }
  saved_ = state_;
  failed_.reset();
}

void Saving::try_to_save() {
  if (is_over(state_, s_.plan, s_.options)) return;
  try {
    save(/*training_goes_on=*/true);
  } catch (const StorageError& e) {  // where the copies found no room, it was written at once
    tell_of_failure(state_.step, e);
  }
}

void Saving::save_after_shortage() {
  try {
    if (state_.step > 0) save(/*training_goes_on=*/false);
    store_.wait();
  } catch (const std::exception& e) {  // the shortage is what the run ends with
    tell_of_failure(state_.step, e);
  }
}

void Saving::notice_end() {
  tell_if_it_fails([&] { store_.notice_end(); });
}

bool Saving::finish_writing() {
  const bool was_writing = store_.is_writing();
  tell_if_it_fails([&] { store_.wait(); });
  return was_writing;
}

void Saving::tell_if_it_fails(const std::function<void()>& end_of_writing) {
  try {
    end_of_writing();
    note_success();
  } catch (const StorageError& e) {
    tell_of_failure(saved_.value().step, e);
  }
  take_best_that_is_there();
}

void Saving::note_success() {
  if (saved_ && !store_.is_writing() && saved_->best_step == saved_->step) {
    best_ = {saved_->best_step, saved_->best_metric};
  }
}

// While the step is the newest it may still be saved, or be the run's model without a checkpoint.
void Saving::take_best_that_is_there() {
  if (!s_.options.load_best_model_at_end || !failed_ || state_.best_step != failed_ || *failed_ >= state_.step) return;
  state_.best_step = best_.step;
  state_.best_metric = best_.metric;
}

void Saving::save_and_wait() {
  try {
    save(/*training_goes_on=*/false);
    store_.wait();
    note_success();
  } catch (const StorageError& e) {
    tell_of_failure(state_.step, e, /*ends_run=*/true);
    throw;
  }
  // Again: a process may have been killed between saving and that.
  store_.prune(state_.step, retention());
}

void Saving::save_last() {
  try {
    save_and_wait();
  } catch (const StorageError& e) {
    std::int64_t step = 0;
    try {
      step = final_step();
      withdraw_evaluation(s_.run_directory);
      if (step == state_.step) {
        store_.publish(snapshot());
      } else {
        publish(step);
      }
    } catch (const std::exception&) {  // no room for that either: the first reason is what to tell
      throw e;
    }
    throw StorageError(
        fmt::format("{}\nThe model of step {} was saved; it is in {}.", e.what(), step, s_.run_directory));
  }
}

std::int64_t Saving::final_step() const {
  if (!s_.options.load_best_model_at_end || state_.best_step.value_or(state_.step) == state_.step) return state_.step;
  const std::string best = checkpoint::directory_of(s_.run_directory, *state_.best_step);
  std::string fault = "is not there";
  if (is_there(best)) {
    try {
      checkpoint::verify_model(best);
      return *state_.best_step;
    } catch (const Error& e) {
      fault = fmt::format("is damaged ({})", e.what());
    }
  }
  s_.emit(report::Notice{fmt::format("the best checkpoint, {}, {}; the final model is the last step's", best, fault)});
  return state_.step;
}

void Saving::publish(std::int64_t step, const std::optional<Json>& results) const {
  const std::string directory = checkpoint::directory_of(s_.run_directory, step);
  RunState last = state_;
  last.f1_threshold = read_f1_threshold(directory);
  if (results) add_train_results(last, *results);
  checkpoint::publish_model(directory, s_.run_directory, trainer_state_json(last));
}

checkpoint::Snapshot Saving::snapshot() const {
  checkpoint::Snapshot snapshot{.step = state_.step,
                                .model = s_.model.parameters(),
                                .optimizer = optimizer_.state(),
                                .files = s_.model_files,
                                .retention = retention(),
                                .table = s_.model.partial_words()};
  snapshot.files[checkpoint::kStateName] = trainer_state_json(state_);
  return snapshot;
}

// A best one without a checkpoint must not cost the run that of the best before it.
checkpoint::Retention Saving::retention() const {
  return {s_.options.save_total_limit, state_.best_step == state_.step ? state_.best_step : best_.step};
}

std::string Saving::trainer_state_json(const RunState& state) const {
  return to_trainer_state_json(state, s_.plan, s_.options, s_.run_directory);
}

void Saving::refuse_weights_that_are_not_finite() const {
  const std::vector<device::NamedTensor> parameters = s_.model.parameters();
  std::vector<at::Tensor> extremes;
  for (const auto& [name, value] : parameters) {
    // Both are NaN where a value is. isfinite() of all values would need memory, of which none may be left here.
    const auto [least, most] = at::aminmax(value.detach());
    extremes.insert(extremes.end(), {least, most});
  }
  const at::Tensor finite = at::stack(extremes).cpu().isfinite().view({-1, 2}).all(/*dim=*/1);  // one wait
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (finite[static_cast<std::int64_t>(i)].item<bool>()) continue;
    throw DivergedError(fmt::format("{} is not finite after step {}; it was not saved.\n{}", parameters[i].name,
                                    state_.step, diverged_advice(s_.device.precision)));
  }
}

void Saving::tell_of_failure(std::int64_t step, const std::exception& error, bool ends_run) {
  saved_.reset();
  failed_ = step;
  s_.emit(report::SavingFailed{.step = step, .reason = error.what(), .ends_run = ends_run});
}

}  // namespace bertft::train
