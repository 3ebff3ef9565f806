#include "bertft/run/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/tokenizer/files.h"
#include "bertft/train/results.h"
#include "bertft/train/run_state.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

tokenizer::ModelFacts facts_of(const weights::EncoderConfig& config) {
  const Json json = parse_json(config.json, "config.json");
  return {.num_embeddings = config.vocab_size,
          .has_token_types = config.type_vocab_size > 1,
          .model_type = config.model_type,
          .tokenizer_class = string_member(json, "tokenizer_class", "config.json")};
}

void check_fit(const ModelFiles& files, const config::Options& options) {
  const auto vocabulary = static_cast<std::int64_t>(files.tokenizer->vocabulary_size());
  // Embeddings are padded to a multiple of 128 rows at most.
  constexpr std::int64_t kPadding = 128;
  if (files.config.vocab_size - vocabulary >= kPadding) {
    log::warn(fmt::format("the tokenizer in {} has {} pieces, the model {} (vocab_size): is its file whole?",
                          files.tokenizer_directory, with_thousands(vocabulary),
                          with_thousands(files.config.vocab_size)));
  }
  check_length(options.data, files.config.longest_sequence());
}

bool holds_model(const fs::path& directory) {
  return is_there((directory / checkpoint::kWeightsName).string()) ||
         is_there((directory / "model.safetensors.index.json").string());
}

// The step of the best checkpoint, by the newest one that can be read.
std::optional<std::int64_t> best_step(const std::string& run_directory) {
  for (const auto& found : checkpoint::list_checkpoints(run_directory)) {
    try {
      return train::read_run_state(found.directory).best_step;
    } catch (const Error&) {
      continue;  // a damaged one; an older one may say
    }
  }
  return std::nullopt;
}

// Whether a run has gone on since it left its model: by a later checkpoint, of which that model is not the best so far
// either, and no end that came after.
bool has_gone_on(const std::string& directory) {
  if (train::has_results(directory)) return false;
  const std::vector<checkpoint::Found> checkpoints = checkpoint::list_checkpoints(directory);
  if (checkpoints.empty()) return false;
  try {
    const std::int64_t step = train::read_run_state(directory).step;
    return checkpoints.front().step > step && best_step(directory) != step;
  } catch (const Error&) {
    return false;  // not the model of a run of ours
  }
}

// The best checkpoint of a run, else the newest, that holds a whole model; tells of those passed over.
std::optional<checkpoint::Found> usable_checkpoint(const std::string& run_directory,
                                                   const std::optional<std::int64_t>& best) {
  std::vector<checkpoint::Found> candidates = checkpoint::list_checkpoints(run_directory);
  std::ranges::stable_partition(candidates, [&](const checkpoint::Found& one) { return one.step == best; });
  const auto check = [](const std::string& directory) {
    try {
      checkpoint::verify_model(directory);
    } catch (const Error& e) {  // whichever: nothing is lost where another is read
      throw CheckpointError(e.what());
    }
    if (!holds_model(directory)) throw CheckpointError(fmt::format("{} holds no model.", directory));
  };
  std::vector<std::string> skipped;
  const auto chosen = checkpoint::first_good(candidates, check, skipped);
  if (!chosen && !skipped.empty()) {
    throw CheckpointError(
        fmt::format("none of the {} checkpoints in {} is whole.\n{}", skipped.size(), run_directory, skipped.front()));
  }
  for (const std::string& line : skipped) log::warn(line);
  return chosen;
}

}  // namespace

void keep_to_model_max_length(config::Resolved& resolved, const std::string& tokenizer_directory) {
  std::int64_t& length = resolved.options.data.max_seq_length;
  const auto allowed = tokenizer::model_max_length(tokenizer_directory);
  if (!allowed || static_cast<double>(length) <= *allowed) return;
  const auto lowered = static_cast<std::int64_t>(*allowed);
  log::warn(fmt::format("max_seq_length is {} instead of {}: the tokenizer in {} has model_max_length {}", lowered,
                        length, tokenizer_directory, lowered));
  length = lowered;
  resolved.origins["max_seq_length"] = "the tokenizer's model_max_length";
}

void check_length(const data::DataOptions& options, std::int64_t longest_sequence) {
  if (options.max_seq_length <= longest_sequence) return;
  throw ConfigError(
      fmt::format("max_seq_length is {}; this model takes {} tokens at most.\n"
                  "Lower it (--max-seq-length {}), or choose a model with more positions.",
                  options.max_seq_length, longest_sequence, longest_sequence));
}

std::map<std::string, std::string> carried_tokenizer_files(const ModelFiles& files) {
  std::map<std::string, std::string> carried;
  for (const std::string& name : tokenizer::tokenizer_files(files.tokenizer_directory)) {
    carried[name] = read_file((fs::path(files.tokenizer_directory) / name).string());
  }
  const auto completed = tokenizer::completed_config(files.tokenizer_directory, facts_of(files.config));
  if (completed) carried[tokenizer::kTokenizerConfig] = *completed;
  return carried;
}

ModelDirectories named_directories(const model::ModelOptions& options) {
  const std::string& model = *options.model_name_or_path;
  return {.model = model,
          .config = options.config_name.value_or(model),
          .tokenizer = options.tokenizer_name.value_or(model)};
}

ModelFiles load_model_files(config::Resolved& resolved, const ModelDirectories& directories) {
  ModelFiles files;
  files.directory = directories.model;
  files.tokenizer_directory = directories.tokenizer;
  keep_to_model_max_length(resolved, files.tokenizer_directory);
  files.config = weights::read_encoder_config(directories.config);
  files.tokenizer = tokenizer::load_tokenizer(files.tokenizer_directory, facts_of(files.config));
  check_fit(files, resolved.options);
  return files;
}

std::string resolve_model_directory(const std::string& given) {
  std::error_code error;
  if (!fs::is_directory(given, error)) {
    throw InputError(fmt::format(
        "{} is not a directory{}.\nExpected a run directory, one of its checkpoints, or a Hugging Face model.\n{}",
        printable(given), error ? fmt::format(" ({})", error.message()) : "", fetch_advice()));
  }
  checkpoint::verify_model(given);
  const bool has_model = holds_model(given);
  if (has_model && !has_gone_on(given)) return given;
  const std::optional<std::int64_t> best = best_step(given);
  std::optional<checkpoint::Found> chosen;
  try {
    chosen = usable_checkpoint(given, best);
  } catch (const CheckpointError& e) {
    if (!has_model) throw;
    log::warn(fmt::format("{} An older model is taken, the one in {} itself.", first_line(e.what()), given));
    return given;
  }
  if (!chosen && is_there((fs::path(given) / checkpoint::kStoredConfig).string())) {
    throw InputError(fmt::format("{} is the directory of a run that has saved no checkpoint yet.", printable(given)));
  }
  if (!chosen) return given;  // reading the weights will say what is missing
  log::info(fmt::format("{} {}; taking its {} checkpoint, {}", given,
                        has_model ? "has gone on since it left its model" : "holds no model of its own",
                        chosen->step == best ? "best" : "newest", chosen->directory));
  return chosen->directory;
}

}  // namespace bertft::run
