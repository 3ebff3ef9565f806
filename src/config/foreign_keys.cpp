#include "config/foreign_keys.h"

#include <algorithm>

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

}  // namespace

const std::vector<TranslatedKey>& translated_keys() {
  static const std::vector<TranslatedKey> keys = {
      {"warmup_ratio", "warmup_steps", "a number of at least 0 and below 1", translate_warmup_ratio},
      {"auto_find_batch_size", "probe_memory", kTrueOrFalse, translate_batch_wish},
      {"use_cpu", "device", kTrueOrFalse, translate_cpu_wish},
      {"no_cuda", "device", kTrueOrFalse, translate_cpu_wish},
  };
  return keys;
}

const std::vector<ForeignKey>& foreign_keys() {
  using enum ForeignKey::Answer;
  static const std::vector<ForeignKey> keys = {
      {"accelerator_config", kPassOver, "one device is used"},
      {"average_tokens_across_devices", kPassOver, "one device is used"},
      {"batch_eval_metrics", kPassOver, "logits never pile up"},
      {"cache_dir", kPassOver, "no cache is kept"},
      {"dataloader_in_order", kPassOver, "the program has its own threads"},
      {"dataloader_multiprocessing_context", kPassOver, "the program has its own threads"},
      {"dataloader_num_workers", kPassOver, "the program has its own threads"},
      {"dataloader_persistent_workers", kPassOver, "the program has its own threads"},
      {"dataloader_pin_memory", kPassOver, "the program has its own threads"},
      {"dataloader_prefetch_factor", kPassOver, "the program has its own threads"},
      {"ddp_backend", kPassOver, "one device is used"},
      {"ddp_broadcast_buffers", kPassOver, "one device is used"},
      {"ddp_bucket_cap_mb", kPassOver, "one device is used"},
      {"ddp_find_unused_parameters", kPassOver, "one device is used"},
      {"ddp_static_graph", kPassOver, "one device is used"},
      {"ddp_timeout", kPassOver, "one device is used"},
      {"debug", kPassOver, "there are no such modes"},
      {"disable_tqdm", kPassOver, "the progress line shows on a terminal only"},
      {"dispatch_batches", kPassOver, "one device is used"},
      {"do_eval", kPassOver, "training evaluates validation_file where one is set; the eval command scores a model"},
      {"do_lower_case", kPassOver, "the tokenizer's own files decide"},
      {"do_predict", kPassOver, "the predict command answers questions"},
      {"do_train", kPassOver, "the command decides; without one the program trains"},
      {"enable_jit_checkpoint", kPassOver, "a run that is told to end always leaves a checkpoint"},
      {"eval_accumulation_steps", kPassOver, "logits never pile up on the device"},
      {"eval_do_concat_batches", kPassOver, "logits never pile up"},
      {"eval_use_gather_object", kPassOver, "one device is used"},
      {"fp16_backend", kPassOver, "float16 is not built"},
      {"fp16_opt_level", kPassOver, "float16 is not built"},
      {"fsdp_config", kPassOver, "one device is used"},
      {"fsdp_min_num_params", kPassOver, "one device is used"},
      {"fsdp_transformer_layer_cls_to_wrap", kPassOver, "one device is used"},
      {"gradient_checkpointing_kwargs", kPassOver, "gradient_checkpointing has no variants"},
      {"group_by_length", kPassOver, "nothing is padded"},
      {"half_precision_backend", kPassOver, "float16 is not built"},
      {"hub_always_push", kPassOver, "nothing is uploaded"},
      {"hub_model_id", kPassOver, "nothing is uploaded"},
      {"hub_private_repo", kPassOver, "nothing is uploaded"},
      {"hub_revision", kPassOver, "nothing is uploaded"},
      {"hub_strategy", kPassOver, "nothing is uploaded"},
      {"hub_token", kPassOver, "nothing is uploaded"},
      {"include_for_metrics", kPassOver, "the metric is the official one"},
      {"include_inputs_for_metrics", kPassOver, "the metric is the official one"},
      {"include_num_input_tokens_seen", kPassOver, "features are counted"},
      {"include_tokens_per_second", kPassOver, "features a second are always shown"},
      {"label_names", kPassOver, "the labels are the answer's start and end"},
      {"length_column_name", kPassOver, "nothing is padded"},
      {"liger_kernel_config", kPassOver, "the program has its own kernels"},
      {"local_rank", kPassOver, "one device is used"},
      {"log_level", kPassOver, "-q and -v decide what is shown"},
      {"log_level_replica", kPassOver, "one device is used"},
      {"log_on_each_node", kPassOver, "one device is used"},
      {"logging_dir", kPassOver, "logs and metrics go to output_dir"},
      {"logging_first_step", kPassOver, "logging_steps alone decides"},
      {"logging_nan_inf_filter", kPassOver, "a loss that is not finite is never hidden"},
      {"logging_strategy", kPassOver, "what is logged is logged every logging_steps"},
      {"mp_parameters", kPassOver, "one device is used"},
      {"overwrite_cache", kPassOver, "no cache is kept"},
      {"pad_to_max_length", kPassOver, "nothing is padded"},
      {"parallelism_config", kPassOver, "one device is used"},
      {"past_index", kPassOver, "an encoder has no past"},
      {"preprocessing_num_workers", kPassOver, "the program has its own threads"},
      {"project", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"push_to_hub_model_id", kPassOver, "nothing is uploaded"},
      {"push_to_hub_organization", kPassOver, "nothing is uploaded"},
      {"push_to_hub_token", kPassOver, "nothing is uploaded"},
      {"ray_scope", kPassOver, "there is no search of hyper-parameters"},
      {"remove_unused_columns", kPassOver, "the data has no spare columns"},
      {"report_to", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"restore_callback_states_from_checkpoint", kPassOver, "there are no callbacks"},
      {"run_name", kPassOver, "a run is named by its output_dir"},
      {"save_on_each_node", kPassOver, "one device is used"},
      {"save_safetensors", kPassOver, "weights are always safetensors"},
      {"skip_memory_metrics", kPassOver, "peak memory is always measured"},
      {"split_batches", kPassOver, "one device is used"},
      {"token", kPassOver, "nothing is downloaded"},
      {"torch_compile_backend", kPassOver, "the program is native code already"},
      {"torch_compile_mode", kPassOver, "the program is native code already"},
      {"torch_empty_cache_steps", kPassOver, "memory is planned"},
      {"tpu_metrics_debug", kPassOver, "the devices are cuda and cpu"},
      {"tpu_num_cores", kPassOver, "the devices are cuda and cpu"},
      {"trackio_bucket_id", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"trackio_space_id", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"trackio_static_space_id", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"trust_remote_code", kPassOver, "code of a model directory is never run"},
      {"use_cache", kPassOver, "an encoder keeps no keys and values"},
      {"use_fast_tokenizer", kPassOver, "there is one tokenizer, equal to the fast one"},

      {"adafactor", kRefuse, "the optimizer is AdamW"},
      {"bf16_full_eval", kRefuse, "evaluation computes as bf16 says"},
      {"dataset_config_name", kRefuse, "name the files: train_file, validation_file"},
      {"dataset_name", kRefuse, "name the files: train_file, validation_file (scripts/fetch_squad.sh gets SQuAD 2.0)"},
      {"deepspeed", kRefuse, "one device is used"},
      {"eval_delay", kRefuse, "evaluation begins with the first eval_steps"},
      {"fp16", kRefuse, "float16 is not built yet; leave it out, or set bf16: true on a GPU from Ampere on"},
      {"fp16_full_eval", kRefuse, "float16 is not built yet; leave it out, or set bf16: true on a GPU from Ampere on"},
      {"fsdp", kRefuse, "one device is used"},
      {"ignore_data_skip", kRefuse, "a resumed run always continues at its place in the data"},
      {"jit_mode_eval", kRefuse, "the program is native code already"},
      {"kernels", kRefuse, "only the reference path is built yet", {"auto", "reference"}},
      {"label_smoothing_factor", kRefuse, "the loss is plain cross-entropy"},
      {"lr_scheduler_kwargs", kRefuse, "schedules have no parameters besides warmup_steps"},
      {"max_predict_samples", kRefuse, "predict goes by max_eval_samples"},
      {"max_query_length", kRefuse, "questions are never cut, as in run_qa"},
      {"model_revision", kRefuse, "models are read from local directories; fetch that revision into one", {"main"}},
      {"neftune_noise_alpha", kRefuse, "no noise is added to embeddings"},
      {"optim", kRefuse, "the optimizer is AdamW", {"adamw_torch", "adamw_torch_fused"}},
      {"optim_args", kRefuse, "the optimizer is AdamW with the adam_* options"},
      {"optim_target_modules", kRefuse, "the optimizer is AdamW, of all modules"},
      {"prediction_loss_only", kRefuse, "an evaluation always scores its answers"},
      {"push_to_hub", kRefuse, "nothing is uploaded; push output_dir yourself"},
      {"save_only_model", kRefuse, "a checkpoint always holds what resuming needs"},
      {"torch_compile", kRefuse, "the program is native code already"},
      {"torchdynamo", kRefuse, "the program is native code already"},
      {"train_sampling_strategy", kRefuse, "the order of the data is always random", {"random", "group_by_length"}},
      {"use_ipex", kRefuse, "the program is native code already"},
      {"use_liger_kernel", kRefuse, "the program has its own kernels"},
      {"use_mps_device", kRefuse, "the devices are cuda and cpu"},
  };
  return keys;
}

bool asks_for_nothing(const Scalar& value) {
  if (value.form == Scalar::Form::kList || value.form == Scalar::Form::kMap) return false;
  if (is_null(value) || value.text.empty() || value.text == "none" || value.text == "None") return true;
  return read_bool(value.text) == false || read_number(value.text) == 0.0;
}

bool asks_for_nothing(const ForeignKey& key, const Scalar& value) {
  return asks_for_nothing(value) ||
         std::find(key.harmless.begin(), key.harmless.end(), value.text) != key.harmless.end();
}

}  // namespace bertft::config
