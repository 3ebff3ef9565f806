#include "bertft/eval/metric.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "bertft/util/error.h"
#include "message_of.h"
#include "real_data.h"

namespace bertft::eval {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

data::Question question(std::string id, std::vector<std::string> golds) {
  data::Question q{.id = std::move(id), .text = "?", .answers = {}};
  for (std::string& gold : golds) q.answers.push_back({std::move(gold), 0, true});
  q.is_impossible = q.answers.empty();
  return q;
}

data::Dataset dataset(std::vector<data::Question> questions) {
  data::Dataset d;
  d.questions = std::move(questions);
  return d;
}

QuestionScore score(std::string gold, std::string_view prediction) {
  return score_question(question("q", {std::move(gold)}), prediction);
}

TEST(ExactScore, ComparesNormalisedTexts) {
  EXPECT_EQ(score("the Denver Broncos", "Denver broncos.").exact, 1);
  EXPECT_EQ(score("Denver", "Denver Broncos").exact, 0);
}

TEST(F1Score, CountsCommonWordsAsOftenAsBothHaveThem) {
  EXPECT_DOUBLE_EQ(score("to be or not to be", "to to to be").f1, 2 * (3.0 / 4) * (3.0 / 6) / (3.0 / 4 + 3.0 / 6));
  EXPECT_EQ(score("red", "blue").f1, 0);
}

TEST(F1Score, OfEmptyTextsIsOneOnlyWhenBothAreEmpty) {
  EXPECT_EQ(score("", "the").f1, 1);
  EXPECT_EQ(score("", "word").f1, 0);
  EXPECT_EQ(score("word", "...").f1, 0);
}

TEST(ScoreQuestion, TakesTheBestGoldAnswerForEachNumber) {
  const QuestionScore score = score_question(question("q", {"Paris France", "Paris"}), "paris");
  EXPECT_EQ(score.exact, 1);
  EXPECT_EQ(score.f1, 1);
}

TEST(ScoreQuestion, IgnoresGoldAnswersThatNormaliseToNothing) {
  EXPECT_EQ(score_question(question("q", {"the", "cat"}), "").exact, 0);
  EXPECT_EQ(score_question(question("q", {"the"}), "").exact, 1);
}

TEST(Evaluate, ReportsTheOfficialKeysInOrder) {
  const auto data = dataset({question("yes", {"x y"}), question("no", {})});
  const Json json =
      evaluate(data, {{"yes", "x"}, {"no", ""}}, {.null_odds = NullOdds{{"yes", -1}, {"no", 1}}}).to_json("eval_");
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("eval_exact", "eval_f1", "eval_total", "eval_HasAns_exact", "eval_HasAns_f1",
                                "eval_HasAns_total", "eval_NoAns_exact", "eval_NoAns_f1", "eval_NoAns_total",
                                "eval_best_exact", "eval_best_exact_thresh", "eval_best_f1", "eval_best_f1_thresh"));
  EXPECT_EQ(json["eval_exact"], 50.0);
  EXPECT_EQ(json["eval_HasAns_exact"], 0.0);
  EXPECT_EQ(json["eval_NoAns_total"], 1);
}

TEST(Evaluate, LeavesOutGroupsWithoutQuestionsAndThresholdsWithoutOdds) {
  const Json json = evaluate(dataset({question("q", {"x"})}), {{"q", "x"}}).to_json();
  EXPECT_TRUE(json.contains("HasAns_exact"));
  EXPECT_FALSE(json.contains("NoAns_exact"));
  EXPECT_FALSE(json.contains("best_exact"));
}

TEST(Evaluate, GroupsByGoldAnswersAndNotByTheMark) {
  data::Question marked = question("q", {"x"});
  marked.is_impossible = true;
  EXPECT_TRUE(evaluate(dataset({marked}), {{"q", "x"}}).has_answer.has_value());
}

TEST(Evaluate, TurnsPredictionsWithOddsAboveTheThresholdIntoNoAnswer) {
  const auto data = dataset({question("yes", {"x"}), question("no", {})});
  const Predictions predictions{{"yes", "x"}, {"no", "x"}};
  const NullOdds odds{{"yes", 1.0}, {"no", 1.5}};
  EXPECT_EQ(evaluate(data, predictions, {.null_odds = odds}).exact, 100);  // 1.0 is not above 1.0
  EXPECT_EQ(evaluate(data, predictions, {.null_odds = odds, .na_prob_threshold = 0.5}).exact, 50);
  EXPECT_EQ(evaluate(data, predictions, {.null_odds = odds, .na_prob_threshold = std::nullopt}).exact, 50);
}

