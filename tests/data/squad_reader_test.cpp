#include <gtest/gtest.h>

#include "bertft/data/check.h"
#include "data/squad_text.h"

namespace bertft::data {
namespace {

constexpr const char* kRow = R"({"id":"a","title":"Rivers","context":"The Elbe is long.","question":"What is long?",)"
                             R"("answers":{"text":["Elbe"],"answer_start":[4]}})";

TEST(SquadReader, ReadsTheNestedForm) {
  const Dataset dataset = read(
      R"({"version":"v2.0","data":[{"title":"Rivers","paragraphs":[
          {"qas":[{"question":"What is long?","id":"a","answers":[{"text":"Elbe","answer_start":4}],
                   "is_impossible":false},
                  {"question":"What is short?","id":"b","answers":[],"is_impossible":true}],
           "context":"The Elbe is long."},
          {"context":"The Oder too.","qas":[{"id":"c","question":"Which?","answers":
             [{"answer_start":4,"text":"Oder"},{"answer_start":0,"text":"The Oder"}]}]}]},
          {"title":"Lakes","paragraphs":[]}]})");
  EXPECT_EQ(dataset.form, Dataset::Form::kNested);
  EXPECT_EQ(dataset.version, "v2.0");
  EXPECT_EQ(dataset.num_articles, 2u);
  EXPECT_EQ(dataset.contexts, (std::vector<std::string>{"The Elbe is long.", "The Oder too."}));
  ASSERT_EQ(dataset.questions.size(), 3u);
  EXPECT_EQ(dataset.questions[0].id, "a");
  EXPECT_EQ(dataset.questions[0].text, "What is long?");
  EXPECT_EQ(dataset.questions[0].answers[0].text, "Elbe");
  EXPECT_EQ(dataset.questions[0].answers[0].char_start, 4);
  EXPECT_TRUE(dataset.questions[0].answers[0].aligned);
  EXPECT_TRUE(dataset.questions[1].is_impossible);
  EXPECT_EQ(dataset.questions[2].context_idx, 1u);
  EXPECT_EQ(dataset.questions[2].answers.size(), 2u);
  EXPECT_TRUE(dataset.has_unanswerable);
  EXPECT_TRUE(check_data(dataset).findings.empty());
}

TEST(SquadReader, TakesAFileWithoutImpossibleMarksAsAnswerable) {
  const Dataset dataset = read(with_answers(R"("The Elbe.")", R"([{"text":"Elbe","answer_start":4}])"));
  EXPECT_FALSE(dataset.has_unanswerable);
  EXPECT_FALSE(dataset.questions[0].is_impossible);
}

TEST(SquadReader, ReadsRowsUnderData) {
  const Dataset dataset = read(std::string(R"({"version":1.5,"data":[)") + kRow + "]}");
  EXPECT_EQ(dataset.form, Dataset::Form::kFlat);
  EXPECT_EQ(dataset.version, "1.5");
  EXPECT_EQ(read(std::string(R"({"version":2,"data":[)") + kRow + "]}").version, "2");
  EXPECT_EQ(dataset.num_articles, 1u);
  EXPECT_EQ(dataset.questions[0].answers[0].text, "Elbe");
}

TEST(SquadReader, ReadsAListOfRowsAtTheTop) {
  const Dataset dataset = read(std::string("[") + kRow + "]");
  EXPECT_EQ(dataset.form, Dataset::Form::kFlat);
  EXPECT_EQ(dataset.questions[0].answers[0].char_start, 4);
}

TEST(SquadReader, ReadsJsonLinesWithBlankLinesAndCarriageReturns) {
  const Dataset dataset =
      read(std::string(kRow) + "\r\n\r\n" +
           R"({"question":"Why?","context":"x y","id":"b","answers":[{"text":"y","answer_start":2}]})" + "\n");
  EXPECT_EQ(dataset.form, Dataset::Form::kLines);
  ASSERT_EQ(dataset.questions.size(), 2u);
  EXPECT_EQ(dataset.questions[1].answers[0].text, "y");
}

