#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "data/squad_text.h"

namespace bertft::data {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A document in which one value is replaced: $ marks the place.
std::string filled(std::string_view pattern, std::string_view value) {
  std::string text(pattern);
  return text.replace(text.find('$'), 1, value);
}

struct Place {
  const char* pattern;
  const char* path;
  const char* expected;
  const char* good;  // the one type that fits: "string", "list", ...
};

constexpr const char* kValues[][2] = {
    {"string", R"("x")"}, {"list", "[]"}, {"object", "{}"}, {"null", "null"},   {"true", "true"},
    {"number", "2"},      {"-1", "-1"},   {"1.5", "1.5"},   {"false", "false"}, {"2^63", "9223372036854775808"}};

void PrintTo(const Place& place, std::ostream* out) {
  *out << place.path;
}

class WrongType : public ::testing::TestWithParam<Place> {};

TEST_P(WrongType, IsRefusedWithThePathInTheDocument) {
  const Place& place = GetParam();
  for (const auto& [type, value] : kValues) {
    if (std::string_view(place.good).find(type) != std::string_view::npos) continue;
    const std::string message = refusal(filled(place.pattern, value));
    EXPECT_THAT(message, StartsWith(std::string("data.json: ") + place.path + ": expected " + place.expected)) << value;
    EXPECT_THAT(message, HasSubstr(", found ")) << value;
    EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 2);
  }
}

INSTANTIATE_TEST_SUITE_P(
    SquadReader, WrongType,
    ::testing::Values(
        Place{R"({"version":$,"data":[]})", "version", "a string or a number", "string number -1 1.5 2^63 null"},
        Place{R"({"data":$})", "data", "a list of articles or rows", "list"},
        Place{R"({"data":[$]})", "data[0]", "an article or a row", "object"},
        Place{R"([$])", "[0]", "an article or a row", "object"},
        Place{R"({"data":[{"title":$}]})", "data[0].title", "a string, a whole number or null",
              "string null number -1"},
        Place{R"({"data":[{"paragraphs":$}]})", "data[0].paragraphs", "a list of paragraphs", "list"},
        Place{R"({"data":[{"paragraphs":[$]}]})", "data[0].paragraphs[0]", "a paragraph", "object"},
        Place{R"({"data":[{"paragraphs":[{"context":$}]}]})", "data[0].paragraphs[0].context", "a string", "string"},
        Place{R"({"data":[{"paragraphs":[{"qas":$}]}]})", "data[0].paragraphs[0].qas", "a list of questions", "list"},
        Place{R"({"data":[{"paragraphs":[{"qas":[$]}]}]})", "data[0].paragraphs[0].qas[0]", "a question", "object"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"id":$}]}]}]})", "data[0].paragraphs[0].qas[0].id",
              "a string or a whole number", "string number -1 2^63"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"question":$}]}]}]})", "data[0].paragraphs[0].qas[0].question",
              "a string", "string"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"is_impossible":$}]}]}]})",
              "data[0].paragraphs[0].qas[0].is_impossible", "true, false, 1, 0 or null", "true false null"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"answers":$}]}]}]})", "data[0].paragraphs[0].qas[0].answers",
              "a list of answers, or an object with", "list object null"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"answers":[$]}]}]}]})", "data[0].paragraphs[0].qas[0].answers[0]",
              "an answer", "object"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"answers":[{"text":$}]}]}]}]})",
              "data[0].paragraphs[0].qas[0].answers[0].text", "a string", "string"},
        Place{R"({"data":[{"paragraphs":[{"qas":[{"answers":[{"answer_start":$}]}]}]}]})",
              "data[0].paragraphs[0].qas[0].answers[0].answer_start", "a whole number below 2^63", "number -1"},
        Place{R"([{"answers":{"text":$}}])", "[0].answers.text", "a list of strings", "list"},
        Place{R"([{"answers":{"answer_start":$}}])", "[0].answers.answer_start", "a list of whole numbers", "list"},
        Place{R"([{"answers":{"text":["a",$]}}])", "[0].answers.text[1]", "a string", "string"},
        Place{R"([{"answers":{"answer_start":[$]}}])", "[0].answers.answer_start[0]", "a whole number below 2^63",
              "number -1"}));

TEST(SquadReader, NamesTheQuestionWhoseFieldIsWrong) {
  EXPECT_EQ(refusal(with_answers(R"("c")", R"([{"text":"c","answer_start":0},{"text":"c","answer_start":"0"}])")),
            "data.json: data[0].paragraphs[0].qas[0].answers[1].answer_start: expected a whole number below 2^63, "
            "found a string (question 'q1')");
}

TEST(SquadReader, NamesTheLineOfARowWhoseFieldIsWrong) {
  const std::string good = R"({"id":"a","context":"c","question":"q"})";
  EXPECT_EQ(refusal(good + "\n\n" + R"({"id":"b","context":7})"),
            "data.json: line 3: context: expected a string, found 7 (question 'b')");
}

