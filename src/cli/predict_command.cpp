#include <fmt/format.h>

#include <functional>
#include <iostream>
#include <memory>
#include <vector>

#include "bertft/eval/prediction_files.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"
#include "cli/torch_half.h"
#include "cli/trained_model.h"
#include "cli/workspace.h"

namespace bertft::cli {
namespace {

constexpr std::uint64_t kMaxContextBytes = std::uint64_t{64} << 20;

struct PredictFlags {
  std::string model, question, context_file, data, save_to = ".";
  bool json = false;
};

// A context given as a text file, with one question, as a data set of one.
data::Dataset single_question(const PredictFlags& flags) {
  data::Dataset dataset;
  dataset.contexts.push_back(read_file(flags.context_file, kMaxContextBytes));
  for (const auto& [text, what] : {std::pair(std::string_view(dataset.contexts[0]), flags.context_file),
                                   std::pair(std::string_view(flags.question), std::string("--question"))}) {
    if (const auto bad = find_invalid_utf8(text)) {
      throw DataError(
          fmt::format("{} is not UTF-8 (byte {}). Convert it, for example with iconv.", printable(what), *bad));
    }
  }
  if (dataset.contexts[0].find_first_not_of(" \t\r\n") == std::string::npos) {
    throw DataError(fmt::format("{} is empty: there is nothing to find an answer in.", printable(flags.context_file)));
  }
  dataset.name = flags.context_file;
  dataset.questions.push_back(
      {.id = "question", .text = flags.question, .context_idx = 0, .is_impossible = false, .answers = {}});
  return dataset;
}

std::vector<eval::Prediction> answer_all(const TrainedModel& trained, const data::Dataset& dataset, data::Tokens tokens,
                                         bool negative, const std::function<void()>& when_ready) {
  const config::Options& options = trained.resolved.options;
  const data::Features features =
      data::make_features(dataset, std::move(tokens), options.data, data::Purpose::kEvaluation);
  const double threshold = negative ? threshold_for(options.eval, trained.files.directory) : 0.0;
  const eval::Task task{dataset, features, options.eval, threshold, negative};
  return torch_half().answer(trained, task, when_ready).answers.predictions;
}

void print_answer(const eval::Prediction& prediction, bool negative, bool json) {
  if (!json) {
    std::cout << (prediction.text.empty() ? "(no answer)" : prediction.text) << std::endl;
    return;
  }
  Json candidates = Json::array();
  for (const eval::Candidate& candidate : prediction.n_best) {
    candidates.push_back({{"text", candidate.text},
                          {"probability", candidate.probability},
                          {"start", candidate.char_begin},
                          {"end", candidate.char_end}});
  }
  Json answer = {{"answer", prediction.text}};
  if (negative) answer["null_odds"] = prediction.null_odds;
  answer["n_best"] = std::move(candidates);
  std::cout << python_json(answer, 2) << std::endl;
}

int predict(const CLI::App& command, const PredictFlags& flags) {
  const bool one = !flags.question.empty() || !flags.context_file.empty();
  const TrainedModel trained = load_trained_model(sources_of(command), flags.model);
  const data::DataOptions& options = trained.resolved.options.data;
  if (one) {
    const data::Dataset dataset = single_question(flags);
    const bool negative = trained.with_negative.value_or(true);
    data::Tokens tokens = data::tokenize(dataset, *trained.files.tokenizer);
    print_answer(answer_all(trained, dataset, std::move(tokens), negative, [] {})[0], negative, flags.json);
    return kOk;
  }
  const std::string file = !flags.data.empty() ? flags.data : options.test_file.value_or("");
  if (file.empty()) {
    throw UsageError(
        "predict needs --question with --context-file, or --data FILE.\n"
        "Example: bert-finetune predict runs/squad2 --question 'Who ...?' --context-file article.txt");
  }
  auto [dataset, tokens] = data::read_and_tokenize(file, *trained.files.tokenizer, options.max_eval_samples);
  // Gold answers must not decide where the model's training is known.
  const bool negative = trained.with_negative.value_or(dataset.has_unanswerable);
  const std::vector<eval::Prediction> predictions =
      answer_all(trained, dataset, std::move(tokens), negative, [&] { make_result_directory(flags.save_to); });
  eval::write_prediction_files(flags.save_to + "/", dataset, predictions, negative);
  log::info(fmt::format("wrote {}/predictions.json, {} answers", flags.save_to, predictions.size()));
  return kOk;
}

}  // namespace

void add_predict_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("predict", "answer a question, or every question of a file");
  auto flags = std::make_shared<PredictFlags>();
  command->add_option("run_dir", flags->model, "run directory, checkpoint or Hugging Face QA model")
      ->type_name("RUN_DIR")
      ->required();
  CLI::Option* question = command->add_option("--question", flags->question, "the question")->type_name("TEXT");
  CLI::Option* context =
      command->add_option("--context-file", flags->context_file, "text file that holds the answer")->type_name("FILE");
  question->needs(context);
  context->needs(question);
  command->add_option("--data", flags->data, "SQuAD file; answers go to predictions.json")
      ->type_name("FILE")
      ->excludes(question);
  command->add_option("--save-to", flags->save_to, "directory of predictions.json")
      ->capture_default_str()
      ->type_name("DIR")
      ->excludes(question);
  command->add_flag("--json", flags->json, "with --question: answer and candidates as JSON")->needs(question);
  add_option_flags(*command, {"Data", "Evaluation", "Device", "Memory"});
  command->callback([command, flags, &exit_code] { exit_code = predict(*command, *flags); });
}

}  // namespace bertft::cli
