// What the Python side of the parity tests runs of `eval`:
//   normalize                                        JSON strings on stdin, one a line -> the same, normalised
//   score DATA PREDICTIONS [ODDS [THRESHOLD]]        -> the metrics as JSON
//   decode QUESTIONS OUT_DIR N_BEST MAX_LENGTH THRESHOLD v1|v2
//                                                    -> prediction files; the offsets of the n-best on stdout
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "bertft/eval/decode.h"
#include "bertft/eval/metric.h"
#include "bertft/eval/prediction_files.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace {

using namespace bertft;
using Arguments = std::vector<std::string>;

void normalize() {
  for (std::string line; std::getline(std::cin, line);) {
    const Json text = parse_json(line, "stdin");
    std::cout << python_json(eval::normalize_answer(text.get<std::string>()), -1) << '\n';
  }
}

void score(const Arguments& arguments) {
  const data::Dataset dataset = data::read_dataset(arguments.at(1));
  const eval::Predictions predictions = eval::read_predictions(arguments.at(2));
  eval::Scoring scoring;
  if (arguments.size() > 3) scoring.null_odds = eval::read_null_odds(arguments[3]);
  if (arguments.size() > 4) scoring.na_prob_threshold = std::stod(arguments[4]);
  const eval::Metrics metrics = eval::evaluate(dataset, predictions, scoring);
  std::cout << python_json(metrics.to_json(), 2) << '\n';
}

// One question a line: {id, context, num_question_tokens, context_offsets: [[begin, end], ...],
// windows: [{begin, num_tokens, start: [logits], end: [logits]}, ...]}.
class QuestionFile {
 public:
  explicit QuestionFile(const std::string& path) {
    std::ifstream lines(path);
    for (std::string line; std::getline(lines, line);) {
      const Json question = parse_json(line, path);
      add(question);
      features_.tokens.questions.push_back(store(std::vector<tokenizer::Token>(question["num_question_tokens"])));
    }
  }

  const data::Dataset& dataset() const { return dataset_; }

  eval::Prediction decode(std::size_t question_idx, const eval::EvalOptions& options, bool with_negative) const {
    const std::size_t begin = first_window_[question_idx];
    const std::size_t count = first_window_[question_idx + 1] - begin;
    std::vector<eval::WindowLogits> logits;
    for (std::size_t i = begin; i < begin + count; ++i) logits.push_back({starts_[i], ends_[i]});
    const eval::Task task{dataset_, features_, options, *options.null_score_diff_threshold, with_negative};
    return eval::decode_question(task, std::span(features_.windows).subspan(begin, count), logits);
  }

 private:
  std::span<const tokenizer::Token> store(std::vector<tokenizer::Token> tokens) {
    return features_.tokens.storage.emplace_back(std::move(tokens));
  }

  void add(const Json& line) {
    const auto idx = static_cast<std::uint32_t>(dataset_.questions.size());
    const auto context = line["context"].get<std::string>();
    std::vector<tokenizer::Token> tokens;
    for (const Json& offsets : line["context_offsets"]) {
      tokens.push_back({0, offsets[0].get<std::uint32_t>(), offsets[1].get<std::uint32_t>()});
    }
    features_.tokens.contexts.push_back(store(std::move(tokens)));
    features_.context_of.push_back(idx);
    std::uint32_t window_idx = 0;
    for (const Json& w : line["windows"]) {
      features_.windows.push_back(
          {idx, window_idx++, w["begin"].get<std::uint32_t>(), w["num_tokens"].get<std::uint32_t>(), 0, 0});
      starts_.push_back(w["start"].get<std::vector<float>>());
      ends_.push_back(w["end"].get<std::vector<float>>());
    }
    first_window_.push_back(features_.windows.size());
    dataset_.contexts.push_back(context);
    dataset_.questions.push_back({line["id"].get<std::string>(), "", idx, false, {}});
  }

  data::Dataset dataset_;
  data::Features features_;
  std::vector<std::size_t> first_window_ = {0};
  std::vector<std::vector<float>> starts_, ends_;
};

void decode(const Arguments& arguments) {
  const QuestionFile questions(arguments.at(1));
  eval::EvalOptions options;
  options.n_best_size = std::stoll(arguments.at(3));
  options.max_answer_length = std::stoll(arguments.at(4));
  options.null_score_diff_threshold = std::stod(arguments.at(5));
  const bool with_negative = arguments.at(6) == "v2";

  std::vector<eval::Prediction> predictions;
  for (std::size_t i = 0; i < questions.dataset().questions.size(); ++i) {
    predictions.push_back(questions.decode(i, options, with_negative));
    Json offsets = Json::array();
    for (const eval::Candidate& c : predictions.back().n_best) {
      offsets.push_back(Json::array({c.char_begin, c.char_end}));
    }
    std::cout << python_json(offsets, -1) << '\n';
  }
  eval::write_prediction_files(arguments.at(2) + "/eval_", questions.dataset(), predictions, with_negative);
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments(argv + 1, argv + argc);
  const std::string& command = arguments.at(0);
  if (command == "normalize") normalize();
  if (command == "score") score(arguments);
  if (command == "decode") decode(arguments);
  return 0;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