TEST(SquadReader, NamesAMissingMember) {
  EXPECT_THAT(refusal("{}"), StartsWith("data.json: no member 'data' at the top.\nAccepted: "));
  EXPECT_THAT(refusal(R"({"data":[{}]})"), StartsWith("data.json: data[0]: neither an article (no 'paragraphs')"));
  EXPECT_EQ(refusal(R"({"data":[{"paragraphs":[{"qas":[]}]}]})"),
            "data.json: data[0].paragraphs[0]: no member 'context'");
  EXPECT_EQ(refusal(R"({"data":[{"paragraphs":[{"context":""}]}]})"),
            "data.json: data[0].paragraphs[0]: no member 'qas'");
  EXPECT_EQ(refusal(document(R"("c")", R"({"question":"q"})")),
            "data.json: data[0].paragraphs[0].qas[0]: no member 'id'");
  EXPECT_EQ(refusal(document(R"("c")", R"({"id":"a"})")),
            "data.json: data[0].paragraphs[0].qas[0]: no member 'question' (question 'a')");
  EXPECT_THAT(refusal(with_answers(R"("c")", R"([{"text":"c"}])")), HasSubstr("answers[0]: no member 'answer_start'"));
  EXPECT_THAT(refusal(with_answers(R"("c")", R"([{"answer_start":0}])")), HasSubstr("answers[0]: no member 'text'"));
  EXPECT_THAT(refusal(with_answers(R"("c")", R"({"text":[]})")), HasSubstr("answers: no member 'answer_start'"));
}

TEST(SquadReader, SaysOfAnotherFormWhatItLacksAndWhichFormsAreAccepted) {
  EXPECT_THAT(refusal(R"({"data":[{"id":"a","context":"c","qas":[{"id":"1","question":"q"}]}]})"),
              StartsWith("data.json: data[0]: neither an article (no 'paragraphs') nor a row (no 'question')\n"
                         "Accepted: "));
  EXPECT_THAT(refusal(R"([{"id":"a","question":"q"}])"),
              StartsWith("data.json: [0]: neither an article (no 'paragraphs') nor a row (no 'context')\nAccepted: "));
}

TEST(SquadReader, NamesNoArticleAsAQuestion) {
  EXPECT_EQ(refusal(R"({"data":[{"id":"a","paragraphs":[{"qas":[]}]}]})"),
            "data.json: data[0].paragraphs[0]: no member 'context'");
  EXPECT_EQ(refusal(R"({"data":[{"id":"a","title":[],"paragraphs":[]}]})"),
            "data.json: data[0].title: expected a string, a whole number or null, found a list");
  EXPECT_THAT(refusal(R"([{"context":"c","question":"q","id":"a","title":[]}])"), HasSubstr("(question 'a')"));
}

TEST(SquadReader, RefusesColumnsOfDifferentLength) {
  EXPECT_EQ(refusal(R"([{"id":"a","answers":{"text":["x","y"],"answer_start":[1]}}])"),
            "data.json: [0].answers: 2 texts but 1 answer_starts (question 'a')");
}

TEST(SquadReader, RefusesAMemberThatStandsTwice) {
  EXPECT_EQ(refusal(R"({"data":[],"data":[]})"), "data.json: data: stands twice in its object");
}

TEST(SquadReader, RefusesAnEmptyId) {
  EXPECT_EQ(refusal(document(R"("c")", R"({"id":"","question":"q"})")),
            "data.json: data[0].paragraphs[0].qas[0].id: an empty id");
}

TEST(SquadReader, NamesAnIdThatOccursTwice) {
  EXPECT_THAT(refusal(document(R"("c")", R"({"id":"a","question":"q"},{"id":"b","question":"q"},)"
                                         R"({"id":"a","question":"r"})")),
              StartsWith("data.json: questions 1 and 3 (counted from 1) have the same id 'a'."));
  EXPECT_THAT(refusal(document(R"("c")", R"({"id":"a","question":"q"},{"id":"b","question":"q"},)"
                                         R"({"id":"a","question":"r"},{"id":"b","question":"s"})")),
              StartsWith("data.json: questions 1 and 3 (counted from 1) have the same id 'a'; 2 questions repeat an "
                         "earlier one's in all."));
}

TEST(SquadReader, TakesAnIntegerIdAndItsTextForTheSame) {
  EXPECT_THAT(refusal(document(R"("c")", R"({"id":5,"question":"q"},{"id":"5","question":"r"})")),
              HasSubstr("the same id '5'"));
}

TEST(SquadReader, RefusesArticlesAmongRows) {
  EXPECT_THAT(refusal(R"([{"id":"a","context":"c","question":"q"},{"title":"t","paragraphs":[]}])"),
              StartsWith("data.json: [1]: articles and rows in one file"));
  EXPECT_THAT(refusal(R"([{"context":"c","paragraphs":[]}])"), HasSubstr("both 'paragraphs' and 'context'"));
}

TEST(SquadReader, RefusesAFileWithoutQuestions) {
  EXPECT_EQ(refusal("[]"), "data.json: no questions in it.");
  EXPECT_EQ(refusal(R"({"data":[{"title":"t","paragraphs":[{"context":"c","qas":[]}]}]})"),
            "data.json: no questions in it.");
}

