#include "data/findings.h"

#include <gtest/gtest.h>

#include <limits>

#include "data/squad_text.h"
#include "data/white_space.h"

namespace bertft::data {
namespace {

using Kind = Finding::Kind;

// What is found about one answer in a context; empty when nothing is.
std::string about(std::string_view context, std::string_view text, std::int64_t start) {
  const Dataset dataset =
      read(with_answers('"' + std::string(context) + '"',
                        R"([{"text":")" + std::string(text) + R"(","answer_start":)" + std::to_string(start) + "}]"));
  const std::vector<Finding> findings = findings_of(dataset);
  EXPECT_EQ(findings.empty(), dataset.questions[0].answers[0].aligned);
  return findings.empty() ? "" : findings[0].message;
}

TEST(Findings, CountAnswersInCodePoints) {
  EXPECT_EQ(about("\xC3\x89lan \xF0\x9F\x98\x80 vital", "vital", 7), "");
  EXPECT_EQ(about("a", "a", 0), "");
}

TEST(Findings, FindALateAnswerOfALongContext) {
  std::string context;
  for (int i = 0; i < 1000; ++i) context += "\xC3\xA9";
  EXPECT_EQ(about(context + "end", "end", 1000), "");
  EXPECT_EQ(about(context + "end", "end", 999), "answer 'end' is not at 999; it stands at 1000");
}

TEST(Findings, SayWhereAMisalignedAnswerStands) {
  EXPECT_EQ(about("In Denver.", "Denver", 2), "answer 'Denver' is not at 2; it stands at 3");
  EXPECT_EQ(about("In Denver.", "Denver", 4), "answer 'Denver' is not at 4; it stands at 3");
}

TEST(Findings, NameTheNearestOfSeveralPlaces) {
  EXPECT_EQ(about("a b a b a", "a", 5), "answer 'a' is not at 5; the nearest of its 3 places is 4");
}

TEST(Findings, CountPlacesThatOverlap) {
  EXPECT_EQ(about("aaaa", "aa", 5), "answer 'aa' is not at 5; the nearest of its 3 places is 2");
  EXPECT_EQ(about("abaababaab", "abaab", 9), "answer 'abaab' is not at 9; the nearest of its 2 places is 5");
  EXPECT_EQ(about("aabaaabaaac", "aabaaac", 0), "answer 'aabaaac' is not at 0; it stands at 4");
}

TEST(Findings, TakeNoLongerForTextsThatNearlyRepeat) {
  const std::string same(12'000'000, 'a');  // a search that begins anew at each place takes ten minutes
  const std::string message = about(same, same.substr(0, same.size() / 2) + "b", 1);
  EXPECT_TRUE(message.ends_with("the context does not contain it")) << message;
}

TEST(Findings, RecogniseAnAnswerStartInBytes) {
  EXPECT_EQ(about("\xC3\x89lan vital, vital", "vital", 6),
            "answer 'vital' is not at 6; it stands at 5: answer_start seems to count bytes");
}

TEST(Findings, RecogniseAnAnswerStartInUtf16Units) {
  EXPECT_EQ(about("\xF0\x9F\x98\x80 vital", "vital", 3),
            "answer 'vital' is not at 3; it stands at 2: answer_start seems to count UTF-16 units");
}

TEST(Findings, SayThatTheContextLacksTheAnswer) {
  EXPECT_EQ(about("In Denver.", "denver", 3), "answer 'denver' is not at 3; the context does not contain it");
  EXPECT_EQ(about("In Denver.", "Denver", 9223372036854775807),
            "answer 'Denver' is not at 9223372036854775807; it stands at 3");
}

TEST(Findings, TakeAStartBelowZeroForAPlaceOutsideOfTheContext) {
  EXPECT_EQ(about("Denver.", "Denver", -1), "answer 'Denver' is not at -1; it stands at 0");
  EXPECT_EQ(about("a b a", "a", std::numeric_limits<std::int64_t>::min()),
            "answer 'a' is not at -9223372036854775808; the nearest of its 2 places is 0");
}

TEST(Findings, NameAnEmptyOrBlankAnswer) {
  EXPECT_EQ(about("In Denver.", "", 0), "the answer at 0 is empty");
  EXPECT_EQ(about("In Denver.", " ", 2), "the answer at 2 is empty");
  EXPECT_EQ(about("In \\u3000 Denver.", "\\u3000", 3), "the answer at 3 is empty");
}

TEST(Findings, TakeAnAnswerInsideAWordForAligned) {
  EXPECT_EQ(about("In Denver.", "env", 4), "");
}

TEST(Findings, NameEveryMisalignedAnswerOfAQuestion) {
  const Dataset dataset = read(
      with_answers(R"("In Denver.")",
                   R"([{"text":"In","answer_start":1},{"text":"In","answer_start":0},{"text":"x","answer_start":0}])"));
  const std::vector<Finding> findings = findings_of(dataset);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].kind, Kind::kMisaligned);
  EXPECT_EQ(findings[0].question_id, "q1");
}

