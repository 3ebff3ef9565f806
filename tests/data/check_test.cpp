#include "bertft/data/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "data/squad_text.h"
#include "data/word_tokenizer.h"

namespace bertft::data {
namespace {

using ::testing::HasSubstr;

// Seven misaligned answers, an unanswerable question, and one too long for 16 tokens.
Dataset faulty() {
  std::string qas =
      R"({"id":"none","question":"a b","answers":[],"is_impossible":true},)"
      R"({"id":"long","question":"1 2 3 4 5 6 7 8 9 10 11 12 13","answers":[{"text":"c","answer_start":4}]})";
  for (int i = 0; i < 7; ++i) {
    qas += R"(,{"id":"bad)" + std::to_string(i) + R"(","question":")" + std::to_string(i) +
           R"(","answers":[{"text":"c","answer_start":0}]})";
  }
  return read(document(R"("a b c d e f g h")", qas));
}

DataOptions sixteen() {
  DataOptions options;
  options.max_seq_length = 16;
  options.doc_stride = 2;
  return options;
}

DataCheck check_windows(const Dataset& dataset, const DataOptions& options) {
  return check_data(dataset, tokenize(dataset, WordTokenizer()), options);
}

TEST(DataCheck, CountsWhatIsInTheFile) {
  const DataCheck check = check_data(faulty());
  EXPECT_EQ(check.num_articles, 1u);
  EXPECT_EQ(check.num_paragraphs, 1u);
  EXPECT_EQ(check.num_questions, 9u);
  EXPECT_EQ(check.num_answerable, 8u);
  EXPECT_EQ(check.num_unanswerable, 1u);
  EXPECT_EQ(check.num_answers, 8u);
  EXPECT_EQ(check.findings.size(), 7u);
  EXPECT_FALSE(check.windows.has_value());
}

TEST(DataCheck, TellsOfArticlesOnlyWhereTheFileNamesThem) {
  const auto text = [](const std::string& json) { return check_data(read(json)).to_text(); };
  const std::string row = R"("id":"1","context":"c","question":"q","answers":{"text":["c"],"answer_start":[0]}})";
  EXPECT_THAT(text(R"({"title":"t",)" + row), testing::HasSubstr("articles "));
  EXPECT_THAT(text("{" + row), testing::Not(testing::HasSubstr("articles ")));
}

TEST(DataCheck, SummarizesTheWindows) {
  const DataCheck check = check_windows(faulty(), sixteen());
  ASSERT_TRUE(check.windows.has_value());
  EXPECT_EQ(check.windows->num_windows, 8u);  // one of 13 tokens, seven of 12
  EXPECT_EQ(check.windows->num_tokens, 13u + 7 * 12);
  EXPECT_EQ(check.windows->num_labelled, 0u);
  EXPECT_EQ(check.windows->p5, 12u);
  EXPECT_EQ(check.windows->p50, 12u);
  EXPECT_EQ(check.windows->p95, 13u);
  EXPECT_EQ(check.windows->max_length, 13u);
  ASSERT_EQ(check.windows->histogram.size(), 8u);
  EXPECT_EQ(check.windows->histogram[5].first_length, 11u);
  EXPECT_EQ(check.windows->histogram[5].last_length, 12u);
  EXPECT_EQ(check.windows->histogram[5].num_windows, 7u);
  EXPECT_EQ(check.windows->histogram[6].num_windows, 1u);
}

TEST(DataCheck, ListsQuestionsWithoutRoomInsteadOfStopping) {
  const DataCheck check = check_windows(faulty(), sixteen());
  EXPECT_EQ(check.findings.back().kind, Finding::Kind::kNoRoom);
  EXPECT_EQ(check.findings.back().question_id, "long");
}

TEST(DataCheck, IsOneJsonObjectWithAllIds) {
  const Json json = check_windows(faulty(), sixteen()).to_json();
  EXPECT_EQ(json["form"], "nested");
  EXPECT_EQ(json["version"], "v2.0");
  EXPECT_EQ(json["questions"], 9);
  EXPECT_EQ(json["findings"]["misaligned"].size(), 7u);
  EXPECT_EQ(json["findings"]["misaligned"][6]["id"], "bad6");
  EXPECT_EQ(json["findings"]["no_room"][0]["id"], "long");
  EXPECT_TRUE(json["findings"]["empty_answer"].empty());
  EXPECT_EQ(json["windows"]["windows"], 8);
  EXPECT_EQ(json["windows"]["length"]["max"], 13);
}