TEST(Evaluate, FindsTheThresholdThatScoresBest) {
  const auto data = dataset({question("a", {"x"}), question("b", {"x"}), question("c", {}), question("d", {"x"})});
  const Predictions predictions{{"a", "x"}, {"b", "x"}, {"c", "x"}, {"d", "x"}};
  const NullOdds odds{{"a", -3}, {"b", -2}, {"c", -1}, {"d", 5}};
  const Metrics metrics = evaluate(data, predictions, {.null_odds = odds, .na_prob_threshold = std::nullopt});
  EXPECT_EQ(metrics.exact, 75);
  EXPECT_EQ(metrics.best->exact, 75);
  EXPECT_EQ(metrics.best->exact_threshold, -2);  // the first of equals
}

TEST(Evaluate, FindsZeroWhereNothingIsAnsweredBelowOddsThatAreAllPositive) {
  const auto data = dataset({question("a", {}), question("b", {})});
  const Metrics metrics = evaluate(data, {{"a", "x"}, {"b", "x"}},
                                   {.null_odds = NullOdds{{"a", 3.5}, {"b", 2}}, .na_prob_threshold = std::nullopt});
  EXPECT_EQ(metrics.best->exact, 100);
  EXPECT_EQ(metrics.best->exact_threshold, 0);
}

TEST(Evaluate, FindsAThresholdThatAnswersNothingBelowRawOdds) {
  const auto data = dataset({question("a", {}), question("b", {})});
  Scoring scoring{.null_odds = NullOdds{{"a", -3.5}, {"b", 2}}, .na_prob_threshold = std::nullopt};
  const Predictions predictions{{"a", "x"}, {"b", "x"}};
  const Metrics searched = evaluate(data, predictions, scoring);
  EXPECT_EQ(searched.best->f1, 100);
  EXPECT_LT(static_cast<float>(searched.best->f1_threshold), -3.5F);  // as the decoder compares it
  scoring.na_prob_threshold = searched.best->f1_threshold;
  EXPECT_EQ(evaluate(data, predictions, scoring).f1, 100);
}

TEST(Evaluate, FindsNoAnswerRightWhereTheRightAnswerIsNothingOnceItIsNormalised) {
  const auto data = dataset({question("a", {"the"}), question("b", {"x"})});
  const Predictions predictions{{"a", "y"}, {"b", "x"}};
  Scoring scoring{.null_odds = NullOdds{{"b", 1}, {"a", 2}}, .na_prob_threshold = std::nullopt};
  EXPECT_EQ(evaluate(data, predictions, scoring).best->exact, 100);
  EXPECT_EQ(evaluate(data, predictions, scoring).best->exact_threshold, 1);
  scoring.na_prob_threshold = 1.5;  // as the script, which gives it nothing
  EXPECT_EQ(evaluate(data, predictions, scoring).best->exact, 50);
  EXPECT_EQ(evaluate(data, predictions, scoring).exact, 50);
}

TEST(Evaluate, SearchesTheThresholdThroughEqualOddsInTheOrderOfTheFile) {
  const auto data = dataset({question("yes", {"x"}), question("no", {})});
  const Predictions predictions{{"yes", "x"}, {"no", "x"}};
  EXPECT_EQ(evaluate(data, predictions, {.null_odds = NullOdds{{"yes", 0}, {"no", 0}}}).best->exact, 100);
  EXPECT_EQ(evaluate(data, predictions, {.null_odds = NullOdds{{"no", 0}, {"yes", 0}}}).best->exact, 50);
}

TEST(Evaluate, CountsALiterallyEmptyPredictionAsNoAnswerInTheThresholdSearch) {
  const auto data = dataset({question("no", {}), question("yes", {"x"})});
  const NullOdds odds{{"no", -1}, {"yes", 0.5}};
  EXPECT_EQ(evaluate(data, {{"no", ""}, {"yes", "x"}}, {.null_odds = odds}).best->exact, 100);
  EXPECT_EQ(evaluate(data, {{"no", "the"}, {"yes", "x"}}, {.null_odds = odds}).best->exact,
            50);  // "the" normalises to nothing
}

TEST(Evaluate, SearchesAboveTheThresholdInForceWhereTheAnswersBehindItAreKnown) {
  const auto data = dataset({question("yes", {"x"}), question("no", {}), question("late", {"x", "y"})});
  const Predictions emptied{{"yes", ""}, {"no", ""}, {"late", ""}};
  const NullOdds odds{{"yes", 1}, {"no", 3}, {"late", 2}};
  EXPECT_EQ(evaluate(data, emptied, {.null_odds = odds}).best->exact_threshold, 0);
  const Metrics metrics =
      evaluate(data, emptied, {.null_odds = odds, .best_answers = {{"yes", "x"}, {"no", "z"}, {"late", "y"}}});
  EXPECT_EQ(metrics.best->exact_threshold, 2);
  EXPECT_EQ(metrics.best->exact, 100);
  EXPECT_NEAR(evaluate(data, emptied).exact, 100.0 / 3, 1e-9);
}