TEST(SquadReader, ReadsASingleRowAsJsonLines) {
  EXPECT_EQ(read(kRow).form, Dataset::Form::kLines);
}

TEST(SquadReader, KeepsTheContextOfSeveralRowsOnce) {
  const auto row = [](const char* id, const char* context) {
    return std::string(R"({"id":")") + id + R"(","context":")" + context + R"(","question":")" + id +
           R"(","answers":{"text":[],"answer_start":[]}})";
  };
  const Dataset dataset = read(std::string("[") + row("a", "one") + "," + row("b", "two") + "," + row("c", "one") +
                               "," + row("d", "two") + "]");
  EXPECT_EQ(dataset.contexts, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(dataset.questions[2].context_idx, 0u);
  EXPECT_EQ(dataset.questions[3].context_idx, 1u);
  EXPECT_EQ(dataset.num_articles, 0u);
}

TEST(SquadReader, TakesARowWithoutAnswersOrMarkAsImpossible) {
  const Dataset dataset = read(R"([{"id":"a","context":"c","question":"q","answers":{"text":[],"answer_start":[]}}])");
  EXPECT_TRUE(dataset.questions[0].is_impossible);
  EXPECT_TRUE(check_data(dataset).findings.empty());
}

TEST(SquadReader, TakesNullForWhatIsNotThere) {
  const Dataset dataset =
      read(R"({"version":null,"data":[{"id":1,"title":null,"context":"c","question":"q","answers":null,)"
           R"("is_impossible":null}]})");
  EXPECT_FALSE(dataset.questions[0].is_impossible);
  EXPECT_TRUE(dataset.questions[0].answers.empty());
}

TEST(SquadReader, TakesNumbersForTruthAndTitles) {
  const Dataset dataset = read(R"([{"id":1,"title":1984,"context":"c","question":"q","answers":[],"is_impossible":1},)"
                               R"({"id":2,"title":1985,"context":"c","question":"r","answers":[],"is_impossible":0}])");
  EXPECT_TRUE(dataset.questions[0].is_impossible);
  EXPECT_FALSE(dataset.questions[1].is_impossible);
  EXPECT_EQ(dataset.num_articles, 2U);
}

TEST(SquadReader, KnowsOfUnanswerableQuestionsFromWhatTheFileSaysAlone) {
  const auto is_known = [](const char* members) {
    return read(std::string(R"([{"id":1,"context":"c d","question":"q")") + members + "}]").has_unanswerable;
  };
  EXPECT_TRUE(is_known(R"(,"answers":[])"));
  EXPECT_TRUE(is_known(R"(,"answers":{"text":[""],"answer_start":[-1]})"));
  EXPECT_TRUE(is_known(R"(,"is_impossible":true)"));
  EXPECT_FALSE(is_known(R"(,"answers":[{"text":"c","answer_start":0}])"));
  EXPECT_FALSE(is_known(R"(,"answers":[{"text":" ","answer_start":1}],"is_impossible":false)"));
  EXPECT_FALSE(is_known("")) << "a test set";
  EXPECT_FALSE(is_known(R"(,"answers":null)"));
}

TEST(SquadReader, ReadsIntegerIdsAsTheirText) {
  const Dataset dataset = read(document(R"("c")", R"({"id":4242,"question":"q","answers":[]},)"
                                                  R"({"id":-7,"question":"r","answers":[]},)"
                                                  R"({"id":18446744073709551615,"question":"s","answers":[]})"));
  EXPECT_EQ(dataset.questions[0].id, "4242");
  EXPECT_EQ(dataset.questions[1].id, "-7");
  EXPECT_EQ(dataset.questions[2].id, "18446744073709551615");
}

