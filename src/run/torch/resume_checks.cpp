#include "run/torch/resume_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/tokenizer/files.h"
#include "bertft/train/results.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

// What somebody else put where a run of `total` steps, `done` of them behind it, will save is not replaced, and no save
// is to find that out.
void refuse_names_taken(const std::string& output_dir, std::int64_t done, std::int64_t total) {
  for (const checkpoint::Found& there : checkpoint::list_foreign_names(output_dir)) {
    if (there.step <= done || there.step > total) continue;
    throw OutputError(
        fmt::format("{} is no checkpoint of this program, and may stand where the run will save one.\n"
                    "Move it away, or choose another with --output-dir DIR.",
                    there.directory));
  }
}

// A run whose last checkpoint found no room has left its model alone in output_dir, and may be done again; the files of
// another would be mixed with it.
void check_kept_model(const train::RunIdentity& identity, const std::string& output_dir) {
  const auto is_in = [&](const char* name) { return is_there((fs::path(output_dir) / name).string()); };
  if (!is_in(checkpoint::kWeightsName) || !is_in(checkpoint::kStateName)) return;
  train::check_same_run(train::read_run_state(output_dir).identity, identity, output_dir);
}

// None where it cannot be read: damaged, it is passed over.
std::optional<train::RunState> state_in(const std::string& directory) {
  try {
    return train::read_run_state(directory);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// What tells two runs apart, as far as it can be read; none: nothing.
std::optional<std::string> difference_of_runs(const std::string& there, const train::RunState& state,
                                              const std::string& checkpoint, const train::RunState& saved) {
  try {
    train::check_same_run(state.identity, saved.identity, there);
  } catch (const Error& e) {
    return std::string(first_line(e.what()));
  }
  std::set<std::string> savers(state.memory_savers.begin(), state.memory_savers.end());
  savers.insert(saved.memory_savers.begin(), saved.memory_savers.end());
  try {
    for (const config::Difference& d : config::differences(options_in(there), options_in(checkpoint))) {
      if (!savers.contains(d.key)) return fmt::format("{} has {} {}, not {}", there, d.key, d.was, d.is);
    }
  } catch (const Error&) {
  }
  return std::nullopt;
}

// A checkpoint of elsewhere may go on where nothing stands yet, or its own run.
void refuse_other_run(const std::string& checkpoint, const train::RunState& saved, const std::string& output_dir) {
  const fs::path own_run = fs::path(checkpoint).parent_path();
  std::error_code ignored;
  if (fs::equivalent(own_run, output_dir, ignored)) return;
  std::vector<std::string> models = {output_dir};
  for (const checkpoint::Found& there : checkpoint::list_own_checkpoints(output_dir)) models.push_back(there.directory);
  for (const std::string& there : models) {
    const auto state = state_in(there);
    // One brought from beside this one may have been saved under other options.
    if (!state || checkpoint::is_copy(there, (own_run / fs::path(there).filename()).string())) continue;
    if (const auto difference = difference_of_runs(there, *state, checkpoint, saved)) {
      throw OutputError(
          fmt::format("output_dir {} holds another run, whose files would be mixed with this one's:\n{}\n"
                      "Choose another with --output-dir DIR.",
                      output_dir, *difference));
    }
  }
}

// Weights and moments are the checkpoint's; a tokenizer or a dropout that has changed where the run began would go on
// as another run.
void check_model_files(const Inputs& in, const std::string& checkpoint) {
  std::vector<std::string> changed;
  // In any order of keys, and without what says how a file was written.
  const auto content_of = [](const weights::EncoderConfig& config) {
    nlohmann::json content = nlohmann::json::parse(weights::question_answering_config_json(config));
    for (const char* key : {"transformers_version", "_name_or_path"}) content.erase(key);
    return content;
  };
  if (content_of(weights::read_encoder_config(checkpoint)) != content_of(in.files.config)) {
    const std::string directory = in.options().model.config_name.value_or(in.files.directory);
    changed.push_back((fs::path(directory) / "config.json").string());
  }
  const std::map<std::string, std::string> now = carried_tokenizer_files(in.files);
  for (const char* name : tokenizer::kTokenizerFiles) {
    const std::string saved = (fs::path(checkpoint) / name).string();
    const auto found = now.find(name);
    const bool is_same = found == now.end() ? !is_there(saved) : is_there(saved) && read_file(saved) == found->second;
    if (!is_same) changed.push_back((fs::path(in.files.tokenizer_directory) / name).string());
  }
  if (changed.empty()) return;
  throw CheckpointError(
      fmt::format("{} was trained with another {}.\n"
                  "Put that back, or name a copy of the checkpoint's: --config-name DIR --tokenizer-name DIR.",
                  checkpoint, fmt::join(changed, ", ")));
}

}  // namespace

void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir) {
  const std::vector<checkpoint::Found> there = checkpoint::list_own_checkpoints(output_dir);
  if (there.empty() || there.front().step <= from.step) return;
  throw OutputError(
      fmt::format("{} holds {}, later than {}.\n"
                  "Move later checkpoints away, or choose another --output-dir DIR for the steps from {} on.",
                  output_dir, fs::path(there.front().directory).filename().string(), from.directory, from.step));
}

train::RunIdentity identity_of(const Inputs& in) {
  const auto seed = static_cast<std::uint64_t>(in.options().train.seed);
  return {.data_sha256 = in.train_set.sha256,
          .num_features = in.plan.num_features,
          .effective_batch = in.plan.effective_batch,
          .total_steps = in.plan.total_steps,
          .seed = seed,
          .data_seed = static_cast<std::uint64_t>(in.options().train.data_seed.value_or(in.options().train.seed))};
}

config::Options options_in(const std::string& checkpoint) {
  const std::string path = (fs::path(checkpoint) / checkpoint::kStoredConfig).string();
  return config::resolve({.files = {path}, .environment = {}, .command_line = {}}).options;
}

void check_beginning(const Inputs& in) {
  const train::TrainOptions& o = in.options().train;
  if (o.resume_from_checkpoint) {
    check_kept_model(identity_of(in), *o.output_dir);
    if (train::has_results(*o.output_dir)) return;
  }
  refuse_names_taken(*o.output_dir, 0, in.plan.total_steps);
}

void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Inputs& in) {
  const train::TrainOptions& o = in.options().train;
  refuse_other_run(checkpoint, saved, *o.output_dir);
  if (train::is_over(saved, in.plan, o) && train::has_results(*o.output_dir)) return;
  refuse_names_taken(*o.output_dir, saved.step, in.plan.total_steps);
  check_model_files(in, checkpoint);
}

}  // namespace bertft::run