TEST(Evaluate, IgnoresPredictionsAndOddsOfOtherQuestions) {
  const auto data = dataset({question("q", {"x"})});
  const Metrics metrics =
      evaluate(data, {{"q", "x"}, {"other", "y"}}, {.null_odds = NullOdds{{"other", -9}, {"q", -1}}});
  EXPECT_EQ(metrics.total, 1);
  EXPECT_EQ(metrics.best->f1_threshold, -1);
}

TEST(Evaluate, NamesTheFirstThreeQuestionsWithoutAPrediction) {
  std::vector<data::Question> questions;
  for (const char* id : {"p", "q", "r", "s", "t", "u"}) questions.push_back(question(id, {"x"}));
  const std::string message = message_of<DataError>([&] { evaluate(dataset(questions), {{"p", "x"}}); });
  EXPECT_THAT(message, AllOf(HasSubstr("5 of 6 questions"), HasSubstr("'q', 'r', 's' and 2 more"),
                             HasSubstr("--allow-missing"), Not(HasSubstr("'t'"))));
}

TEST(Evaluate, ScoresTheRestWhenMissingPredictionsAreAllowed) {
  const auto data = dataset({question("a", {"x"}), question("b", {"x"}), question("c", {})});
  const Metrics metrics = evaluate(data, {{"a", "x"}}, {.missing = MissingPredictions::kExclude});
  EXPECT_EQ(metrics.exact, 100);
  EXPECT_EQ(metrics.total, 1);
  EXPECT_EQ(metrics.has_answer->total, 1);
  EXPECT_FALSE(metrics.no_answer.has_value());
}

TEST(Evaluate, RefusesPredictionsOfAnotherDataSet) {
  const auto score = [] {
    evaluate(dataset({question("q", {"x"})}), {{"other", "x"}}, {.missing = MissingPredictions::kExclude});
  };
  EXPECT_THAT(message_of<DataError>(score), HasSubstr("belong to this data set?"));
}

TEST(Evaluate, NamesAQuestionWithoutNullOdds) {
  const auto data = dataset({question("a", {"x"}), question("b", {"x"})});
  const auto score = [&] { evaluate(data, {{"a", "x"}, {"b", "x"}}, {.null_odds = NullOdds{{"a", 0.5}}}); };
  EXPECT_THAT(message_of<DataError>(score), AllOf(HasSubstr("'b'"), HasSubstr("null_odds.json")));
  const auto score_without_any = [&] { evaluate(data, {{"a", "x"}, {"b", "x"}}, {.null_odds = NullOdds{}}); };
  EXPECT_THAT(message_of<DataError>(score_without_any), AllOf(HasSubstr("'a'"), HasSubstr("2 such questions")));
}

TEST(Evaluate, ScoresTheOfficialDevSetPerfectlyOnItsOwnAnswers) {
  if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  const data::Dataset data = data::read_dataset(*data_directory() / "squad/squad-v2.0-dev.json");
  Predictions predictions;
  for (const data::Question& q : data.questions) predictions[q.id] = q.answers.empty() ? "" : q.answers[0].text;
  const Metrics metrics = evaluate(data, predictions);
  EXPECT_EQ(metrics.exact, 100);
  EXPECT_EQ(metrics.f1, 100);
  EXPECT_EQ(metrics.has_answer->total, 5928);
  EXPECT_EQ(metrics.no_answer->total, 5945);
}

TEST(Evaluate, NamesThreeQuestionsWithoutAPredictionAndNoMore) {
  const auto data = dataset({question("p", {"x"}), question("q", {"x"}), question("r", {"x"}), question("s", {"x"})});
  EXPECT_THAT(message_of<DataError>([&] { evaluate(data, {{"p", "x"}}); }),
              AllOf(HasSubstr("'q', 'r', 's'."), Not(HasSubstr("more"))));
}

TEST(Evaluate, ReportsTheBestThresholdOfEachMetric) {
  const auto data = dataset({question("a", {"x"}), question("b", {"x y"}), question("c", {})});
  const Json json =
      evaluate(data, {{"a", "x"}, {"b", "x"}, {"c", "z"}},
               {.null_odds = NullOdds{{"a", -3}, {"b", -2}, {"c", -1}}, .na_prob_threshold = std::nullopt})
          .to_json();
  EXPECT_EQ(json["best_exact_thresh"], -3);
  EXPECT_EQ(json["best_f1_thresh"], -2);
  EXPECT_GT(json["best_f1"], json["best_exact"]);
}

TEST(Evaluate, CountsAgainstAThresholdTheAnswersThatItLetsThroughWrongly) {
  const auto data = dataset({question("yes", {"x"}), question("no", {})});
  const Metrics metrics =
      evaluate(data, {{"yes", ""}, {"no", ""}},
               {.null_odds = NullOdds{{"yes", 2}, {"no", 1}}, .best_answers = {{"yes", "x"}, {"no", "z"}}});
  EXPECT_EQ(metrics.best->exact, 50);
  EXPECT_EQ(metrics.best->exact_threshold, 0);
}

}  // namespace
}  // namespace bertft::eval
