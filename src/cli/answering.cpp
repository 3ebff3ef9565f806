#include "cli/answering.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>

#include "bertft/train/run_state.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

double threshold_for(const eval::EvalOptions& options, const std::string& model_directory) {
  if (options.null_score_diff_threshold) return *options.null_score_diff_threshold;
  if (const auto stored = train::read_best_threshold(model_directory)) return *stored;
  throw ConfigError(
      fmt::format("null_score_diff_threshold is auto, but {} stores no tuned threshold.\n"
                  "Give a number: --set null_score_diff_threshold=0",
                  model_directory));
}

}  // namespace

std::optional<std::string> data_file(const std::string& given, const config::Resolved& resolved, const char* key,
                                     const std::optional<std::string>& of_key) {
  for (const char* other : {"validation_file", "test_file"}) {
    const std::string& named = resolved.origins.at(other);
    if (std::string_view(other) != key && named.starts_with("--")) {
      throw UsageError(fmt::format("{} names no data here; this command takes --data FILE.", named));
    }
  }
  const std::string& origin = resolved.origins.at(key);
  if (!given.empty()) {
    if (origin.starts_with("--")) throw UsageError(fmt::format("--data and {} both name data; give one.", origin));
    return given;
  }
  if (!of_key || is_there(*of_key)) return of_key;
  throw InputError(fmt::format("{} is {}, which is not there ({}).\nName the data with --data FILE.", key,
                               printable(*of_key), origin));
}

void make_result_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && access(path.c_str(), W_OK | X_OK) != 0) error = {errno, std::generic_category()};
  if (error)
    throw OutputError(fmt::format("{}: results cannot be written there: {}.", printable(path), error.message()));
}

eval::Task make_task(const run::TrainedModel& trained, const data::Dataset& dataset, const data::Features& features,
                     bool with_negative) {
  const eval::EvalOptions& options = trained.resolved.options.eval;
  const double threshold = with_negative ? threshold_for(options, trained.files.directory) : 0.0;
  return {dataset, features, options, threshold, with_negative};
}

}  // namespace bertft::cli
