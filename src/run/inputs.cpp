#include "bertft/run/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/run/startup.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

// A run that goes on has in its checkpoints what it still needs of the model that it began with, which may be gone: the
// directory, what it is the mount point of, or what its links lead to.
std::string model_directory(const config::Options& options) {
  const std::string& given = *options.model.model_name_or_path;
  std::optional<std::string> resumed = options.train.resume_from_checkpoint;
  std::error_code ignored;
  if (!resumed || std::filesystem::exists(std::filesystem::path(given) / "config.json", ignored)) return given;
  if (*resumed == "auto") {
    std::vector<std::string> skipped;  // told of where the run looks for its start
    const auto newest = checkpoint::newest_good(*options.train.output_dir, skipped);
    if (!newest) return given;
    resumed = newest->directory;
  }
  if (!is_there(*resumed)) return given;
  log::info(
      fmt::format("resume   the model in {} is gone: config.json and tokenizer are those of {}", given, *resumed));
  return *resumed;
}

}  // namespace

Inputs read_inputs(config::Resolved resolved) {
  Inputs in;
  in.resolved = std::move(resolved);
  const config::Options& options = in.options();
  in.files = load_model_files(in.resolved, model_directory(options));
  note_startup("tokenizer");
  auto train = data::read_and_tokenize(*options.data.train_file, *in.files.tokenizer, options.data.max_train_samples);
  in.train_set = std::move(train.dataset);
  warn_of_missing_answers(in.train_set);
  note_startup("training file");
  in.train_features =
      data::make_features(in.train_set, std::move(train.tokens), options.data, data::Purpose::kTraining);
  in.train_features.keep_first(options.data.max_train_samples);  // run_qa.py counts twice: questions, then windows
  note_startup("training windows");
  in.with_negative = with_negative(options.data, in.train_set);
  if (options.data.validation_file) {
    auto validation =
        data::read_and_tokenize(*options.data.validation_file, *in.files.tokenizer, options.data.max_eval_samples);
    in.validation_set = std::move(validation.dataset);
    warn_of_missing_answers(*in.validation_set);
    in.validation_features =
        data::make_features(*in.validation_set, std::move(validation.tokens), options.data, data::Purpose::kEvaluation);
    in.with_negative = in.with_negative || with_negative(options.data, *in.validation_set);
    const train::BestMetric metric = options.train.metric_for_best_model;
    if (!in.with_negative && (metric == train::BestMetric::kBestF1 || metric == train::BestMetric::kBestExact)) {
      throw ConfigError(
          fmt::format("metric_for_best_model is {}, but {} has no unanswerable questions.\n"
                      "Without them no threshold is searched; use f1 or exact.",
                      name_of(metric), *options.data.validation_file));
    }
    note_startup("validation windows");
  }
  in.plan = train::make_plan(static_cast<std::int64_t>(in.train_features.windows.size()), options.train);
  if (!options.train.resume_from_checkpoint) {
    in.weights = model_weights(in);
    note_startup("weights");
  }
  return in;
}

std::shared_ptr<const weights::ModelWeights> model_weights(const Inputs& in) {
  if (in.weights) return in.weights;
  return std::make_shared<weights::ModelWeights>(
      weights::read_weights(in.files.directory, in.files.config, weights::Head::kMayBeMissing));
}

void warn_of_missing_answers(const data::Dataset& dataset) {
  if (dataset.num_answerable() == 0) {
    log::warn(fmt::format("{}: no question has an answer: \"no answer\" counts as right everywhere", dataset.name));
    return;
  }
  const auto unmarked = std::ranges::count_if(dataset.questions, [](const data::Question& question) {
    return question.answers.empty() && !question.is_impossible;
  });
  if (unmarked == 0) return;
  log::warn(
      fmt::format("{}: {} without answers, not marked is_impossible: \"no answer\" counts as right there "
                  "(data check lists them)",
                  dataset.name, counted(unmarked, "question")));
}

bool with_negative(const data::DataOptions& options, const data::Dataset& dataset) {
  return options.version_2_with_negative.value_or(dataset.has_unanswerable);
}

}  // namespace bertft::run
