#include "bertft/eval/prediction_files.h"

#include <fmt/format.h>

#include <filesystem>
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

// {id: value} in data-set order.
class ById {
 public:
  explicit ById(std::size_t num_questions) { members_.reserve(num_questions); }

  void add(const std::string& id, Json value) { append_member(members_, id, std::move(value)); }

  void write(const std::string& path) { write_file_atomically(path, python_json(Json(std::move(members_)), 4) + "\n"); }

 private:
  Json::object_t members_;
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
  Json object = read_json(path);
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
  ById texts(predictions.size()), n_best(predictions.size()), null_odds(predictions.size());
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const std::string& id = dataset.questions[i].id;
    const Prediction& prediction = predictions[i];
    Json candidates = Json::array();
    for (const Candidate& candidate : prediction.n_best) candidates.push_back(to_json(candidate));
    texts.add(id, prediction.text);
    n_best.add(id, std::move(candidates));
    null_odds.add(id, prediction.null_odds);
  }
  texts.write(prefix + kPredictions);
  n_best.write(prefix + kNBest);
  if (with_negative) {
    null_odds.write(prefix + kNullOdds);
  } else {  // those of earlier predictions must not stand beside these
    std::error_code ignored;
    std::filesystem::remove(prefix + kNullOdds, ignored);
  }
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
