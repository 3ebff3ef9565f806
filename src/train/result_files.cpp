#include "train/result_files.h"

#include <fmt/format.h>

#include <filesystem>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/eval/prediction_files.h"
#include "bertft/train/results.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"

namespace bertft::train {
namespace {

constexpr const char *kEvalResults = "eval_results.json", *kAllResults = "all_results.json";
constexpr const char* kLastResult = "train_results.json";  // written after all others, so that it stands for them

// Hugging Face's form: keys sorted, four spaces, no newline at the end.
void write_sorted(const std::filesystem::path& path, const nlohmann::json& values) {
  write_file_atomically(path.string(), python_json(Json(values), 4));
}

// Made of other files: a damaged one is no reason to fail when the work is done.
nlohmann::json earlier_results(const std::string& path) {
  if (is_there(path)) {
    try {
      nlohmann::json results = read_json(path);
      if (results.is_object()) return results;
    } catch (const Error& e) {
      log::warn(fmt::format("{}; it is written anew", e.what()));
    }
  }
  return nlohmann::json::object();
}

void write_results(const std::string& run_directory, const std::string& name, const nlohmann::json& values) {
  const std::filesystem::path directory(run_directory);
  const auto all = directory / kAllResults;
  nlohmann::json merged = earlier_results(all.string());
  merged.update(values);
  write_sorted(all, merged);
  write_sorted(directory / name, values);  // last: kLastResult stands for all files
}

}  // namespace

void write_train_results(const std::string& run_directory, const Json& results) {
  write_results(run_directory, kLastResult, nlohmann::json(results));
}

void write_eval_results(const std::string& run_directory, const Json& results) {
  write_results(run_directory, kEvalResults, nlohmann::json(results));
}

bool has_results(const std::string& run_directory) {
  const std::filesystem::path directory(run_directory);
  return is_there(directory / checkpoint::kWeightsName) && is_there(directory / kLastResult);
}

void withdraw_results(const std::string& run_directory) {
  std::filesystem::remove(std::filesystem::path(run_directory) / kLastResult);
}

void withdraw_evaluation(const std::string& run_directory) {
  for (const char* name : {kEvalResults, kAllResults}) {
    std::filesystem::remove(std::filesystem::path(run_directory) / name);
  }
  eval::remove_prediction_files(prediction_prefix(run_directory));
}

std::string prediction_prefix(const std::string& run_directory) {
  return run_directory + "/eval_";
}

}  // namespace bertft::train
