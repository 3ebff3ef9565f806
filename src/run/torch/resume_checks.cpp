#include "run/torch/resume_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
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
std::optional<train::RunIdentity> identity_in(const std::string& directory) {
  try {
    return train::read_run_state(directory).identity;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// A checkpoint of elsewhere may go on where nothing stands yet, or its own run.
void refuse_other_run(const train::RunIdentity& identity, const std::string& output_dir) {
  std::vector<std::string> states = {output_dir};
  for (const checkpoint::Found& there : checkpoint::list_own_checkpoints(output_dir)) states.push_back(there.directory);
  try {
    for (const std::string& directory : states) {
      if (const auto saved = identity_in(directory)) train::check_same_run(*saved, identity, directory);
    }
  } catch (const Error& e) {
    throw OutputError(
        fmt::format("output_dir {} holds another run, whose files would be mixed with this one's:\n{}\n"
                    "Choose another with --output-dir DIR.",
                    output_dir, first_line(e.what())));
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

void check_beginning(const train::RunIdentity& identity, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  if (o.resume_from_checkpoint && train::has_results(*o.output_dir)) return;
  refuse_names_taken(*o.output_dir, 0, job.inputs.plan.total_steps);
  if (!o.resume_from_checkpoint) return;
  check_kept_model(identity, *o.output_dir);
  log::info(fmt::format("resume   no checkpoint in {}; starting afresh", *o.output_dir));
}

void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  if (train::is_over(saved, job.inputs.plan, o)) return;
  refuse_names_taken(*o.output_dir, saved.step, job.inputs.plan.total_steps);
  check_model_files(job.inputs, checkpoint);
  if (*o.resume_from_checkpoint != "auto") refuse_other_run(saved.identity, *o.output_dir);
}

}  // namespace bertft::run
