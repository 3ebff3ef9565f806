#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "bertft/eval/answers.h"
#include "bertft/eval/metric.h"
#include "bertft/eval/prediction_files.h"
#include "bertft/run/inputs.h"
#include "bertft/run/notices.h"
#include "bertft/run/torch_library.h"
#include "bertft/run/trained_model.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/command_files.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"
#include "cli/own_command.h"

namespace bertft::cli {
namespace {

struct EvalFlags {
  std::string model, data, predictions, null_odds, save_to;
  std::optional<double> na_prob_threshold;
  bool json = false, allow_missing = false;
};

void print_metrics(const eval::Metrics& metrics, bool json) {
  if (json) {
    std::cout << python_json(metrics.to_json(), 2) << std::endl;
    return;
  }
  const Json numbers = metrics.to_json();
  for (const auto& [key, value] : numbers.items()) {
    std::cout << fmt::format("{:<20} {}\n", key,
                             value.is_number_integer() ? std::to_string(value.get<std::int64_t>())
                                                       : fmt::format("{:.4f}", value.get<double>()));
  }
  std::cout << std::flush;
}

std::string gold_file(const EvalFlags& flags, const config::Resolved& resolved) {
  const auto file = data_file(flags.data, resolved, "validation_file", resolved.options.data.validation_file);
  if (file) return *file;
  throw UsageError(
      "eval needs data with gold answers: --data FILE.\n"
      "Example: bert-finetune eval runs/squad2 --data dev-v2.0.json");
}

// A flag that a model would go by must not seem to have worked.
void refuse_flags_for_models(const config::Resolved& resolved) {
  for (const auto& [key, origin] : resolved.origins) {
    if (!config::is_flag(origin) || key == "validation_file" || key == "max_eval_samples") continue;
    throw UsageError(
        fmt::format("{} of {} is nothing for --predictions, which are scored as they stand.\n"
                    "Leave it out; a threshold goes with --null-odds FILE --na-prob-thresh FLOAT.",
                    key, origin));
  }
}

// Only scores a file: the official script's job.
int score_file(const CLI::App& command, const EvalFlags& flags) {
  const config::Resolved resolved = run::resolve_and_tell(sources_of(command));
  refuse_flags_for_models(resolved);
  if (!std::isfinite(flags.na_prob_threshold.value_or(0)))
    throw UsageError("--na-prob-thresh is no number that odds could pass.");
  data::Dataset dataset = data::read_dataset(gold_file(flags, resolved));
  dataset.keep_first(resolved.options.data.max_eval_samples);
  run::warn_of_doubtful_answers(dataset);
  eval::Scoring scoring;
  if (!flags.null_odds.empty()) scoring.null_odds = eval::read_null_odds(flags.null_odds);
  if (flags.allow_missing) scoring.missing = eval::MissingPredictions::kExclude;
  if (flags.na_prob_threshold) scoring.na_prob_threshold = flags.na_prob_threshold;
  const auto is_no_probability = [](const auto& odds) { return odds.second < 0 || odds.second > 1; };
  if (!flags.na_prob_threshold && scoring.null_odds &&
      std::any_of(scoring.null_odds->begin(), scoring.null_odds->end(), is_no_probability)) {
    log::warn(
        fmt::format("{} holds scores, not probabilities; those above {} make a prediction \"no answer\", as in the "
                    "official script: choose the bound with --na-prob-thresh",
                    printable(flags.null_odds), *scoring.na_prob_threshold));
  }
  print_metrics(eval::evaluate(dataset, eval::read_predictions(flags.predictions), scoring), flags.json);
  return kOk;
}

int evaluate_model(const CLI::App& command, const EvalFlags& flags) {
  const run::TrainedModel trained = run::load_trained_model(sources_of(command), flags.model);
  refuse_other_groups(trained.resolved, kAnsweringGroups, "eval");
  refuse_flags(trained.resolved, kTrainingData, "eval");
  const config::Options& options = trained.resolved.options;
  auto [dataset, tokens] = data::read_and_tokenize(gold_file(flags, trained.resolved), *trained.files.tokenizer,
                                                   options.data.max_eval_samples);
  run::warn_of_doubtful_answers(dataset);
  const data::Features features =
      data::make_features(dataset, std::move(tokens), options.data, data::Purpose::kEvaluation);
  // Not of a model that was trained to answer everything.
  const bool negative = run::with_negative(options.data, dataset) && trained.with_negative.value_or(true);
  const eval::Task task = run::make_task(trained, dataset, features, negative);
  const run::AnswerRun answered = run::torch_library().answer(trained, task, own_command(), [&] {
    if (!flags.save_to.empty()) make_result_directory(flags.save_to);
  });
  log::info(fmt::format("evaluated {} of {} in {:.1f} s, {:.1f} a second, loss {:.4f}, peak memory {}; {}",
                        counted(features.windows.size(), "window"), printable(dataset.name), answered.seconds,
                        static_cast<double>(features.windows.size()) / answered.seconds, answered.answers.loss,
                        memory_text(answered.peak_memory_bytes), answered.device));
  // First: a full disk must not take them along.
  print_metrics(eval::score(task, answered.answers.predictions), flags.json);
  if (!flags.save_to.empty()) {
    eval::write_prediction_files(flags.save_to + "/", dataset, answered.answers.predictions, task.with_negative);
  }
  return kOk;
}

int evaluate(const CLI::App& command, const EvalFlags& flags) {
  if (flags.predictions.empty() && flags.model.empty()) {
    throw UsageError(
        "eval needs either RUN_DIR or --predictions FILE.\n"
        "Example: bert-finetune eval runs/squad2 --data dev-v2.0.json");
  }
  return flags.model.empty() ? score_file(command, flags) : evaluate_model(command, flags);
}

}  // namespace

void add_eval_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("eval", "score a trained model, or a predictions file");
  auto flags = std::make_shared<EvalFlags>();
  CLI::Option* model =
      add_path(*command, "RUN_DIR", flags->model, "run directory, checkpoint or Hugging Face QA model");
  add_path(*command, "--data", flags->data, "SQuAD file with gold answers; unset: the run's own", "FILE");
  command->add_flag("--json", flags->json, "one JSON object with the official keys on stdout");
  CLI::Option* save =
      add_path(*command, "--save-predictions", flags->save_to, "write the prediction files into this directory", "DIR");
  CLI::Option* scored =
      add_path(*command, "--predictions", flags->predictions, "score this file instead of a model", "FILE")
          ->excludes(model)
          ->excludes(save);
  CLI::Option* odds =
      add_path(*command, "--null-odds", flags->null_odds, "with --predictions: null odds, for best thresholds", "FILE")
          ->needs(scored);
  command
      ->add_option("--na-prob-thresh", flags->na_prob_threshold, "with --null-odds: odds above it mean no answer (1)")
      ->needs(odds);
  command->add_flag("--allow-missing", flags->allow_missing, "with --predictions: skip questions without one")
      ->needs(scored);
  add_option_flags(*command, kAnsweringGroups);
  command->callback([command, flags, &exit_code] { exit_code = evaluate(*command, *flags); });
}

}  // namespace bertft::cli
