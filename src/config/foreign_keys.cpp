#include "config/foreign_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bertft/config/config.h"

namespace bertft::config {
namespace {

std::optional<std::string> translate_warmup_ratio(std::string_view text) {
  const std::optional<double> ratio = read_number(text);
  // From 1 on warmup_steps is a number of steps, so that a share of 1 cannot be said with it.
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

struct Name {
  Name(const char* name, ForeignKey::Form of = ForeignKey::Form::kValue) : key(name), form(of) {}
  std::string_view key;
  ForeignKey::Form form;
};
Name on_off(const char* key) {
  return {key, ForeignKey::Form::kSwitch};
}
Name list(const char* key) {
  return {key, ForeignKey::Form::kList};
}

// Keys by the reason why they have no effect, or are refused.
struct Group {
  std::string_view reason;
  std::vector<Name> passed_over, refused = {};
};

const std::vector<Group> kGroups = {
    {"one device is used",
     {"accelerator_config",
      on_off("average_tokens_across_devices"),
      "ddp_backend",
      on_off("ddp_broadcast_buffers"),
      "ddp_bucket_cap_mb",
      on_off("ddp_find_unused_parameters"),
      on_off("ddp_static_graph"),
      "ddp_timeout",
      on_off("dispatch_batches"),
      on_off("eval_use_gather_object"),
      "fsdp_config",
      "fsdp_min_num_params",
      "fsdp_transformer_layer_cls_to_wrap",
      "local_rank",
      "log_level_replica",
      on_off("log_on_each_node"),
      on_off("model_parallel"),
      "mp_parameters",
      "_n_gpu",
      "n_gpu",
      "parallelism_config",
      on_off("save_on_each_node"),
      "server_ip",
      "server_port",
      list("sharded_ddp"),
      on_off("split_batches"),
      "tp_size"},
     {"deepspeed", "fsdp"}},
    {"logits never pile up", {on_off("batch_eval_metrics"), on_off("eval_do_concat_batches")}},
    {"there is one evaluation loop", {on_off("use_legacy_prediction_loop")}},
    {"no cache is kept", {"cache_dir", on_off("overwrite_cache")}},
    {"the program has its own threads",
     {on_off("dataloader_in_order"), "dataloader_multiprocessing_context", "dataloader_num_workers",
      on_off("dataloader_persistent_workers"), on_off("dataloader_pin_memory"), "dataloader_prefetch_factor",
      "preprocessing_num_workers", "threads"}},
    {"there are no such modes", {list("debug")}},
    {"the progress line shows on a terminal only", {on_off("disable_tqdm")}},
    {"the eval command scores one checkpoint", {on_off("eval_all_checkpoints")}},
    {"the tokenizer's own files decide", {on_off("do_lower_case")}},
    {"a run that is told to end always leaves a checkpoint", {on_off("enable_jit_checkpoint")}},
    {"logits never pile up on the device", {"eval_accumulation_steps"}},
    {"fp16 has one way, autocast", {"fp16_backend", "fp16_opt_level", "half_precision_backend"}},
    {"gradient_checkpointing has no variants", {"gradient_checkpointing_kwargs"}},
    {"nothing is padded", {on_off("group_by_length"), "length_column_name", on_off("pad_to_max_length")}},
    {"nothing is uploaded",
     {on_off("hub_always_push"), "hub_model_id", on_off("hub_private_repo"), "hub_revision", "hub_strategy",
      "hub_token", "push_to_hub_model_id", "push_to_hub_organization", "push_to_hub_token"}},
    {"the metric is the official one", {list("include_for_metrics"), on_off("include_inputs_for_metrics")}},
    {"features are counted", {on_off("include_num_input_tokens_seen")}},
    {"features a second are always shown", {on_off("include_tokens_per_second")}},
    {"the labels are the answer's start and end", {list("label_names")}},
    {"the program has its own kernels", {"attn_implementation", "liger_kernel_config"}, {on_off("use_liger_kernel")}},
    {"-q and -v decide what is shown", {"log_level", on_off("verbose_logging")}},
    {"logs and metrics go to output_dir", {"logging_dir"}},
    {"a loss that is not finite is never hidden", {on_off("logging_nan_inf_filter")}},
    {"a model's language is its own affair", {"lang_id"}},
    {"config.json of the model says what it is", {"model_type"}},
    {"an encoder has no past", {"past_index"}},
    {"metrics go to metrics.jsonl in output_dir",
     {"project", list("report_to"), "trackio_bucket_id", "trackio_space_id", "trackio_static_space_id"}},
    {"there is no search of hyper-parameters", {"ray_scope"}},
    {"the data has no spare columns", {on_off("remove_unused_columns")}},
    {"there are no callbacks", {on_off("restore_callback_states_from_checkpoint")}},
    {"a run is named by its output_dir", {"run_name"}},
    {"weights stay float32; bf16 and fp16 say in what is multiplied", {"dtype", "torch_dtype"}},
    {"a head that does not fit is made anew, other sizes are errors", {on_off("ignore_mismatched_sizes")}},
    {"weights are always safetensors", {on_off("save_safetensors")}},
    {"peak memory is always measured", {on_off("skip_memory_metrics")}},
    {"nothing is downloaded", {"token", on_off("use_auth_token")}},
    {"the program is native code already",
     {"torch_compile_backend", "torch_compile_mode"},
     {on_off("jit_mode_eval"), on_off("torch_compile"), "torchdynamo", on_off("use_ipex")}},
    {"memory is planned", {"torch_empty_cache_steps"}},
    {"the devices are cuda and cpu",
     {on_off("tpu_metrics_debug"), "tpu_num_cores", "xpu_backend"},
     {on_off("use_mps_device")}},
    {"code of a model directory is never run", {on_off("trust_remote_code")}},
    {"an encoder keeps no keys and values", {on_off("use_cache")}},
    {"questions are never cut, as in run_qa", {"max_query_length"}},
    {"there is one tokenizer, equal to the fast one", {on_off("use_fast_tokenizer"), on_off("use_slow_tokenizer")}},
    {"the optimizer is AdamW", {}, {on_off("adafactor")}},
    {"evaluation computes as bf16 and fp16 say", {}, {on_off("bf16_full_eval"), on_off("fp16_full_eval")}},
    {"name the files: train_file, validation_file", {}, {"dataset_config_name"}},
    {"name the files: train_file, validation_file (scripts/fetch_squad.sh gets SQuAD 2.0)", {}, {"dataset_name"}},
    {"evaluation begins with the first eval_steps", {}, {"eval_delay"}},
    {"a resumed run always continues at its place in the data", {}, {on_off("ignore_data_skip")}},
    {"the loss is plain cross-entropy", {}, {"label_smoothing_factor"}},
    {"schedules have no parameters besides warmup_steps", {}, {"lr_scheduler_kwargs"}},
    {"predict goes by max_eval_samples", {}, {"max_predict_samples"}},
    {"no noise is added to embeddings", {}, {"neftune_noise_alpha"}},
    {"the optimizer is AdamW with the adam_* options", {}, {"optim_args"}},
    {"the optimizer is AdamW, of all modules", {}, {"optim_target_modules"}},
    {"an evaluation always scores its answers", {}, {on_off("prediction_loss_only")}},
    {"nothing is uploaded; push output_dir yourself", {}, {on_off("push_to_hub")}},
    {"a checkpoint always holds what resuming needs", {}, {on_off("save_only_model")}},
};

ForeignKey job(std::string_view key, std::string_view reason, std::vector<std::string_view> harmless) {
  return {.key = key,
          .answer = ForeignKey::Answer::kPassOver,
          .reason = reason,
          .form = ForeignKey::Form::kSwitch,
          .harmless = std::move(harmless),
          .is_job = true};
}

// What run_qa is told to do.
const std::vector<ForeignKey> kJobs = {
    job("do_eval",
        "the command decides: train evaluates validation_file where one is set, and must have one where this is true; "
        "eval scores a model",
        {"true"}),
    job("do_predict", "the predict command answers questions", {}),
    job("do_train", "the command decides: train is refused where this is false", {"true"}),
};

// Of which some values ask for what happens anyway.
const std::vector<ForeignKey> kHarmlessInPart = {
    {.key = "kernels",
     .answer = ForeignKey::Answer::kRefuse,
     .reason = "there is one set of kernels",
     .harmless = {"auto", "reference"}},
    {.key = "model_revision",
     .answer = ForeignKey::Answer::kRefuse,
     .reason = "models are read from local directories; fetch that revision into one",
     .harmless = {"main"}},
    {.key = "optim",
     .answer = ForeignKey::Answer::kRefuse,
     .reason = "the optimizer is AdamW",
     .harmless = {"adamw_torch", "adamw_torch_fused", "adamw_hf"}},
    {.key = "train_sampling_strategy",
     .answer = ForeignKey::Answer::kRefuse,
     .reason = "the order of the data is always random",
     .harmless = {"random", "group_by_length"}},
};

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
    all.insert(all.end(), kJobs.begin(), kJobs.end());
    for (const auto& [reason, passed_over, refused] : kGroups) {
      const auto add = [&](const Name& name, ForeignKey::Answer answer) {
        all.push_back({.key = name.key, .answer = answer, .reason = reason, .form = name.form});
      };
      for (const Name& name : passed_over) add(name, ForeignKey::Answer::kPassOver);
      for (const Name& name : refused) add(name, ForeignKey::Answer::kRefuse);
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
                     .is_switch = foreign.form == ForeignKey::Form::kSwitch,
                     .is_list = foreign.form == ForeignKey::Form::kList,
                     .is_job = foreign.is_job});
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