TEST(SquadReader, SaysWhichFormsAreAcceptedOfAnotherDocument) {
  for (const char* text : {"7", "\"text\"", "null", "true", "-1.5"}) {
    EXPECT_THAT(refusal(text), StartsWith("data.json: no SQuAD data but ")) << text;
    EXPECT_THAT(refusal(text), HasSubstr("Accepted: SQuAD JSON")) << text;
  }
}

TEST(SquadReader, RefusesDeepNestingAlsoInMembersItIgnores) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(
      refusal(R"({"other":)" + deep), "data.json: other" + [] {
        std::string path;
        for (int i = 0; i < 63; ++i) path += "[0]";
        return path;
      }() + ": nested deeper than 64 levels");
}

TEST(SquadReader, EscapesControlCharactersOfTheUser) {
  EXPECT_THAT(refusal(document(R"("c")", R"({"id":"a\u001b[31m","question":1})")),
              HasSubstr(R"((question 'a\x1b[31m'))"));
}

struct Malformed {
  std::string text;
  std::string place;
  const char* hint;
};
void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << malformed.hint;
}

class MalformedText : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedText, IsRefusedWithLineAndColumnAndAHint) {
  const std::string message = refusal(GetParam().text);
  EXPECT_THAT(message, StartsWith("data.json:" + GetParam().place + ": error: not JSON: "));
  EXPECT_THAT(message, HasSubstr(GetParam().hint));
  EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 2);
  EXPECT_LT(message.size(), 400u);
}

const std::string kGood = with_answers(R"("The Elbe.")", R"([{"text":"Elbe","answer_start":4}])");
const std::string kBehindGood = "1:" + std::to_string(kGood.size() + 1);
const std::size_t kContextColumn = document("$", "").find('$') + 1;
const std::string kGoodRow = R"({"id":"a","context":"c","question":"q"})";

INSTANTIATE_TEST_SUITE_P(
    SquadReader, MalformedText,
    ::testing::Values(
        Malformed{kGood.substr(0, kGood.size() - 1), "1:" + std::to_string(kGood.size()), "was it cut off?"},
        Malformed{"{\"data\": [\n  {\"title\": \"\xC3\xA9\", 5}]}", "2:18", "expected string literal"},
        Malformed{"{'data': []}", "1:2", "Python's repr"}, Malformed{"{\"data\": None}", "1:10", "Python's repr"},
        Malformed{"{\"data\": True}", "1:10", "Python's repr"}, Malformed{"{\"data\": NaN}", "1:10", "JSON has no NaN"},
        Malformed{"{\"data\": -Infinity}", "1:11", "JSON has no NaN or infinity"},
        Malformed{"// train set\n{\"data\": []}", "1:1", "JSON has no comments"},
        Malformed{"{\"data\": [],}", "1:13", "comma before the bracket"},
        Malformed{"{\"data\": [1e9999]}", "1:16", "number overflow"},
        Malformed{kGood + kGood, kBehindGood, "one row on each line"},
        Malformed{kGood + "x", kBehindGood, "end of input"},
        Malformed{kGoodRow + "\n" + kGoodRow + " {}", "2:41", "one row on each line"},
        Malformed{kGoodRow + "\n{\"id\":\"b\",\n", "2:11", "unexpected end of input"},
        Malformed{kGood + std::string(1, '\0') + "x", kBehindGood, "a NUL byte"},
        Malformed{document(R"("\ud800")", ""), "1:" + std::to_string(kContextColumn + 7), "surrogate"},
        Malformed{document("\"\xC3\x28\"", ""), "1:" + std::to_string(kContextColumn + 2), "not UTF-8: convert it"},
        Malformed{"\"" + std::string(100'000, 'x'), "1:100002", "missing closing quote"},
        Malformed{"id,question,context\n1,q,c\n", "1:1", "looks like CSV"},
        Malformed{",id,context\n0,1,c\n", "1:1", "looks like CSV"},
        Malformed{"id;context\n1;c\n", "1:1", "looks like CSV"},
        Malformed{std::string("\xFF\xFF\xFF\xFF\x10\0", 6), "1:6", "Arrow stream"},
        Malformed{"PAR1\x15\x04", "1:1", "Parquet"}, Malformed{"<!DOCTYPE html>", "1:1", "web page"},
        Malformed{"version https://git-lfs.github.com/spec/v1", "1:1", "LFS"},
        Malformed{"\x1f\x8b\x08garbage", "1:1", "gzip"}, Malformed{"PK\x03\x04", "1:1", "zip"},
        Malformed{std::string("\xff\xfe{\0", 4), "1:4", "UTF-16"}));

TEST(SquadReader, RefusesAnEmptyFile) {
  for (const char* text : {"", " \n", "\xEF\xBB\xBF"}) {
    EXPECT_THAT(refusal(text), StartsWith("data.json: the file is empty.")) << text;
  }
}

TEST(SquadReader, NamesAFileThatIsMissing) {
  EXPECT_THROW(read_dataset("/nowhere/squad.json"), InputError);
}

}  // namespace
}  // namespace bertft::data
