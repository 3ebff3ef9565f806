#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bertft/eval/prediction_files.h"
#include "bertft/run/torch_library.h"
#include "bertft/run/trained_model.h"
#include "bertft/util/byte_order_mark.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
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

constexpr std::uint64_t kMaxContextBytes = std::uint64_t{64} << 20;

struct PredictFlags {
  std::string model, question, context_file, data, save_to;
  bool json = false;
};

// A context given as a text file, with one question, as a data set of one.
data::Dataset single_question(const PredictFlags& flags) {
  data::Dataset dataset;
  std::string context = read_file(flags.context_file, kMaxContextBytes);
  if (context.starts_with(kByteOrderMark)) context.erase(0, kByteOrderMark.size());
  dataset.contexts.push_back(std::move(context));
  for (const auto& [text, what] : {std::pair(std::string_view(dataset.contexts[0]), flags.context_file),
                                   std::pair(std::string_view(flags.question), std::string("--question"))}) {
    if (const auto bad = find_invalid_utf8(text)) {
      throw DataError(
          fmt::format("{} is not UTF-8 (byte {}). Convert it, for example with iconv.", printable(what), *bad));
    }
  }
  const auto is_blank = [](std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; };
  if (is_blank(flags.question)) throw UsageError("--question is empty.");
  if (is_blank(dataset.contexts[0])) {
    throw DataError(fmt::format("{} is empty: there is nothing to find an answer in.", printable(flags.context_file)));
  }
  dataset.name = flags.context_file;
  dataset.questions.push_back(
      {.id = "question", .text = flags.question, .context_idx = 0, .is_impossible = false, .answers = {}});
  return dataset;
}

// Where the user has named no directory, what lies there may be somebody else's.
void refuse_to_replace(const std::string& prefix) {
  for (const std::string& path : eval::prediction_files(prefix)) {
    if (!is_there(path)) continue;
    throw OutputError(fmt::format("{} is there already; --save-to DIR says where answers go, and replaces them there.",
                                  printable(path)));
  }
}

// Whether "no answer" is one. What the model was trained for decides; where that is unknown a threshold that is asked
// for, then the data, if they say anything; else, as in run_qa and the pipelines, it is none.
bool expects_no_answer(const run::TrainedModel& trained, const data::Dataset& dataset) {
  if (trained.with_negative) return *trained.with_negative;
  if (trained.resolved.origins.at("null_score_diff_threshold") != config::kDefaultOrigin) return true;
  if (std::ranges::any_of(dataset.questions, &data::Question::is_impossible)) return true;
  if (dataset.num_answerable() > 0) return dataset.has_unanswerable;
  log::info(
      "every question gets an answer, since neither the model nor the data say that some have none; "
      "--version-2-with-negative lets them");
  return false;
}

std::vector<eval::Prediction> answer_all(const run::TrainedModel& trained, const data::Dataset& dataset,
                                         data::Tokens tokens, bool negative, const std::function<void()>& when_ready) {
  const data::Features features =
      data::make_features(dataset, std::move(tokens), trained.resolved.options.data, data::Purpose::kEvaluation);
  const eval::Task task = run::make_task(trained, dataset, features, negative);
  return run::torch_library().answer(trained, task, own_command(), when_ready).answers.predictions;
}

void print_answer(const eval::Prediction& prediction, bool negative, bool json) {
  if (!json) {
    const std::string text = prediction.text.empty() ? "(no answer)" : prediction.text;
    // A program gets the text as it stands; what would move the cursor is shown to a person, not done.
    std::cout << (::isatty(STDOUT_FILENO) == 1 ? printable(text, text.max_size()) : text) << std::endl;
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
  const std::optional<data::Dataset> one =
      flags.context_file.empty() ? std::nullopt : std::optional(single_question(flags));
  const run::TrainedModel trained = run::load_trained_model(sources_of(command), flags.model);
  const data::DataOptions& options = trained.resolved.options.data;
  refuse_other_groups(trained.resolved, kAnsweringGroups, "predict");
  refuse_flags(trained.resolved, kTrainingData, "predict");
  refuse_flags(trained.resolved, kLabelling, "predict, which takes no labels");
  if (one) {
    refuse_flags(trained.resolved, {"validation_file", "test_file", "max_eval_samples"}, "one question");
    const bool negative = expects_no_answer(trained, *one);
    data::Tokens tokens = data::tokenize(*one, *trained.files.tokenizer);
    print_answer(answer_all(trained, *one, std::move(tokens), negative, [] {})[0], negative, flags.json);
    return kOk;
  }
  const auto file = data_file(flags.data, trained.resolved, "test_file", options.test_file);
  if (!file) {
    throw UsageError(
        "predict needs --question with --context-file, or --data FILE.\n"
        "Example: bert-finetune predict runs/squad2 --question 'Who ...?' --context-file article.txt");
  }
  const std::string directory = flags.save_to.empty() ? "." : flags.save_to;
  if (flags.save_to.empty()) refuse_to_replace(directory + "/");
  auto [dataset, tokens] = data::read_and_tokenize(*file, *trained.files.tokenizer, options.max_eval_samples);
  const bool negative = expects_no_answer(trained, dataset);
  const std::vector<eval::Prediction> predictions =
      answer_all(trained, dataset, std::move(tokens), negative, [&] { make_result_directory(directory); });
  eval::write_prediction_files(directory + "/", dataset, predictions, negative);
  log::info(fmt::format("wrote {} to {}: predictions.json, nbest_predictions.json{}",
                        counted(predictions.size(), "answer"), directory, negative ? ", null_odds.json" : ""));
  return kOk;
}

}  // namespace

void add_predict_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("predict", "answer a question, or every question of a file");
  auto flags = std::make_shared<PredictFlags>();
  add_path(*command, "RUN_DIR", flags->model, "run directory, checkpoint or Hugging Face QA model")->required();
  CLI::Option* question =
      command->add_option("--question", flags->question, "one question; the answer is printed")->type_name("TEXT");
  CLI::Option* context = add_path(*command, "--context-file", flags->context_file,
                                  "with --question: text in which the answer stands", "FILE");
  question->needs(context);
  context->needs(question);
  add_path(*command, "--data", flags->data, "SQuAD file, all of whose questions are answered", "FILE")
      ->excludes(question);
  add_path(*command, "--save-to", flags->save_to, "with --data: where predictions.json goes (.)", "DIR")
      ->excludes(question);
  command->add_flag("--json", flags->json, "with --question: answer and candidates as JSON")->needs(question);
  add_option_flags(*command, kAnsweringGroups);
  command->callback([command, flags, &exit_code] { exit_code = predict(*command, *flags); });
}

}  // namespace bertft::cli
