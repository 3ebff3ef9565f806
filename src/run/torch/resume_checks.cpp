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

// A checkpoint of elsewhere may go on where nothing stands yet, or what was brought from beside it.
void refuse_other_run(const train::RunIdentity& identity, const std::string& checkpoint,
                      const std::string& output_dir) {
  const fs::path own_run = fs::path(checkpoint).parent_path();
  std::error_code ignored;
  if (fs::equivalent(own_run, output_dir, ignored)) return;
  const auto refuse = [&](const std::string& what) {
    throw OutputError(
        fmt::format("output_dir {} holds another run, whose files would be mixed with this one's: {}.\n"
                    "Choose another with --output-dir DIR.",
                    output_dir, what));
  };
  if (train::has_results(output_dir)) refuse("it is finished");
  for (const checkpoint::Found& there : checkpoint::list_own_checkpoints(output_dir)) {
    const std::string name = fs::path(there.directory).filename().string();
    if (!checkpoint::is_copy(there.directory, (own_run / name).string()))
      refuse(name + " is not " + own_run.string() + "'s");
  }
  try {
    check_kept_model(identity, output_dir);
  } catch (const Error& e) {
    refuse(std::string(first_line(e.what())));
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
  if (o.resume_from_checkpoint) {
    check_kept_model(identity, *o.output_dir);
    if (train::has_results(*o.output_dir)) return;
    log::info(fmt::format("resume   no checkpoint in {}; starting afresh", *o.output_dir));
  }
  refuse_names_taken(*o.output_dir, 0, job.inputs.plan.total_steps);
}

void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  refuse_other_run(saved.identity, checkpoint, *o.output_dir);
  if (train::is_over(saved, job.inputs.plan, o) && train::has_results(*o.output_dir)) return;
  refuse_names_taken(*o.output_dir, saved.step, job.inputs.plan.total_steps);
  check_model_files(job.inputs, checkpoint);
}

}  // namespace bertft::run
