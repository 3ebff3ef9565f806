#include "bertft/eval/prediction_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "bertft/eval/metric.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace bertft::eval {
namespace {

constexpr const char *kPredictions = "predictions.json", *kNBest = "nbest_predictions.json",
                     *kNullOdds = "null_odds.json";

// A file {id: value, ...}, written value by value: the candidates of a large data set take gigabytes as a whole.
class ById {
 public:
  explicit ById(const std::string& path) : file_(path) {}

  void add(const std::string& id, Json value) {
    // As one object, of which the braces are left out.
    const std::string object = python_json(Json{{id, std::move(value)}}, 4);
    file_.write(is_empty_ ? "{" : ",");
    file_.write(std::string_view(object).substr(1, object.size() - 3));
    is_empty_ = false;
  }

  void close() {
    file_.write(is_empty_ ? "{}\n" : "\n}\n");
    file_.close();
  }

  void replace() { file_.replace(); }

 private:
  FileReplacement file_;
  bool is_empty_ = true;
};

Json to_json(const Candidate& c) {
  const double start_logit = c.start_logit;
  const double end_logit = c.end_logit;
  // A text that stands nowhere is run_qa's "empty", whose keys it puts in another order.
  if (c.char_begin == c.char_end && !c.text.empty()) {
    return {{"text", c.text}, {"start_logit", start_logit}, {"end_logit", end_logit}, {"probability", c.probability}};
  }
  return {{"start_logit", start_logit}, {"end_logit", end_logit}, {"text", c.text}, {"probability", c.probability}};
}

Json read_object(const std::string& path, std::string_view value_name) {
  Json object = read_json(path, {.max_bytes = kMaxFileBytes});
  if (!object.is_object()) {
    throw DataError(fmt::format("{}: expected one JSON object of question ids and {}, found {}", printable(path),
                                value_name, object.type_name()));
  }
  return object;
}

[[noreturn]] void fail_value(const std::string& path, const std::string& id, const Json& value,
                             std::string_view expected) {
  throw DataError(
      fmt::format("{}: the value of question '{}' is of type {}; expected {}.\nIs this the file that was meant?",
                  printable(path), printable(id), value.type_name(), expected));
}

}  // namespace

void write_prediction_files(const std::string& prefix, const data::Dataset& dataset,
                            const std::vector<Prediction>& predictions, bool with_negative) {
  if (predictions.size() != dataset.questions.size()) {
    throw ShapeError(fmt::format("{} predictions for {} questions", predictions.size(), dataset.questions.size()));
  }
  ById texts(prefix + kPredictions), n_best(prefix + kNBest);
  std::optional<ById> null_odds;
  if (with_negative) null_odds.emplace(prefix + kNullOdds);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const std::string& id = dataset.questions[i].id;
    const Prediction& prediction = predictions[i];
    Json candidates = Json::array();
    for (const Candidate& candidate : prediction.n_best) candidates.push_back(to_json(candidate));
    texts.add(id, prediction.text);
    n_best.add(id, std::move(candidates));
    if (null_odds) null_odds->add(id, prediction.null_odds);
  }
  texts.close();
  n_best.close();
  if (null_odds) null_odds->close();
  // What is left is to rename: old and new files stand beside each other no longer than that takes.
  n_best.replace();
  if (null_odds) {
    null_odds->replace();
  } else {
    std::error_code ignored;
    std::filesystem::remove(prefix + kNullOdds, ignored);
  }
  texts.replace();
}

std::vector<std::string> prediction_files(const std::string& prefix) {
  return {prefix + kPredictions, prefix + kNBest, prefix + kNullOdds};
}

void remove_prediction_files(const std::string& prefix) {
  for (const std::string& path : prediction_files(prefix)) std::filesystem::remove(path);
}

Predictions read_predictions(const std::string& path) {
  const Json object = read_object(path, "answers");
  Predictions predictions;
  for (const auto& [id, value] : object.items()) {
    if (!value.is_string()) fail_value(path, id, value, "the answer as a string");
    predictions.emplace(id, value.get_ref<const std::string&>());
  }
  return predictions;
}

NullOdds read_null_odds(const std::string& path) {
  const Json object = read_object(path, "numbers");
  NullOdds null_odds;
  null_odds.reserve(object.size());
  for (const auto& [id, value] : object.items()) {
    if (!value.is_number()) fail_value(path, id, value, "a number");
    null_odds.emplace_back(id, value.get<double>());
  }
  return null_odds;
}

}  // namespace bertft::eval
