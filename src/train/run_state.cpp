#include "bertft/train/run_state.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "train/best_model.h"

namespace bertft::train {
namespace {

constexpr const char* kOwnKey = "bert_finetune";

Json read_state_file(const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{4} << 30;  // an entry for every step of a very long run
  return read_json(path, {.max_bytes = kMaxBytes});
}

// What is ours stands where Trainer lets a callback keep its state: TrainerState takes no keys of others.
// Nothing in a file of Trainer's own.
std::optional<Json> own_part(const Json& document) {
  const Json callbacks = document.is_object() ? document.value("stateful_callbacks", Json()) : Json();
  const Json own = callbacks.is_object() ? callbacks.value(kOwnKey, Json()) : Json();
  return own.is_object() ? std::optional(own) : std::nullopt;
}

std::int64_t required_integer(const Json& object, const char* key, const std::string& path) {
  const auto value = integer_member(object, key, path);
  if (!value) throw CheckpointError(fmt::format("{} has no \"{}\".", path, key));
  return *value;
}

}  // namespace

bool is_over(const RunState& state, const Plan& plan, const TrainOptions& options) {
  const auto& patience = options.early_stopping_patience;
  return state.step >= plan.total_steps || (patience && state.evaluations_without_gain >= *patience);
}

std::optional<std::string> set_measure(RunState& state, const TrainOptions& options) {
  const std::optional<std::string> before = std::exchange(state.measure, measure_of(options));
  if (!state.best_metric || !before || before == state.measure) return std::nullopt;
  state.best_metric.reset();
  state.best_step.reset();
  state.evaluations_without_gain = 0;
  return before;
}

std::string to_trainer_state_json(const RunState& state, const Plan& plan, const TrainOptions& options,
                                  const std::string& run_directory) {
  const Json own = {
      {"data_sha256", state.identity.data_sha256},
      {"validation_sha256", or_null(state.validation_sha256)},
      {"num_features", state.identity.num_features},
      {"effective_batch", state.identity.effective_batch},
      {"seed", state.identity.seed},
      {"data_seed", state.identity.data_seed},
      {"applied_steps", state.applied_steps},
      {"skipped_in_a_row", state.skipped_in_a_row},
      {"steps_since_log", state.steps_since_log},
      {"loss_since_log", state.loss_since_log},
      {"loss_total", state.loss_total},
      {"evaluations_without_gain", state.evaluations_without_gain},
      {"measure", or_null(state.measure)},
      {"best_threshold", or_null(state.f1_threshold)},  // the name that files of earlier versions have
      {"micro_batch_tokens", or_null(state.micro_batch_tokens)},
      {"eval_batch_tokens", or_null(state.eval_batch_tokens)},
      {"loss_scale", state.loss_scale ? Json(state.loss_scale->value()) : Json()},
      {"steps_since_loss_scale", state.loss_scale ? Json(state.loss_scale->steps_since_change()) : Json()},
      {"device", or_null(state.device)},
      {"program", or_null(state.program)},
      {"memory_savers", state.memory_savers}};
  std::optional<std::string> best;  // null for a best step that was not saved, as Trainer writes it
  if (state.best_step) best = checkpoint::directory_of(run_directory, *state.best_step);
  if (best && state.best_step != state.step && !is_there(*best)) best.reset();
  // What Trainer writes for a run without evaluations.
  constexpr std::int64_t kNoEvalSteps = 500;
  const bool has_eval_steps = options.eval_steps || options.eval_strategy == IntervalStrategy::kSteps;
  const nlohmann::json sorted = {{"best_global_step", or_null(state.best_step)},
                                 {"best_metric", or_null(state.best_metric)},
                                 {"best_model_checkpoint", or_null(best)},
                                 {"epoch", plan.epoch_after(state.step)},
                                 {"eval_steps", has_eval_steps ? plan.eval_steps : kNoEvalSteps},
                                 {"global_step", state.step},
                                 {"is_hyper_param_search", false},
                                 {"is_local_process_zero", true},
                                 {"is_world_process_zero", true},
                                 {"log_history", state.log_history},
                                 {"logging_steps", plan.logging_steps},
                                 {"max_steps", plan.total_steps},
                                 {"num_train_epochs", plan.num_epochs()},
                                 {"save_steps", plan.save_steps},
                                 {"stateful_callbacks", {{kOwnKey, own}}},
                                 {"train_batch_size", options.per_device_train_batch_size}};
  return python_json(Json(sorted), 2) + "\n";
}

RunState read_run_state(const std::string& checkpoint_directory) {
  const std::string path = (std::filesystem::path(checkpoint_directory) / checkpoint::kStateName).string();
  const Json document = read_state_file(path);
  const std::optional<Json> found = own_part(document);
  if (!found) {
    throw CheckpointError(fmt::format("{} was not written by bert-finetune: it has no \"{}\".", path, kOwnKey));
  }
  const Json& own = *found;
  RunState state;
  state.step = required_integer(document, "global_step", path);
  state.identity.total_steps = required_integer(document, "max_steps", path);
  state.best_metric = number_member(document, "best_metric", path);
  state.best_step = integer_member(document, "best_global_step", path);
  if (document.contains("log_history")) state.log_history = document["log_history"];
  state.identity.data_sha256 = string_member(own, "data_sha256", path).value_or("");
  state.validation_sha256 = string_member(own, "validation_sha256", path);
  state.identity.num_features = required_integer(own, "num_features", path);
  state.identity.effective_batch = required_integer(own, "effective_batch", path);
  state.identity.seed = static_cast<std::uint64_t>(required_integer(own, "seed", path));
  state.identity.data_seed = static_cast<std::uint64_t>(required_integer(own, "data_seed", path));
  state.applied_steps = integer_member(own, "applied_steps", path).value_or(state.step);
  state.skipped_in_a_row = integer_member(own, "skipped_in_a_row", path).value_or(0);
  state.steps_since_log = required_integer(own, "steps_since_log", path);
  state.loss_since_log = number_member(own, "loss_since_log", path).value_or(0);
  state.loss_total = number_member(own, "loss_total", path).value_or(0);
  state.evaluations_without_gain = required_integer(own, "evaluations_without_gain", path);
  state.measure = string_member(own, "measure", path);
  state.f1_threshold = number_member(own, "best_threshold", path);
  state.micro_batch_tokens = integer_member(own, "micro_batch_tokens", path);
  state.eval_batch_tokens = integer_member(own, "eval_batch_tokens", path);
  if (const auto scale = number_member(own, "loss_scale", path)) {
    state.loss_scale = LossScale(*scale, required_integer(own, "steps_since_loss_scale", path));
  }
  state.device = string_member(own, "device", path);
  state.program = string_member(own, "program", path);
  for (const Json& key : own.value("memory_savers", Json::array())) {
    if (key.is_string()) state.memory_savers.push_back(key);
  }
  return state;
}

void check_same_run(const RunIdentity& saved, const RunIdentity& now, const std::string& checkpoint_directory) {
  const auto difference = [&](const char* what, const auto& was, const auto& is) {
    return fmt::format(
        "{} belongs to another run: its {} is {}, this configuration's is {}.\n"
        "Resume with the data and the configuration of that run; to train further, start a new run with\n"
        "--model-name-or-path {} and another --output-dir.",
        checkpoint_directory, what, was, is, checkpoint_directory);
  };
  const auto first_digits = [](const std::string& sha256) { return sha256.substr(0, 12); };
  if (saved.data_sha256 != now.data_sha256) {
    throw CheckpointError(
        difference("training file's SHA-256", first_digits(saved.data_sha256), first_digits(now.data_sha256)));
  }
  if (saved.num_features != now.num_features) {
    throw ConfigError(difference("number of features (max_seq_length, doc_stride, max_train_samples)",
                                 saved.num_features, now.num_features));
  }
  if (saved.effective_batch != now.effective_batch) {
    throw ConfigError(difference("effective batch", saved.effective_batch, now.effective_batch));
  }
  if (saved.seed != now.seed) throw ConfigError(difference("seed", saved.seed, now.seed));
  if (saved.data_seed != now.data_seed) throw ConfigError(difference("data_seed", saved.data_seed, now.data_seed));
  if (saved.total_steps != now.total_steps)
    throw ConfigError(difference("number of steps", saved.total_steps, now.total_steps));
}

std::optional<double> read_f1_threshold(const std::string& model_directory) {
  const std::string path = (std::filesystem::path(model_directory) / checkpoint::kStateName).string();
  if (!is_there(path)) return std::nullopt;
  try {
    const std::optional<Json> own = own_part(read_state_file(path));
    return own ? number_member(*own, "best_threshold", path) : std::nullopt;
  } catch (const DataError&) {  // Python writes NaN, which is no JSON; ours is checked by its manifest
    return std::nullopt;
  }
}

}  // namespace bertft::train
