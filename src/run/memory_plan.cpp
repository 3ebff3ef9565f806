#include "bertft/run/memory_plan.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "bertft/memory/limits.h"
#include "bertft/memory/machine.h"
#include "bertft/run/inputs.h"
#include "bertft/run/model_files.h"
#include "bertft/tokenizer/files.h"
#include "bertft/train/plan.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"

namespace bertft::run {

namespace {

// An amount may be that of any machine; a share is of this one's memory.
std::uint64_t usable_of_limit(const memory::MemoryOptions& options, bool is_cuda) {
  const bool is_share = options.memory_limit->find('%') != std::string::npos;
  if (is_share && is_cuda) {
    throw ConfigError(
        "a plan is made without a GPU, of which memory_limit could be a share.\n"
        "Give an amount such as 12GiB, or --device cpu.");
  }
  return memory::planned_usable(options,
                                is_share ? memory::machine_capacity().total : std::numeric_limits<std::int64_t>::max());
}

// Of the words' table those rows that a run would train, where texts and tokenizer are there to tell.
weights::EncoderConfig trained_part(const weights::EncoderConfig& whole, config::Resolved& resolved) {
  const config::Options& options = resolved.options;
  const data::DataOptions& files = options.data;
  if (!options.model.model_name_or_path || !files.train_file) return whole;
  const ModelDirectories directories = named_directories(options.model);
  std::string missing = tokenizer::tokenizer_files(directories.tokenizer).empty() ? "the tokenizer" : "";
  for (const std::optional<std::string>& file : {files.train_file, files.validation_file}) {
    if (file && !is_there(*file)) missing = *file;
  }
  if (!missing.empty()) {
    log::info(fmt::format("planned for the whole word table, though the data may use less: {} is not there", missing));
    return whole;
  }
  const ModelFiles model = load_model_files(resolved, directories);
  std::vector<data::TokenizedDataset> sets;
  const auto read = [&](const std::string& path, const std::optional<std::int64_t>& most) {
    sets.push_back(data::read_and_tokenize(path, *model.tokenizer, most));
  };
  read(*files.train_file, files.max_train_samples);
  if (files.validation_file) read(*files.validation_file, files.max_eval_samples);
  std::vector<const data::Tokens*> texts;
  for (const data::TokenizedDataset& set : sets) texts.push_back(&set.tokens);
  return rows_to_train(whole, options.optim, texts).config();
}

}  // namespace

memory::PlanReport plan_memory(config::Resolved resolved) {
  const config::Options& options = resolved.options;
  const auto& directory = options.model.config_name ? options.model.config_name : options.model.model_name_or_path;
  if (!directory) throw ConfigError("a plan needs a model.\nSet model_name_or_path, or --model-name-or-path DIR.");
  keep_to_model_max_length(
      resolved, options.model.tokenizer_name.value_or(options.model.model_name_or_path.value_or(*directory)));
  const bool is_cuda = options.device.device != device::DeviceChoice::kCpu;
  const memory::StepShape shape{.encoder = trained_part(weights::read_encoder_config(*directory), resolved),
                                .length = options.data.max_seq_length,
                                .precision = device::precision_of(options.device, /*bf16_by_default=*/is_cuda),
                                .gradient_checkpointing = options.model.gradient_checkpointing.value_or(false),
                                .is_cuda = is_cuda,
                                .is_before_ampere = options.device.fp16.value_or(false),  // for which it is
                                .num_threads = memory::machine_num_threads(),
                                .has_amx = memory::machine_has_amx()};
  check_length(options.data, shape.encoder.longest_sequence());
  const auto usable =
      options.memory.memory_limit ? std::optional(usable_of_limit(options.memory, is_cuda)) : std::nullopt;
  const std::int64_t effective = train::effective_batch(options.train);
  const memory::PlanBatches batches{.effective = effective,
                                    .micro = train::micro_batch(options.train, effective, options.data.max_seq_length),
                                    .eval = options.eval.per_device_eval_batch_size};
  return memory::make_plan_report(shape, batches, usable);
}

}  // namespace bertft::run
