#include "config/foreign_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bertft/config/config.h"

namespace bertft::config {
namespace {

std::optional<std::string> translate_warmup_ratio(std::string_view text) {
  const std::optional<double> ratio = read_number(text);
  // From 1 on warmup_steps counts steps, so that a share of 1 cannot be said with it.
  if (!ratio || *ratio < 0 || *ratio >= 1) return std::nullopt;
  return written(*ratio);
}

std::optional<std::string> translate_cpu_wish(std::string_view text) {
  const std::optional<bool> wishes_cpu = read_bool(text);
  if (!wishes_cpu) return std::nullopt;
  return *wishes_cpu ? "cpu" : "auto";
}

std::optional<std::string> translate_batch_wish(std::string_view text) {
  const std::optional<bool> wishes_to_find = read_bool(text);
  if (!wishes_to_find) return std::nullopt;
  return *wishes_to_find ? "auto" : "off";
}

// Keys by the reason why they have no effect, or are refused.
struct Group {
  std::string_view reason;
  std::vector<std::string_view> passed_over, refused = {};
};

const std::vector<Group> kGroups = {
    {"one device is used",
     {"accelerator_config",
      "average_tokens_across_devices",
      "ddp_backend",
      "ddp_broadcast_buffers",
      "ddp_bucket_cap_mb",
      "ddp_find_unused_parameters",
      "ddp_static_graph",
      "ddp_timeout",
      "dispatch_batches",
      "eval_use_gather_object",
      "fsdp_config",
      "fsdp_min_num_params",
      "fsdp_transformer_layer_cls_to_wrap",
      "local_rank",
      "log_level_replica",
      "log_on_each_node",
      "model_parallel",
      "mp_parameters",
      "_n_gpu",
      "n_gpu",
      "parallelism_config",
      "save_on_each_node",
      "server_ip",
      "server_port",
      "sharded_ddp",
      "split_batches",
      "tp_size"},
     {"deepspeed", "fsdp"}},
    {"logits never pile up", {"batch_eval_metrics", "eval_do_concat_batches"}},
    {"there is one evaluation loop", {"use_legacy_prediction_loop"}},
    {"no cache is kept", {"cache_dir", "overwrite_cache"}},
    {"the program has its own threads",
     {"dataloader_in_order", "dataloader_multiprocessing_context", "dataloader_num_workers",
      "dataloader_persistent_workers", "dataloader_pin_memory", "dataloader_prefetch_factor",
      "preprocessing_num_workers", "threads"}},
    {"there are no such modes", {"debug"}},
    {"the progress line shows on a terminal only", {"disable_tqdm"}},
    {"the eval command scores one checkpoint", {"eval_all_checkpoints"}},
    {"the tokenizer's own files decide", {"do_lower_case"}},
    {"the predict command answers questions", {"do_predict"}},
    {"a run that is told to end always leaves a checkpoint", {"enable_jit_checkpoint"}},
    {"logits never pile up on the device", {"eval_accumulation_steps"}},
    {"float16 is not built", {"fp16_backend", "fp16_opt_level", "half_precision_backend"}},
    {"gradient_checkpointing has no variants", {"gradient_checkpointing_kwargs"}},
    {"nothing is padded", {"group_by_length", "length_column_name", "pad_to_max_length"}},
    {"nothing is uploaded",
     {"hub_always_push", "hub_model_id", "hub_private_repo", "hub_revision", "hub_strategy", "hub_token",
      "push_to_hub_model_id", "push_to_hub_organization", "push_to_hub_token"}},
    {"the metric is the official one", {"include_for_metrics", "include_inputs_for_metrics"}},
    {"features are counted", {"include_num_input_tokens_seen"}},
    {"features a second are always shown", {"include_tokens_per_second"}},
    {"the labels are the answer's start and end", {"label_names"}},
    {"the program has its own kernels", {"liger_kernel_config"}, {"use_liger_kernel"}},
    {"-q and -v decide what is shown", {"log_level", "verbose_logging"}},
    {"logs and metrics go to output_dir", {"logging_dir"}},
    {"a loss that is not finite is never hidden", {"logging_nan_inf_filter"}},
    {"a model's language is its own affair", {"lang_id"}},
    {"config.json of the model says what it is", {"model_type"}},
    {"an encoder has no past", {"past_index"}},
    {"metrics go to metrics.jsonl in output_dir",
     {"project", "report_to", "trackio_bucket_id", "trackio_space_id", "trackio_static_space_id"}},
    {"there is no search of hyper-parameters", {"ray_scope"}},
    {"the data has no spare columns", {"remove_unused_columns"}},
    {"there are no callbacks", {"restore_callback_states_from_checkpoint"}},
    {"a run is named by its output_dir", {"run_name"}},
    {"weights are always safetensors", {"save_safetensors"}},
    {"peak memory is always measured", {"skip_memory_metrics"}},
    {"nothing is downloaded", {"token", "use_auth_token"}},
    {"the program is native code already",
     {"torch_compile_backend", "torch_compile_mode"},
     {"jit_mode_eval", "torch_compile", "torchdynamo", "use_ipex"}},
    {"memory is planned", {"torch_empty_cache_steps"}},
    {"the devices are cuda and cpu", {"tpu_metrics_debug", "tpu_num_cores", "xpu_backend"}, {"use_mps_device"}},
    {"code of a model directory is never run", {"trust_remote_code"}},
    {"an encoder keeps no keys and values", {"use_cache"}},
    {"questions are never cut, as in run_qa", {"max_query_length"}},
    {"there is one tokenizer, equal to the fast one", {"use_fast_tokenizer", "use_slow_tokenizer"}},
    {"the optimizer is AdamW", {}, {"adafactor"}},
    {"evaluation computes as bf16 says", {}, {"bf16_full_eval"}},
    {"name the files: train_file, validation_file", {}, {"dataset_config_name"}},
    {"name the files: train_file, validation_file (scripts/fetch_squad.sh gets SQuAD 2.0)", {}, {"dataset_name"}},
    {"evaluation begins with the first eval_steps", {}, {"eval_delay"}},
    {"float16 is not built yet; leave it out, or set bf16: true on a GPU from Ampere on",
     {},
     {"fp16", "fp16_full_eval"}},
    {"a resumed run always continues at its place in the data", {}, {"ignore_data_skip"}},
    {"the loss is plain cross-entropy", {}, {"label_smoothing_factor"}},
    {"schedules have no parameters besides warmup_steps", {}, {"lr_scheduler_kwargs"}},
    {"predict goes by max_eval_samples", {}, {"max_predict_samples"}},
    {"no noise is added to embeddings", {}, {"neftune_noise_alpha"}},
    {"the optimizer is AdamW with the adam_* options", {}, {"optim_args"}},
    {"the optimizer is AdamW, of all modules", {}, {"optim_target_modules"}},
    {"an evaluation always scores its answers", {}, {"prediction_loss_only"}},
    {"nothing is uploaded; push output_dir yourself", {}, {"push_to_hub"}},
    {"a checkpoint always holds what resuming needs", {}, {"save_only_model"}},
};

// Of which some values ask for what happens anyway.
const std::vector<ForeignKey> kHarmlessInPart = {
    {"do_eval",
     ForeignKey::Answer::kPassOver,
     "the command decides: train evaluates validation_file where one is set, eval scores a model",
     {"true"}},
    {"do_train", ForeignKey::Answer::kPassOver, "the command decides: train is refused where this is false", {"true"}},
    {"kernels", ForeignKey::Answer::kRefuse, "only the reference path is built yet", {"auto", "reference"}},
    {"model_revision",
     ForeignKey::Answer::kRefuse,
     "models are read from local directories; fetch that revision into one",
     {"main"}},
    {"optim", ForeignKey::Answer::kRefuse, "the optimizer is AdamW", {"adamw_torch", "adamw_torch_fused", "adamw_hf"}},
    {"train_sampling_strategy",
     ForeignKey::Answer::kRefuse,
     "the order of the data is always random",
     {"random", "group_by_length"}},
};

// Those that are booleans, which a command line may give alone, and those that are lists.
constexpr auto kSwitches = std::to_array<std::string_view>({
    "adafactor",
    "average_tokens_across_devices",
    "batch_eval_metrics",
    "bf16_full_eval",
    "dataloader_in_order",
    "dataloader_persistent_workers",
    "dataloader_pin_memory",
    "ddp_broadcast_buffers",
    "ddp_find_unused_parameters",
    "ddp_static_graph",
    "disable_tqdm",
    "dispatch_batches",
    "do_eval",
    "do_lower_case",
    "do_predict",
    "do_train",
    "enable_jit_checkpoint",
    "eval_all_checkpoints",
    "eval_do_concat_batches",
    "eval_use_gather_object",
    "fp16",
    "fp16_full_eval",
    "group_by_length",
    "hub_always_push",
    "hub_private_repo",
    "ignore_data_skip",
    "include_inputs_for_metrics",
    "include_num_input_tokens_seen",
    "include_tokens_per_second",
    "jit_mode_eval",
    "log_on_each_node",
    "logging_nan_inf_filter",
    "model_parallel",
    "overwrite_cache",
    "pad_to_max_length",
    "prediction_loss_only",
    "push_to_hub",
    "remove_unused_columns",
    "restore_callback_states_from_checkpoint",
    "save_on_each_node",
    "save_only_model",
    "save_safetensors",
    "skip_memory_metrics",
    "split_batches",
    "torch_compile",
    "tpu_metrics_debug",
    "trust_remote_code",
    "use_auth_token",
    "use_cache",
    "use_fast_tokenizer",
    "use_ipex",
    "use_legacy_prediction_loop",
    "use_liger_kernel",
    "use_mps_device",
    "use_slow_tokenizer",
    "verbose_logging",
});
constexpr auto kLists =
    std::to_array<std::string_view>({"debug", "include_for_metrics", "label_names", "report_to", "sharded_ddp"});

}  // namespace

const std::vector<TranslatedKey>& translated_keys() {
  static const std::vector<TranslatedKey> keys = {
      {"warmup_ratio", "warmup_steps", "a number of at least 0 and below 1", translate_warmup_ratio,
       /*yields=*/true},
      {"auto_find_batch_size", "probe_memory", kTrueOrFalse, translate_batch_wish},
      {"use_cpu", "device", kTrueOrFalse, translate_cpu_wish},
      {"no_cuda", "device", kTrueOrFalse, translate_cpu_wish},
  };
  return keys;
}

const std::vector<ForeignKey>& foreign_keys() {
  static const std::vector<ForeignKey> keys = [] {
    std::vector<ForeignKey> all = kHarmlessInPart;
    for (const auto& [reason, passed_over, refused] : kGroups) {
      for (const std::string_view key : passed_over) all.push_back({key, ForeignKey::Answer::kPassOver, reason});
      for (const std::string_view key : refused) all.push_back({key, ForeignKey::Answer::kRefuse, reason});
    }
    std::ranges::sort(all, {}, &ForeignKey::key);
    return all;
  }();
  return keys;
}

std::vector<ForeignFlag> list_foreign_flags() {
  std::vector<ForeignFlag> flags;
  for (const ForeignKey& foreign : foreign_keys()) {
    if (foreign.key.starts_with('_')) continue;  // in files alone
    flags.push_back({.key = std::string(foreign.key),
                     .is_switch = std::ranges::count(kSwitches, foreign.key) > 0,
                     .is_list = std::ranges::count(kLists, foreign.key) > 0});
  }
  return flags;
}

std::optional<std::string_view> key_meant_by(std::string_view word) {
  static const std::map<std::string_view, std::string_view> keys = {
      {"batch", "per_device_train_batch_size"},
      {"data", "train_file"},
      {"epochs", "num_train_epochs"},
      {"eval_batch_size", "per_device_eval_batch_size"},
      {"evaluate_during_training", "eval_strategy"},
      {"lr", "learning_rate"},
      {"lr_scheduler", "lr_scheduler_type"},
      {"model", "model_name_or_path"},
      {"n_best", "n_best_size"},
      {"num_epochs", "num_train_epochs"},
      {"num_warmup_steps", "warmup_steps"},
      {"predict_batch_size", "per_device_eval_batch_size"},
      {"predict_file", "validation_file"},
      {"scheduler", "lr_scheduler_type"},
      {"threshold", "null_score_diff_threshold"},
      {"warmup", "warmup_steps"},
      {"warmup_proportion", "warmup_steps"},
  };
  const auto found = keys.find(word);
  return found == keys.end() ? std::nullopt : std::optional(found->second);
}

bool is_wished(const Resolved& resolved, std::string_view job) {
  const auto found = resolved.jobs.find(job);
  return found != resolved.jobs.end() && found->second.is_wished;
}

std::optional<OtherJob> other_job(const Resolved& resolved) {
  if (is_wished(resolved, "do_train")) return std::nullopt;
  for (const auto& [job, command] : {std::pair("do_eval", "eval"), std::pair("do_predict", "predict")}) {
    if (!is_wished(resolved, job)) continue;
    return OtherJob{fmt::format("{} without do_train ({})", job, resolved.jobs.at(job).origin), command};
  }
  const auto train = resolved.jobs.find("do_train");
  if (train == resolved.jobs.end()) return std::nullopt;
  return OtherJob{fmt::format("do_train: false ({})", train->second.origin), "eval"};
}

bool asks_for_nothing(const Scalar& value) {
  if (value.form == Scalar::Form::kList || value.form == Scalar::Form::kMap) return value.is_empty;
  if (is_null(value) || value.text.empty() || value.text == "none" || value.text == "None") return true;
  if (value.text == "[]" || value.text == "{}") return true;  // as the command line gives them
  return read_bool(value.text) == false || read_number(value.text) == 0.0;
}

bool asks_for_nothing(const ForeignKey& key, const Scalar& value) {
  return asks_for_nothing(value) || std::ranges::any_of(key.harmless, [&](std::string_view text) {
           return text == value.text || (text == "true" && read_bool(value.text) == true);
         });
}

}  // namespace bertft::config
