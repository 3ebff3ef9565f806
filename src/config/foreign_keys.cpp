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
      {"cache_dir", kPassOver, "no cache is kept"},
      {"dataloader_num_workers", kPassOver, "the program has its own threads"},
      {"dataloader_persistent_workers", kPassOver, "the program has its own threads"},
      {"dataloader_pin_memory", kPassOver, "the program has its own threads"},
      {"dataloader_prefetch_factor", kPassOver, "the program has its own threads"},
      {"ddp_backend", kPassOver, "one device is used"},
      {"ddp_find_unused_parameters", kPassOver, "one device is used"},
      {"ddp_timeout", kPassOver, "one device is used"},
      {"disable_tqdm", kPassOver, "the progress line shows on a terminal only"},
      {"do_eval", kPassOver, "training evaluates validation_file where one is set; the eval command scores a model"},
      {"do_lower_case", kPassOver, "the tokenizer's own files decide"},
      {"do_predict", kPassOver, "the predict command answers questions"},
      {"do_train", kPassOver, "the command decides; without one the program trains"},
      {"eval_accumulation_steps", kPassOver, "logits never pile up on the device"},
      {"gradient_checkpointing_kwargs", kPassOver, "gradient_checkpointing has no variants"},
      {"group_by_length", kPassOver, "nothing is padded"},
      {"hub_model_id", kPassOver, "nothing is uploaded"},
      {"hub_strategy", kPassOver, "nothing is uploaded"},
      {"hub_token", kPassOver, "nothing is uploaded"},
      {"local_rank", kPassOver, "one device is used"},
      {"log_level", kPassOver, "-q and -v decide what is shown"},
      {"logging_dir", kPassOver, "logs and metrics go to output_dir"},
      {"logging_first_step", kPassOver, "logging_steps alone decides"},
      {"logging_nan_inf_filter", kPassOver, "a loss that is not finite is never hidden"},
      {"overwrite_cache", kPassOver, "no cache is kept"},
      {"pad_to_max_length", kPassOver, "nothing is padded"},
      {"preprocessing_num_workers", kPassOver, "the program has its own threads"},
      {"remove_unused_columns", kPassOver, "the data has no spare columns"},
      {"report_to", kPassOver, "metrics go to metrics.jsonl in output_dir"},
      {"run_name", kPassOver, "a run is named by its output_dir"},
      {"save_safetensors", kPassOver, "weights are always safetensors"},
      {"skip_memory_metrics", kPassOver, "peak memory is always measured"},
      {"token", kPassOver, "nothing is downloaded"},
      {"trust_remote_code", kPassOver, "code of a model directory is never run"},
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
      {"logging_strategy", kPassOver, "what is logged is logged every logging_steps"},
      {"lr_scheduler_kwargs", kRefuse, "schedules have no parameters besides warmup_steps"},
      {"max_predict_samples", kRefuse, "predict answers all of its file"},
      {"max_query_length", kRefuse, "questions are never cut, as in run_qa"},
      {"model_revision", kRefuse, "models are read from local directories; fetch that revision into one", {"main"}},
      {"neftune_noise_alpha", kRefuse, "no noise is added to embeddings"},
      {"optim", kRefuse, "the optimizer is AdamW", {"adamw_torch", "adamw_torch_fused"}},
      {"optim_args", kRefuse, "the optimizer is AdamW with the adam_* options"},
      {"push_to_hub", kRefuse, "nothing is uploaded; push output_dir yourself"},
      {"save_only_model", kRefuse, "a checkpoint always holds what resuming needs"},
      {"torch_compile", kRefuse, "the program is native code already"},
      {"train_sampling_strategy", kRefuse, "the order of the data is always random", {"random", "group_by_length"}},
      {"use_liger_kernel", kRefuse, "the program has its own kernels"},
      {"use_mps_device", kRefuse, "the devices are cuda and cpu"},
  };
  return keys;
}

bool asks_for_nothing(const ForeignKey& key, const Scalar& value) {
  if (value.form == Scalar::Form::kList || value.form == Scalar::Form::kMap) return false;
  if (is_null(value) || value.text.empty() || value.text == "none" || value.text == "None") return true;
  if (read_bool(value.text) == false || read_number(value.text) == 0.0) return true;
  return std::find(key.harmless.begin(), key.harmless.end(), value.text) != key.harmless.end();
}

}  // namespace bertft::config
