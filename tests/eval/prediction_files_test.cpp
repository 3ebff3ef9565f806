#include "bertft/eval/prediction_files.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "bertft/eval/metric.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"

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
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ = std::filesystem::temp_directory_path() / ("bertft-" + name + "-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    dataset_.questions.push_back({"b", "?", 0, false, {}});
    dataset_.questions.push_back({"a", "?", 0, false, {}});
    predictions_.push_back({"5 \u20AC", {{"5 \u20AC", 1.5F, 0.1F, 3, 6, 0.75}, {"", 0, -2, 0, 0, 0.25}}, -3.5});
    predictions_.push_back({"", {{"empty", 0, 0, 0, 0, 0.5}, {"", 0, 0, 0, 0, 0.5}}, 1e-7});
  }
  ~PredictionFiles() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& content) const {
    write_file_atomically(path("file.json"), content);
    return path("file.json");
  }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
  data::Dataset dataset_;
  std::vector<Prediction> predictions_;
};

// The expected bytes are json.dumps(..., indent=4) + "\n" of the same values.
TEST_F(PredictionFiles, AreWrittenAsPythonWouldPrintThem) {
  write_prediction_files((directory_ / "eval_").string(), dataset_, predictions_, true);
  EXPECT_EQ(read_file(path("eval_predictions.json")), R"({
    "b": "5 \u20ac",
    "a": ""
}
)");
  EXPECT_EQ(read_file(path("eval_null_odds.json")), R"({
    "b": -3.5,
    "a": 1e-07
}
)");
  EXPECT_EQ(read_file(path("eval_nbest_predictions.json")), R"({
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
  write_prediction_files(directory_.string() + "/", dataset_, predictions_, false);
  EXPECT_TRUE(std::filesystem::exists(path("predictions.json")));
  EXPECT_FALSE(std::filesystem::exists(path("null_odds.json")));
}

TEST_F(PredictionFiles, NeedAPredictionForEveryQuestion) {
  predictions_.pop_back();
  EXPECT_THROW(write_prediction_files(directory_.string() + "/", dataset_, predictions_, true), ShapeError);
}

TEST_F(PredictionFiles, AreReadBackAsWritten) {
  write_prediction_files(directory_.string() + "/", dataset_, predictions_, true);
  EXPECT_THAT(read_predictions(path("predictions.json")), UnorderedElementsAre(Pair("a", ""), Pair("b", "5 \u20AC")));
  EXPECT_THAT(read_null_odds(path("null_odds.json")), ElementsAre(Pair("b", -3.5), Pair("a", 1e-7)));
}

template <class Read>
std::string data_error_of(Read read, const std::string& path) {
  try {
    read(path);
  } catch (const DataError& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

TEST_F(PredictionFiles, RefuseAnAnswerThatIsNoString) {
  EXPECT_THAT(data_error_of(read_predictions, write(R"({"q1": "x", "q2": [{"text": "x"}]})")),
              AllOf(HasSubstr("'q2'"), HasSubstr("array"), HasSubstr("expected the answer as a string")));
}

TEST_F(PredictionFiles, RefuseOddsThatAreNoNumber) {
  EXPECT_THAT(data_error_of(read_null_odds, write(R"({"q1": "x"})")),
              AllOf(HasSubstr("'q1'"), HasSubstr("expected a number")));
}

TEST_F(PredictionFiles, RefuseADocumentThatIsNoObject) {
  EXPECT_THAT(data_error_of(read_predictions, write("[]")), HasSubstr("expected one JSON object"));
}

TEST_F(PredictionFiles, RefuseTwoAnswersToOneQuestion) {
  EXPECT_THAT(data_error_of(read_predictions, write(R"({"q": "x", "q": "y"})")), HasSubstr("duplicate key 'q'"));
}

TEST_F(PredictionFiles, NameAFileThatIsMissing) {
  EXPECT_THROW(read_null_odds(path("none.json")), InputError);
}

}  // namespace
}  // namespace bertft::eval
