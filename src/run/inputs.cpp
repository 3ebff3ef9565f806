#include "bertft/run/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/run/startup.h"
#include "bertft/tokenizer/files.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

// The checkpoint that a run will go on from, as far as can be told before its inputs are read.
std::optional<std::string> checkpoint_of(const train::TrainOptions& options) {
  if (options.resume_from_checkpoint != "auto") return options.resume_from_checkpoint;
  std::vector<std::string> skipped;  // told of where the run looks for its start
  const auto newest = checkpoint::newest_good(*options.output_dir, skipped);
  return newest ? std::optional(newest->directory) : std::nullopt;
}

// A run that goes on has in its checkpoints what it still needs of the directories that it began with, which may be
// gone: the directory, what it is the mount point of, or what its links lead to.
ModelDirectories directories_of(const config::Options& options) {
  ModelDirectories directories = named_directories(options.model);
  if (!options.train.resume_from_checkpoint) return directories;
  std::error_code ignored;
  const bool has_config = std::filesystem::exists(std::filesystem::path(directories.config) / "config.json", ignored);
  const bool has_tokenizer = !tokenizer::tokenizer_files(directories.tokenizer).empty();
  if (has_config && has_tokenizer) return directories;
  const std::optional<std::string> checkpoint = checkpoint_of(options.train);
  if (!checkpoint || !is_there(*checkpoint)) return directories;
  const auto replace = [&](std::string& directory, const char* what) {
    log::info(fmt::format("resume   {} in {} is gone: taken from {}", what, directory, *checkpoint));
    directory = *checkpoint;
  };
  if (!has_config) {
    if (directories.config == directories.model) directories.model = *checkpoint;
    replace(directories.config, "config.json");
  }
  if (!has_tokenizer) replace(directories.tokenizer, "the tokenizer");
  return directories;
}

// A few stand in every data set; many are a fault of the file.
void warn_of_many_misaligned(const data::Dataset& dataset, std::size_t num_misaligned, std::string_view consequence) {
  constexpr double kFew = 0.05;
  if (static_cast<double>(num_misaligned) <= kFew * static_cast<double>(dataset.questions.size())) return;
  log::warn(fmt::format("{}: {} of {} are {}: their answers are not at answer_start (data check says where they are)",
                        dataset.name, with_thousands(num_misaligned), counted(dataset.questions.size(), "question"),
                        consequence));
}

void refuse_without_answers(const data::Dataset& dataset) {
  if (dataset.num_answerable() > 0) return;
  throw DataError(fmt::format(
      "{}: no question has an answer, so there is nothing to learn.\n"
      "Expected is \"answers\": [{{\"text\": ..., \"answer_start\": ...}}], or the form of datasets; data check "
      "shows what was read.",
      dataset.name));
}

// As of another language's vocabulary.
void warn_of_unknown_words(const data::Dataset& dataset, const data::Tokens& tokens) {
  constexpr double kMany = 0.2;
  const double share = tokens.unknown_share();
  if (share <= kMany) return;
  log::warn(fmt::format("{}: {:.0f} % of its tokens are [UNK]; is the tokenizer one for this text?", dataset.name,
                        100 * share));
}

void number_words(Inputs& in) {
  std::vector<data::Tokens*> texts = {&in.train_features.tokens};
  if (in.validation_features) texts.push_back(&in.validation_features->tokens);
  in.rows = rows_to_train(in.files.config, in.options().optim, {texts.begin(), texts.end()});
  if (in.rows.are_all()) return;
  for (data::Tokens* tokens : texts) tokens->renumber(in.rows.numbers());
}

}  // namespace

weights::TrainedRows rows_to_train(const weights::EncoderConfig& whole, const optim::OptimOptions& options,
                                   const std::vector<const data::Tokens*>& texts) {
  if (options.weight_decay > 0) return weights::TrainedRows(whole);
  std::vector<bool> used(static_cast<std::size_t>(whole.vocab_size));
  for (const data::Tokens* tokens : texts) tokens->mark_ids(used);
  return weights::TrainedRows(whole, used);
}

Inputs read_inputs(config::Resolved resolved) {
  Inputs in;
  in.resolved = std::move(resolved);
  const config::Options& options = in.options();
  in.files = load_model_files(in.resolved, directories_of(options));
  note_startup("tokenizer");
  auto train = data::read_and_tokenize(*options.data.train_file, *in.files.tokenizer, options.data.max_train_samples);
  in.train_set = std::move(train.dataset);
  if (!options.data.max_train_samples) refuse_without_answers(in.train_set);
  warn_of_doubtful_answers(in.train_set);
  warn_of_unknown_words(in.train_set, train.tokens);
  note_startup("training file");
  in.train_features =
      data::make_features(in.train_set, std::move(train.tokens), options.data, data::Purpose::kTraining);
  warn_of_many_misaligned(in.train_set, in.train_features.num_skipped_questions, "left out of training");
  in.train_features.keep_first(options.data.max_train_samples);  // run_qa.py counts twice: questions, then windows
  note_startup("training windows");
  in.with_negative = with_negative(options.data, in.train_set);
  if (options.data.validation_file) {
    auto validation =
        data::read_and_tokenize(*options.data.validation_file, *in.files.tokenizer, options.data.max_eval_samples);
    in.validation_set = std::move(validation.dataset);
    warn_of_doubtful_answers(*in.validation_set);
    in.validation_features =
        data::make_features(*in.validation_set, std::move(validation.tokens), options.data, data::Purpose::kEvaluation);
    warn_of_many_misaligned(*in.validation_set, in.validation_features->num_unlabelled_questions,
                            "left out of the evaluation's loss");
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
  number_words(in);
  in.plan = train::make_plan(static_cast<std::int64_t>(in.train_features.windows.size()), options.train);
  if (!options.train.resume_from_checkpoint) {
    in.weights = model_weights(in);
    note_startup("weights");
  }
  return in;
}

std::shared_ptr<const weights::ModelWeights> model_weights(const Inputs& in) {
  if (in.weights) return in.weights;
  return std::make_shared<weights::ModelWeights>(in.rows.read(in.files.directory, weights::Head::kMayBeMissing));
}

void warn_of_doubtful_answers(const data::Dataset& dataset) {
  const auto contradicted = std::ranges::count_if(dataset.questions, [](const data::Question& question) {
    return question.is_impossible && question.has_answer();
  });
  if (contradicted > 0) {
    log::warn(
        fmt::format("{}: {} with answers in spite of is_impossible: answerable all the same (data check lists them)",
                    dataset.name, counted(contradicted, "question")));
  }
  if (dataset.num_answerable() == 0) {
    log::warn(fmt::format("{}: no question has an answer: \"no answer\" counts as right everywhere", dataset.name));
    return;
  }
  const auto unmarked = std::ranges::count_if(dataset.questions, [](const data::Question& question) {
    return !question.has_answer() && !question.is_impossible;
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