TEST(DataCheck, ShowsTheFirstFindingsOfEachKindToPeople) {
  const std::string text = check_data(faulty()).to_text();
  EXPECT_THAT(text, HasSubstr("questions                      9\n"));
  EXPECT_THAT(text, HasSubstr("misaligned answers             7\n"));
  EXPECT_THAT(text, HasSubstr("bad4: answer 'c' is not at 0; it stands at 4\n"));
  EXPECT_THAT(text, Not(HasSubstr("bad5")));
  EXPECT_THAT(text, HasSubstr("and 2 more; --json lists all\n"));
}

TEST(DataCheck, SaysThatThereIsNothingToReport) {
  EXPECT_THAT(check_data(read(with_answers(R"("c")", R"([{"text":"c","answer_start":0}])"))).to_text(),
              HasSubstr("nothing to report"));
}

TEST(DataCheck, FitsEightyColumns) {
  const std::string wide(200, 'x');
  const Dataset dataset = read(document(
      R"("c")", R"({"id":")" + wide + R"(","question":"q","answers":[{"text":")" + wide + R"(","answer_start":0}]})"));
  std::istringstream lines(check_windows(dataset, {}).to_text());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(count_code_points(line), 80u) << line;
}

TEST(DataCheck, HasARangeForEveryLengthWhereRangesDoNotDivideTheLongest) {
  DataOptions twenty;
  twenty.max_seq_length = 20;
  twenty.doc_stride = 2;
  std::string context = "c";
  for (int i = 0; i < 30; ++i) context += " w";
  const DataCheck check = check_windows(
      read(document('"' + context + '"', R"({"id":"a","question":"q","answers":[{"text":"c","answer_start":0}]})")),
      twenty);
  ASSERT_EQ(check.windows->max_length, 20u);
  ASSERT_EQ(check.windows->histogram.size(), 8u);
  std::uint64_t counted = 0;
  for (const auto& bucket : check.windows->histogram) counted += bucket.num_windows;
  EXPECT_EQ(counted, check.windows->num_windows);
  EXPECT_EQ(check.windows->histogram[6].first_length, 19u);
  EXPECT_EQ(check.windows->histogram[6].last_length, 21u);
}

TEST(DataCheck, CountsTheWindowsThatHoldTheAnswer) {
  DataOptions eight;
  eight.max_seq_length = 8;
  eight.doc_stride = 0;  // windows of 4, 4 and 1 tokens of context
  const DataCheck check =
      check_windows(read(document(R"("a b c d e f g h i")",
                                  R"({"id":"a","question":"q","answers":[{"text":"f","answer_start":10}]})")),
                    eight);
  EXPECT_EQ(check.windows->num_windows, 3u);
  EXPECT_EQ(check.windows->num_labelled, 1u);
  EXPECT_EQ(check.windows->mean_length, (8 + 8 + 5) / 3.0);
  EXPECT_EQ(check.to_json()["windows"]["with_answer"], 1);
}

TEST(DataCheck, TakesQuantilesByNearestRank) {
  std::string qas;
  for (int i = 1; i <= 4; ++i) {  // windows of 5, 6, 7 and 8 tokens
    std::string question = "q";
    for (int j = 1; j < i; ++j) question += " q";
    qas += (i == 1 ? R"({"id":")" : R"(,{"id":")") + std::to_string(i) + R"(","question":")" + question +
           R"(","answers":[]})";
  }
  const DataCheck check = check_windows(read(document(R"("c")", qas)), {});
  EXPECT_EQ(check.windows->p5, 5u);
  EXPECT_EQ(check.windows->p50, 6u);
  EXPECT_EQ(check.windows->p95, 8u);
}

TEST(DataCheck, SaysNothingOfKindsThatDoNotOccurAndGivesNoIdToAContext) {
  EXPECT_THAT(check_data(faulty()).to_text(), Not(HasSubstr("empty")));
  const Dataset blank = read(document(R"(" ")", R"({"id":"a","question":"q","answers":[]})"));
  EXPECT_FALSE(check_data(blank).to_json()["findings"]["empty_context"][0].contains("id"));
}

}  // namespace
}  // namespace bertft::data
