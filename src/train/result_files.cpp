#include "train/result_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"

namespace bertft::train {
namespace {

// Hugging Face's form: keys sorted, four spaces, no newline at the end.
void write_sorted(const std::filesystem::path& path, const nlohmann::json& values) {
  write_file_atomically(path.string(), python_json(Json(values), 4));
}

// Made of other files: a damaged one is no reason to fail when the work is done.
nlohmann::json earlier_results(const std::string& path) {
  if (std::filesystem::exists(path)) {
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
  write_sorted(directory / name, values);
  const auto all = directory / "all_results.json";
  nlohmann::json merged = earlier_results(all.string());
  merged.update(values);
  write_sorted(all, merged);
}

}  // namespace

void write_train_results(const std::string& run_directory, const RunState& state, const Plan& plan, double runtime_s,
                         std::int64_t num_features) {
  const double steps = static_cast<double>(std::max<std::int64_t>(1, state.applied_steps));
  write_results(run_directory, kLastResult,
                {{"epoch", plan.epoch_after(state.step)},
                 {"train_loss", state.loss_total / steps},
                 {"train_runtime", runtime_s},
                 {"train_samples", plan.num_features},
                 {"train_samples_per_second", static_cast<double>(num_features) / runtime_s}});
}

void write_eval_results(const std::string& run_directory, const eval::Metrics& metrics, double loss, double epoch) {
  nlohmann::json values = nlohmann::json(metrics.to_json("eval_"));
  values["epoch"] = epoch;
  values["eval_loss"] = loss;
  write_results(run_directory, "eval_results.json", values);
}

void withdraw_evaluation(const std::string& run_directory) {
  for (const char* name : {"eval_results.json", "all_results.json", "eval_predictions.json",
                           "eval_nbest_predictions.json", "eval_null_odds.json"}) {
    std::filesystem::remove(std::filesystem::path(run_directory) / name);
  }
}

}  // namespace bertft::train
