#pragma once

// clang-format off: an option stands on one line, however long

#include <cstdint>
#include <optional>
#include <string>

#include "bertft/util/option.h"

namespace bertft::train {

enum class IntervalStrategy { kNo, kSteps, kEpoch };
inline std::vector<OptionName<IntervalStrategy>> option_names(IntervalStrategy) {
  return {{IntervalStrategy::kNo, "no"}, {IntervalStrategy::kSteps, "steps"}, {IntervalStrategy::kEpoch, "epoch"}};
}

/// What makes an evaluation the best one. The best_ ones, at the best threshold, are there only for data with
/// unanswerable questions.
enum class BestMetric { kF1, kExact, kBestF1, kBestExact, kLoss };
inline std::vector<OptionName<BestMetric>> option_names(BestMetric) {
  return {{BestMetric::kF1, "f1"},
          {BestMetric::kExact, "exact"},
          {BestMetric::kBestF1, "best_f1"},
          {BestMetric::kBestExact, "best_exact"},
          {BestMetric::kLoss, "loss"}};
}

/// The run: its batches, its length, when it evaluates and saves. Names and, but for
/// save_total_limit, defaults are TrainingArguments'. The effective batch, per_device_train_batch_size x
/// gradient_accumulation_steps, is the contract; micro_batch_* only cut it for the device.
struct TrainOptions {
  std::optional<std::string> output_dir;
  bool overwrite = false;
  std::optional<std::string> resume_from_checkpoint;
  std::int64_t per_device_train_batch_size = 8;
  std::int64_t gradient_accumulation_steps = 1;
  std::optional<std::int64_t> micro_batch_features;
  std::optional<std::int64_t> micro_batch_tokens;
  double num_train_epochs = 3.0;
  std::optional<std::int64_t> max_steps;
  bool dataloader_drop_last = false;
  std::int64_t seed = 42;
  std::optional<std::int64_t> data_seed;
  IntervalStrategy logging_strategy = IntervalStrategy::kSteps;
  double logging_steps = 500;
  bool logging_first_step = false;
  IntervalStrategy eval_strategy = IntervalStrategy::kNo;
  std::optional<double> eval_steps;
  bool eval_on_start = false;
  IntervalStrategy save_strategy = IntervalStrategy::kSteps;
  double save_steps = 500;
  std::optional<std::int64_t> save_total_limit = 2;
  bool load_best_model_at_end = false;
  BestMetric metric_for_best_model = BestMetric::kF1;
  std::optional<bool> greater_is_better;
  std::optional<std::int64_t> early_stopping_patience;
  double early_stopping_threshold = 0.0;
};

template <class Visitor>
void visit(Visitor& v, TrainOptions& o) {
  v.field("output_dir", o.output_dir, {.help = "run directory; must be new or empty unless resuming or overwriting", .is_path = true, .is_free_to_change = true});
  v.field("overwrite", o.overwrite, {.help = "use output_dir although it holds an earlier run; files of other names stay", .aliases = {"overwrite_output_dir"}, .is_free_to_change = true});
  v.field("resume_from_checkpoint", o.resume_from_checkpoint, {.help = "auto (newest good checkpoint of output_dir, else start afresh) or a checkpoint directory", .aliases = {"resume"}, .is_free_to_change = true});
  v.field("per_device_train_batch_size", o.per_device_train_batch_size, {.help = "features of a batch; times gradient_accumulation_steps is the effective batch", .unit = "features", .at_least = 1, .aliases = {"per_gpu_train_batch_size", "train_batch_size", "batch_size"}});
  v.field("gradient_accumulation_steps", o.gradient_accumulation_steps, {.help = "batches whose gradients make one step", .at_least = 1});
  v.field("micro_batch_features", o.micro_batch_features, {.help = "cut the effective batch on the device by features; the result stays, but for rounding", .unit = "features", .at_least = 1, .is_free_to_change = true});
  v.field("micro_batch_tokens", o.micro_batch_tokens, {.help = "cut the effective batch on the device by tokens; the result stays, but for rounding", .unit = "tokens", .at_least = 1, .is_free_to_change = true});
  v.field("num_train_epochs", o.num_train_epochs, {.help = "passes over the training data", .unit = "epochs", .above = 0});
  v.field("max_steps", o.max_steps, {.help = "optimizer steps in all; overrides num_train_epochs", .unit = "steps", .at_least = 1, .read_as_unset = -1});
  v.field("dataloader_drop_last", o.dataloader_drop_last, {.help = "leave out the last, shorter batch of an epoch"});
  v.field("seed", o.seed, {.help = "seeds the new head, dropout and the order of the data", .at_least = 0});
  v.field("data_seed", o.data_seed, {.help = "seeds the order of the data alone; unset: seed", .at_least = 0});
  v.field("logging_strategy", o.logging_strategy, {.help = "when to log the loss; no: train_loss at the end is all", .is_free_to_change = true});
  v.field("logging_steps", o.logging_steps, {.help = "steps between log lines; below 1: share of all steps", .unit = "steps", .above = 0, .is_free_to_change = true});
  v.field("logging_first_step", o.logging_first_step, {.help = "log the first step too", .is_free_to_change = true});
  v.field("eval_strategy", o.eval_strategy, {.help = "when to evaluate besides the last step, which always is where there is validation_file", .aliases = {"evaluation_strategy"}, .is_free_to_change = true});
  v.field("eval_steps", o.eval_steps, {.help = "steps between evaluations; below 1: share of all steps; unset: logging_steps", .unit = "steps", .above = 0, .is_free_to_change = true});
  v.field("eval_on_start", o.eval_on_start, {.help = "evaluate once before the first step", .is_free_to_change = true});
  v.field("save_strategy", o.save_strategy, {.help = "when to write checkpoints besides the last step, which is always saved", .is_free_to_change = true});
  v.field("save_steps", o.save_steps, {.help = "steps between checkpoints; below 1: share of all steps", .unit = "steps", .above = 0, .is_free_to_change = true});
  v.field("save_total_limit", o.save_total_limit, {.help = "checkpoints kept, the newest; the best is kept besides; null keeps all", .at_least = 1, .read_as_unset = 0, .is_free_to_change = true});
  v.field("load_best_model_at_end", o.load_best_model_at_end, {.help = "the final model is the best checkpoint's, not the last step's"});
  v.field("metric_for_best_model", o.metric_for_best_model, {.help = "which figure of the evaluation says that a model is the best", .null_changes_nothing = true, .ignored_prefix = "eval_", .other_names = {{"exact_match", "exact"}}});
  v.field("greater_is_better", o.greater_is_better, {.help = "unset: true, except for loss", .unset_name = "auto"});
  v.field("early_stopping_patience", o.early_stopping_patience, {.help = "stop after so many evaluations in a row without a better metric", .at_least = 1, .is_free_to_change = true});
  v.field("early_stopping_threshold", o.early_stopping_threshold, {.help = "by how much an evaluation has to be better for the patience to start anew", .at_least = 0});
}

}  // namespace bertft::train