std::vector<std::pair<Kind, std::string>> kinds(const Dataset& dataset) {
  std::vector<std::pair<Kind, std::string>> list;
  for (const Finding& finding : findings_of(dataset)) list.emplace_back(finding.kind, finding.question_id);
  return list;
}

TEST(Findings, NameEmptyQuestionsAndContexts) {
  const Dataset dataset = read(document(R"("\u00a0 ")", R"({"id":"a","question":"\t","answers":[]})"));
  EXPECT_EQ(kinds(dataset),
            (std::vector<std::pair<Kind, std::string>>{{Kind::kEmptyContext, ""}, {Kind::kEmptyQuestion, "a"}}));
}

TEST(Findings, NameAQuestionAskedTwiceOnOneContext) {
  const Dataset dataset =
      read(document(R"("c")", R"({"id":"a","question":"q","answers":[]},{"id":"b","question":"r","answers":[]},)"
                              R"({"id":"c","question":"q","answers":[]})"));
  EXPECT_EQ(kinds(dataset), (std::vector<std::pair<Kind, std::string>>{{Kind::kDuplicateQuestion, "c"}}));
  EXPECT_EQ(findings_of(dataset)[0].message, "the same question on the same context as 'a'");
}

TEST(Findings, NameAMarkThatContradictsTheAnswers) {
  const Dataset dataset = read(
      document(R"("c")", R"({"id":"a","question":"q","is_impossible":true,"answers":[{"text":"c","answer_start":0}]},)"
                         R"({"id":"b","question":"r","is_impossible":false,"answers":[]},)"
                         R"({"id":"c","question":"s"})"));
  EXPECT_EQ(kinds(dataset),
            (std::vector<std::pair<Kind, std::string>>{
                {Kind::kContradiction, "a"}, {Kind::kContradiction, "b"}, {Kind::kContradiction, "c"}}));
}

TEST(Findings, LeaveOutEmptyContextsThatNobodyAsksAbout) {
  const Dataset dataset = read(R"({"data":[{"paragraphs":[{"context":"","qas":[]},{"context":" ","qas":[]},)"
                               R"({"context":"c","qas":[{"id":"a","question":"q","answers":[]}]}]}]})");
  EXPECT_EQ(dataset.contexts.size(), 3U);
  EXPECT_EQ(kinds(dataset), (std::vector<std::pair<Kind, std::string>>{}));
}

TEST(WhiteSpace, IsStrippedOnTheLeftAsPythonDoes) {
  EXPECT_EQ(lstrip(" \t\x1c\xC2\x85\xC2\xA0\xE3\x80\x80q "), "q ");
  EXPECT_EQ(lstrip("\xE2\x80\x8Bq"), "\xE2\x80\x8Bq");  // U+200B is not white space
  EXPECT_EQ(lstrip(" "), "");
  EXPECT_EQ(lstrip(""), "");
}

TEST(Findings, LetAQuestionBeAskedOnTwoContexts) {
  const Dataset dataset = read(R"({"data":[{"paragraphs":[)"
                               R"({"context":"c","qas":[{"id":"a","question":"q","answers":[]}]},)"
                               R"({"context":"d","qas":[{"id":"b","question":"q","answers":[]}]}]}]})");
  EXPECT_TRUE(findings_of(dataset).empty());
}

}  // namespace
}  // namespace bertft::data