TEST(SquadReader, IgnoresPlausibleAnswersAndOtherMembers) {
  const Dataset dataset = read(document(
      R"("The Elbe.")", R"({"id":"a","question":"q","answers":[],"is_impossible":true,"document_id":[1.5,{"id":null}],)"
                        R"("plausible_answers":[{"text":"Elbe","answer_start":4}]})"));
  EXPECT_TRUE(dataset.questions[0].answers.empty());
  EXPECT_EQ(dataset.questions[0].id, "a");
}

TEST(SquadReader, SkipsAByteOrderMark) {
  EXPECT_EQ(read(std::string("\xEF\xBB\xBF") + kRow).questions.size(), 1u);
  EXPECT_EQ(read(std::string("\xEF\xBB\xBF[") + kRow + "]").questions.size(), 1u);
}

TEST(SquadReader, KeepsContextAndQuestionVerbatim) {
  const Dataset dataset = read(document(R"("  a\r\nb\u0000\ufffd ")", R"({"id":"a","question":" q? ","answers":[]})"));
  using namespace std::string_literals;
  EXPECT_EQ(dataset.contexts[0], "  a\r\nb\0\xEF\xBF\xBD "s);
  EXPECT_EQ(dataset.questions[0].text, " q? ");
}

TEST(SquadReader, TakesTheHashOfTheBytes) {
  const Dataset dataset = read(std::string("[") + kRow + "]");
  EXPECT_EQ(dataset.sha256.size(), 64u);
  EXPECT_NE(dataset.sha256, read(std::string("[") + kRow + "] ").sha256);
}

TEST(SquadReader, TellsADocumentFromARowByTheOutermostKeysAlone) {
  EXPECT_EQ(read(std::string(R"({"about":{"context":"c","question":"q"},"data":[)") + kRow + "]}").form,
            Dataset::Form::kFlat);
  EXPECT_EQ(read(std::string(R"({"about":{"data":[1]},)") + (kRow + 1)).form, Dataset::Form::kLines);
}

TEST(SquadReader, CountsTheTitlesOfRowsAsArticles) {
  const auto row = [](const char* id, const char* title) {
    return std::string(R"({"id":")") + id + R"(","title":)" + title + R"(,"context":"c","question":")" + id + R"("})";
  };
  EXPECT_EQ(read(row("a", R"("x")") + "\n" + row("b", R"("x")") + "\n" + row("c", R"("y")")).num_articles, 2u);
  EXPECT_EQ(read(row("a", R"("x")") + "\n" + row("b", "null")).num_articles, 2u);
}

TEST(SquadReader, ReadsTheMarkOfARow) {
  const Dataset dataset = read(R"([{"id":"a","context":"c","question":"q","is_impossible":true}])");
  EXPECT_TRUE(dataset.questions[0].is_impossible);
  EXPECT_TRUE(check_data(dataset).findings.empty());
}

TEST(SquadReader, IgnoresWhatOnlyRowsHaveInAnArticle) {
  const std::string paragraphs = R"("paragraphs":[{"context":"c","qas":[{"id":"1","question":"q"}]}])";
  for (const std::string member :
       {R"("id":null)", R"("id":["a"])", R"("id":{"a":1})", R"("id":"")", R"("id":"a")", R"("question":1)",
        R"("question":"other")", R"("is_impossible":"no")", R"("is_impossible":true)", R"("answers":"none")",
        R"("answers":[{"text":[5,{"a":6}]},"c"])", R"("answers":{"text":["a"],"answer_start":[]})"}) {
    for (const std::string& article : {member + "," + paragraphs, paragraphs + "," + member}) {
      const Dataset dataset = read(R"({"data":[{)" + article + "},{" + member + R"(,"paragraphs":[]}]})");
      ASSERT_EQ(dataset.questions.size(), 1U) << article;
      EXPECT_EQ(dataset.questions[0].id, "1") << article;
      EXPECT_EQ(dataset.questions[0].text, "q") << article;
      EXPECT_FALSE(dataset.questions[0].is_impossible) << article;
      EXPECT_TRUE(dataset.questions[0].answers.empty()) << article;
    }
  }
}

}  // namespace
}  // namespace bertft::data
