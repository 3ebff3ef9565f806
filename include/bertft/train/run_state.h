#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bertft/train/loss_scale.h"
#include "bertft/train/options.h"
#include "bertft/train/plan.h"
#include "bertft/util/json.h"

namespace bertft::train {

/// What must be equal for a run to go on as if it had never stopped.
struct RunIdentity {
  std::string data_sha256;  // of train_file
  std::int64_t num_features = 0, effective_batch = 0, total_steps = 0;
  std::uint64_t seed = 0, data_seed = 0;

  bool operator==(const RunIdentity&) const = default;
};

/// Where a run stands, apart from tensors: trainer_state.json.
struct RunState {
  RunIdentity identity;
  std::optional<std::string> validation_sha256;  // of validation_file: what the best model is the best of
  std::int64_t step = 0;                         // optimizer steps done
  std::int64_t applied_steps = 0;                // of them, those whose loss and gradients were finite
  std::int64_t skipped_in_a_row = 0;             // the newest steps, where they were not
  std::int64_t steps_since_log = 0;              // applied ones
  double loss_since_log = 0;                     // sum over those steps
  double loss_total = 0;                         // sum over all applied steps
  std::optional<std::string> measure;            // that best_metric is of: "f1, greater is better"
  std::optional<double> best_metric;
  std::optional<std::int64_t> best_step;
  std::int64_t evaluations_without_gain = 0;
  std::optional<double> f1_threshold;  // the best for f1, of the last evaluation
  std::optional<std::int64_t> micro_batch_tokens;
  std::optional<std::int64_t> eval_batch_tokens;  // the same of evaluation, once it had to shrink
  std::optional<LossScale> loss_scale;            // of a run in fp16
  std::optional<std::string> device;              // as described to users: what has rounded the sums so far
  std::optional<std::string> program;             // version and source
  std::vector<std::string> memory_savers;         // the options that `memory_savers: auto` turned on
  Json log_history = Json::array();               // as Hugging Face's, so that notebooks go on working

  bool operator==(const RunState&) const = default;
};

/// Whether training has come to its end: all steps are done, or early stopping says so.
bool is_over(const RunState& state, const Plan& plan, const TrainOptions& options);

/// Makes `state` one whose best model is chosen as `options` say. A best one chosen by another measure is forgotten,
/// since its figure cannot be compared with: returns that measure.
std::optional<std::string> set_measure(RunState& state, const TrainOptions& options);

/// Hugging Face's fields; ours stand in "stateful_callbacks" under "bert_finetune". The best checkpoint is named where
/// it stands in `run_directory`, or is the one that is being written.
std::string to_trainer_state_json(const RunState& state, const Plan& plan, const TrainOptions& options,
                                  const std::string& run_directory);

/// throws InputError, DataError, CheckpointError naming what is missing
RunState read_run_state(const std::string& checkpoint_directory);

/// Names the first thing that differs. throws CheckpointError (the training file), ConfigError
void check_same_run(const RunIdentity& saved, const RunIdentity& now, const std::string& checkpoint_directory);

/// The tuned no-answer threshold that a model directory of ours carries.
std::optional<double> read_f1_threshold(const std::string& model_directory);

}  // namespace bertft::train
