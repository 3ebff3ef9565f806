#include "bertft/eval/prediction_files.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "bertft/eval/metric.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "message_of.h"
#include "temporary_directory.h"

namespace bertft::eval {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class PredictionFiles : public ::testing::Test {
 protected:
  PredictionFiles() {
    dataset_.questions.push_back({"b", "?", 0, false, {}});
    dataset_.questions.push_back({"a", "?", 0, false, {}});
    predictions_.push_back({"5 \u20AC", {{"5 \u20AC", 1.5F, 0.1F, 3, 6, 0.75}, {"", 0, -2, 0, 0, 0.25}}, -3.5});
    predictions_.push_back({"", {{"empty", 0, 0, 0, 0, 0.5}, {"", 0, 0, 0, 0, 0.5}}, 1e-7});
  }

  std::string refusal_by(auto read, std::string_view content) const {
    return message_of<DataError>([&] { read(directory_.write("file.json", content)); });
  }

  TemporaryDirectory directory_;
  data::Dataset dataset_;
  std::vector<Prediction> predictions_;
};

// The expected bytes are json.dumps(..., indent=4) + "\n" of the same values.
TEST_F(PredictionFiles, AreWrittenAsPythonWouldPrintThem) {
  write_prediction_files(directory_ / "eval_", dataset_, predictions_, true);
  EXPECT_EQ(read_file(directory_ / "eval_predictions.json"), R"({
    "b": "5 \u20ac",
    "a": ""
}
)");
  EXPECT_EQ(read_file(directory_ / "eval_null_odds.json"), R"({
    "b": -3.5,
    "a": 1e-07
}
)");
  EXPECT_EQ(read_file(directory_ / "eval_nbest_predictions.json"), R"({
    "b": [
        {
            "start_logit": 1.5,
            "end_logit": 0.10000000149011612,
            "text": "5 \u20ac",
            "probability": 0.75
        },
        {
            "start_logit": 0.0,
            "end_logit": -2.0,
            "text": "",
            "probability": 0.25
        }
    ],
    "a": [
        {
            "text": "empty",
            "start_logit": 0.0,
            "end_logit": 0.0,
            "probability": 0.5
        },
        {
            "start_logit": 0.0,
            "end_logit": 0.0,
            "text": "",
            "probability": 0.5
        }
    ]
}
)");
}

TEST_F(PredictionFiles, HaveNoNullOddsUnderVersionOneRules) {
  write_prediction_files(directory_ / "", dataset_, predictions_, true);  // odds that will be of another answer
  write_prediction_files(directory_ / "", dataset_, predictions_, false);
  EXPECT_TRUE(std::filesystem::exists(directory_ / "predictions.json"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "null_odds.json"));
}

TEST_F(PredictionFiles, OfEarlierStayAllOfThemWhereOneCannotBeWritten) {
  write_prediction_files(directory_ / "", dataset_, predictions_, true);
  const std::string old_texts = read_file(directory_ / "predictions.json");
  predictions_[0].text = "new";
  predictions_[0].n_best.resize(100);
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};  // enough for the texts alone
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message =
      message_of<StorageError>([&] { write_prediction_files(directory_ / "", dataset_, predictions_, true); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(message, AllOf(HasSubstr("nbest_predictions.json"), HasSubstr("File too large")));
  EXPECT_EQ(read_file(directory_ / "predictions.json"), old_texts);
  EXPECT_THAT(directory_.names(), UnorderedElementsAre("predictions.json", "nbest_predictions.json", "null_odds.json"));
}

TEST_F(PredictionFiles, NeedAPredictionForEveryQuestion) {
  predictions_.pop_back();
  EXPECT_THROW(write_prediction_files(directory_ / "", dataset_, predictions_, true), ShapeError);
}

TEST_F(PredictionFiles, AreReadBackAsWritten) {
  write_prediction_files(directory_ / "", dataset_, predictions_, true);
  EXPECT_THAT(read_predictions(directory_ / "predictions.json"),
              UnorderedElementsAre(Pair("a", ""), Pair("b", "5 \u20AC")));
  EXPECT_THAT(read_null_odds(directory_ / "null_odds.json"), ElementsAre(Pair("b", -3.5), Pair("a", 1e-7)));
}

TEST_F(PredictionFiles, RefuseAnAnswerThatIsNoString) {
  EXPECT_THAT(refusal_by(read_predictions, R"({"q1": "x", "q2": [{"text": "x"}]})"),
              AllOf(HasSubstr("'q2'"), HasSubstr("array"), HasSubstr("expected the answer as a string")));
}

TEST_F(PredictionFiles, RefuseOddsThatAreNoNumber) {
  EXPECT_THAT(refusal_by(read_null_odds, R"({"q1": "x"})"), AllOf(HasSubstr("'q1'"), HasSubstr("expected a number")));
}

TEST_F(PredictionFiles, RefuseADocumentThatIsNoObject) {
  EXPECT_THAT(refusal_by(read_predictions, "[]"), HasSubstr("expected one JSON object"));
}

TEST_F(PredictionFiles, RefuseTwoAnswersToOneQuestion) {
  EXPECT_THAT(refusal_by(read_predictions, R"({"q": "x", "q": "y"})"), HasSubstr("duplicate key 'q'"));
}

TEST_F(PredictionFiles, NameAFileThatIsMissing) {
  EXPECT_THROW(read_null_odds(directory_ / "none.json"), InputError);
}

}  // namespace
}  // namespace bertft::eval
