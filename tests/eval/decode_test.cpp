#include "bertft/eval/decode.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "bertft/util/error.h"
#include "message_of.h"

namespace bertft::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One question of one token about "Ünï cat sat": [CLS] q [SEP] Ünï cat sat [SEP], so that the
// context stands at positions 3, 4 and 5.
class DecodeQuestion : public ::testing::Test {
 protected:
  DecodeQuestion() {
    dataset_.contexts = {"Ünï cat sat"};
    dataset_.questions.push_back({"q1", "?", 0, false, {}});
    data::Tokens& tokens = features_.tokens;
    tokens.storage = {{{7, 0, 3}, {8, 4, 7}, {9, 8, 11}}, {{5, 0, 1}}};
    tokens.contexts = {tokens.storage[0]};
    tokens.questions = {tokens.storage[1]};
    features_.context_of = {0};
    windows_ = {{0, 0, 0, 3, 0, 0}};
  }

  Prediction decode(const std::vector<std::vector<float>>& starts, const std::vector<std::vector<float>>& ends) const {
    std::vector<WindowLogits> logits;
    for (std::size_t i = 0; i < starts.size(); ++i) logits.push_back({starts[i], ends[i]});
    return decode_question({dataset_, features_, options_, threshold_, with_negative_}, windows_, logits);
  }

  data::Dataset dataset_;
  data::Features features_;
  std::vector<data::Window> windows_;
  EvalOptions options_;
  double threshold_ = 0;
  bool with_negative_ = true;
};

std::vector<std::string> texts(const Prediction& prediction) {
  std::vector<std::string> result;
  for (const Candidate& c : prediction.n_best) result.push_back(c.text);
  return result;
}

TEST_F(DecodeQuestion, CutsTheAnswerOutOfTheContextByCodePoint) {
  const Prediction p = decode({{0, 0, 0, 5, 0, 0, 0}}, {{0, 0, 0, 0, 5, 0, 0}});
  EXPECT_EQ(p.text, "Ünï cat");
  EXPECT_EQ(p.n_best[0].char_begin, 0U);
  EXPECT_EQ(p.n_best[0].char_end, 7U);
  EXPECT_EQ(p.n_best[0].start_logit, 5);
  EXPECT_EQ(p.null_odds, -10);
}

TEST_F(DecodeQuestion, OffersEveryPairOfTopPositionsInTheContext) {
  with_negative_ = false;
  const Prediction p = decode({{9, 9, 9, 1, 2, 4, 9}}, {{9, 9, 9, 8, 16, 32, 9}});
  EXPECT_THAT(texts(p), ElementsAre("sat", "cat sat", "Ünï cat sat", "cat", "Ünï cat", "Ünï"));
}

TEST_F(DecodeQuestion, LetsPositionsOutsideTheContextFillThePlacesOfTheTop) {
  options_.n_best_size = 3;  // [CLS], [SEP] and "cat"
  const Prediction p = decode({{9, 0, 9, 1, 2, 1, 0}}, {{9, 0, 9, 1, 2, 1, 0}});
  EXPECT_THAT(texts(p), ElementsAre("", "cat"));
}

TEST_F(DecodeQuestion, PutsTheHighestPositionFirstAmongEqualLogits) {
  options_.n_best_size = 2;  // the closing [SEP] and "sat"
  const Prediction p = decode({{0, 0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0, 0}});
  EXPECT_THAT(texts(p), ElementsAre("sat", ""));
}

TEST_F(DecodeQuestion, RefusesAnswersThatAreTooLong) {
  options_.max_answer_length = 1;
  EXPECT_EQ(decode({{0, 0, 0, 9, 3, 1, 0}}, {{0, 0, 0, 0, 3, 9, 0}}).text, "sat");
}

TEST_F(DecodeQuestion, PredictsNothingWhenTheOddsExceedTheThreshold) {
  const std::vector<float> start = {3, 0, 0, 0, 2, 0, 0}, end = {3, 0, 0, 0, 2, 0, 0};
  threshold_ = 1.5;
  EXPECT_EQ(decode({start}, {end}).text, "");
  threshold_ = 2;  // not exceeded by 2
  EXPECT_EQ(decode({start}, {end}).text, "cat");
}

TEST_F(DecodeQuestion, ComparesTheThresholdInSinglePrecisionAsNumpyDoes) {
  threshold_ = 0.1;  // as float32 it is larger
  EXPECT_EQ(decode({{0.1F, 0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0, 0}}).text, "sat");
}

TEST_F(DecodeQuestion, NeverPredictsNothingUnderVersionOneRules) {
  with_negative_ = false;
  const Prediction p = decode({{9, 0, 0, 0, 2, 0, 0}}, {{9, 0, 0, 0, 2, 0, 0}});
  EXPECT_EQ(p.text, "cat");
  EXPECT_EQ(p.null_odds, 0);
}

TEST_F(DecodeQuestion, KeepsTheLeastNullScoreOfTheWindows) {
  windows_ = {{0, 0, 0, 2, 0, 0}, {0, 1, 1, 2, 0, 0}};
  const Prediction p = decode({{5, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 2, 0}}, {{5, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 2, 0}});
  EXPECT_EQ(p.text, "sat");
  EXPECT_EQ(p.null_odds, 2 - 4);
}

TEST_F(DecodeQuestion, KeepsEqualScoresInTheOrderOfTheWindows) {
  windows_ = {{0, 0, 0, 2, 0, 0}, {0, 1, 1, 2, 0, 0}};
  options_.n_best_size = 1;
  with_negative_ = false;
  EXPECT_EQ(decode({{0, 0, 0, 0, 2, 0}, {0, 0, 0, 0, 2, 0}}, {{0, 0, 0, 0, 2, 0}, {0, 0, 0, 0, 2, 0}}).text, "cat");
}

TEST_F(DecodeQuestion, AddsNoAnswerBehindAFullList) {
  options_.n_best_size = 2;
  const Prediction p = decode({{-9, 0, 0, 1, 4, 0, 0}}, {{-9, 0, 0, 0, 4, 1, 0}});
  EXPECT_THAT(texts(p), ElementsAre("cat", "cat sat", ""));
}

TEST_F(DecodeQuestion, PutsEmptyInFrontWhenThereIsNothingElse) {
  options_.n_best_size = 1;
  const Prediction p = decode({{4, 0, 0, 0, 0, 0, 0}}, {{4, 0, 0, 0, 0, 0, 0}});
  EXPECT_THAT(texts(p), ElementsAre("empty", ""));
  EXPECT_EQ(p.text, "");
  EXPECT_EQ(p.null_odds, 8);
  EXPECT_DOUBLE_EQ(p.n_best[1].probability, 1 / (1 + std::exp(-8.0)));  // in double, as in run_qa
}

TEST_F(DecodeQuestion, GivesProbabilitiesAsSinglePrecisionNumbers) {
  options_.n_best_size = 1;
  const Prediction p = decode({{0, 0, 0, 0, 2, 0, 0}}, {{0, 0, 0, 0, 1, 0, 0}});
  EXPECT_EQ(p.n_best[0].probability, static_cast<float>(p.n_best[0].probability));
  EXPECT_NEAR(p.n_best[0].probability, 1 / (1 + std::exp(-3.0)), 1e-7);
}

TEST_F(DecodeQuestion, NamesTheQuestionWhoseLogitsAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message_of<DivergedError>([&] { decode({{0, 0, 0, nan, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0, 0}}); }),
              HasSubstr("'q1'"));
}

TEST_F(DecodeQuestion, RefusesLogitsOfAnotherLength) {
  EXPECT_THROW(decode({{0, 0, 0}}, {{0, 0, 0}}), ShapeError);
  EXPECT_THROW(decode({}, {}), ShapeError);
}

TEST_F(DecodeQuestion, GivesProbabilitiesOfLogitsThatAreLarge) {
  const Prediction p = decode({{0, 0, 0, 0, 100, 0, 0}}, {{0, 0, 0, 0, 100, 0, 0}});
  EXPECT_EQ(p.n_best[0].probability, 1);
  EXPECT_EQ(p.n_best.back().probability, 0);
}

TEST_F(DecodeQuestion, LooksAtTheEndsAndForInfinitiesToo) {
  const std::vector<float> zeros(7, 0.0F);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits = zeros;
    logits[3] = bad;
    EXPECT_THROW(decode({logits}, {zeros}), DivergedError);
    EXPECT_THROW(decode({zeros}, {logits}), DivergedError);
  }
}

TEST_F(DecodeQuestion, KnowsTheBestAnswerThatTheThresholdWithholds) {
  const Prediction p = decode({{3, 0, 0, 0, 2, 0, 0}}, {{3, 0, 0, 0, 2, 0, 0}});
  EXPECT_EQ(p.text, "");
  EXPECT_EQ(p.best_text, "cat");
}

}  // namespace
}  // namespace bertft::eval
