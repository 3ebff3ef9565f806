#include "bertft/data/tokens.h"

#include <gtest/gtest.h>

#include <atomic>

#include "data/squad_text.h"
#include "data/white_space.h"
#include "data/word_tokenizer.h"
#include "temporary_directory.h"

namespace bertft::data {
namespace {

std::vector<tokenizer::Token> encoded(std::string_view text) {
  std::vector<tokenizer::Token> tokens;
  WordTokenizer().encode(text, tokens);
  return tokens;
}

void expect_tokens_of(const Dataset& dataset, const Tokens& tokens) {
  ASSERT_EQ(tokens.contexts.size(), dataset.contexts.size());
  ASSERT_EQ(tokens.questions.size(), dataset.questions.size());
  const auto expect = [](std::span<const tokenizer::Token> found, std::string_view text) {
    EXPECT_EQ(std::vector(found.begin(), found.end()), encoded(text)) << text;
  };
  for (std::size_t i = 0; i < dataset.contexts.size(); ++i) expect(tokens.contexts[i], dataset.contexts[i]);
  for (std::size_t i = 0; i < dataset.questions.size(); ++i) {
    expect(tokens.questions[i], lstrip(dataset.questions[i].text));
  }
}

void expect_same_when_read_at_once(const std::string& text) {
  const TemporaryDirectory directory;
  const TokenizedDataset read = read_and_tokenize(directory.write("data.json", text), WordTokenizer());
  EXPECT_EQ(read.dataset.sha256, read_dataset_from(text, "data.json").sha256);
  expect_tokens_of(read.dataset, read.tokens);
  expect_tokens_of(read.dataset, tokenize(read.dataset, WordTokenizer()));
}

TEST(Tokens, BelongToTheirTextsWhereQuestionsStandBeforeTheirContext) {
  expect_same_when_read_at_once(
      R"({"data":[{"paragraphs":[{"qas":[{"id":"1","question":" a bb","answers":[]},)"
      R"({"id":"2","question":"ccc","answers":[]}],"context":"dddd d"},{"context":"","qas":[]},)"
      R"({"context":"eeeee","qas":[{"id":"3","question":"","answers":[]}]}]}]})");
}

TEST(Tokens, BelongToTheirTextsWhereRowsShareAContext) {
  expect_same_when_read_at_once(R"({"id":"1","question":"a bb","context":"ccc","answers":[]})"
                                "\n"
                                R"({"id":"2","question":"dddd","context":"e","answers":[]})"
                                "\n"
                                R"({"id":"3","question":"ff","context":"ccc","answers":[]})");
}

TEST(Tokens, TellTheIdsThatTheyHaveAndTakeOthers) {
  const Dataset dataset =
      read_dataset_from(R"({"id":"1","question":"a bb","context":"bb ccc","answers":[]})", "data.json");
  Tokens tokens = tokenize(dataset, WordTokenizer());
  std::vector<bool> used(2000);
  tokens.mark_ids(used);
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 0; id < used.size(); ++id) {
    if (used[id]) ids.push_back(id);
  }
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{100, 101, 102, 1001, 1002, 1003}));
  std::vector<std::uint32_t> numbers(2000);
  for (const std::uint32_t id : ids) numbers[id] = id + 5;
  tokens.renumber(numbers);
  EXPECT_EQ(tokens.special.cls, 106U);
  EXPECT_EQ(tokens.special.sep, 107U);
  EXPECT_EQ(tokens.special.unk, 105U);
  EXPECT_EQ(tokens.questions[0][1].id, 1007U);
  EXPECT_EQ(tokens.contexts[0][0].id, 1007U);
  EXPECT_EQ(tokens.contexts[0][0].char_end, 2U);
}

class CountingTokenizer : public WordTokenizer {
 public:
  void encode(std::string_view text, std::vector<tokenizer::Token>& out) const override {
    ++num_encoded;
    WordTokenizer::encode(text, out);
  }
  mutable std::atomic<int> num_encoded = 0;  // by a second thread, too
};

TEST(Tokens, OfAContextAreMadeOnceForAllItsQuestions) {
  const TemporaryDirectory directory;
  const auto count = [&](const std::string& text) {
    const CountingTokenizer counting;
    const TokenizedDataset read = read_and_tokenize(directory.write("data.json", text), counting);
    EXPECT_EQ(read.dataset.questions.size(), 3U);
    return counting.num_encoded.load();
  };
  EXPECT_EQ(count(R"({"data":[{"paragraphs":[{"context":"c","qas":[{"id":"1","question":"q","answers":[]},)"
                  R"({"id":"2","question":"q","answers":[]},{"id":"3","question":"q","answers":[]}]}]}]})"),
            1 + 3);
  const std::string row = R"({"question":"q","context":"c","answers":[],"id":)";
  EXPECT_EQ(count(row + "\"1\"}\n" + row + "\"2\"}\n" + row + "\"3\"}\n"), 1 + 3);
}

TEST(Tokens, OfManyTextsAreInTheirOrder) {
  std::string rows;  // two megabytes, more than is handed over at a time
  for (std::size_t i = 0; i < 2000; ++i) {
    const std::string word(1 + i % 700, 'w');
    rows += R"({"id":")" + std::to_string(i) + R"(","question":")" + word + R"(","context":")" + word + " " + word +
            std::to_string(i) + R"(","answers":[]})" + "\n";
  }
  expect_same_when_read_at_once(rows);
}

TEST(Tokens, OfTheFirstQuestionsAndTheirContextsAreThereWhateverStandsFirst) {
  const auto counts = [](const std::string& text, std::int64_t max_questions) {
    const TemporaryDirectory directory;
    const auto [dataset, tokens] =
        read_and_tokenize(directory.write("data.json", text), WordTokenizer(), max_questions);
    EXPECT_EQ(dataset.questions.size(), static_cast<std::size_t>(max_questions));
    EXPECT_TRUE(dataset.has_unanswerable);
    std::vector<std::size_t> sizes;
    for (const auto& list : {tokens.contexts, tokens.questions}) {
      for (const auto& one : list) sizes.push_back(one.size());
    }
    return sizes;
  };
  const std::string nested = R"({"data":[{"paragraphs":[{"qas":[{"id":"1","question":"q","answers":[]},)"
                             R"({"id":"2","question":"q","answers":[]}],"context":"c"},)"
                             R"({"context":"c","qas":[{"id":"3","question":"q","answers":[]}]}]}]})";
  EXPECT_EQ(counts(nested, 1), (std::vector<std::size_t>{1, 0, 1, 0, 0}));
  EXPECT_EQ(counts(nested, 2), (std::vector<std::size_t>{1, 0, 1, 1, 0}));
  EXPECT_EQ(counts(nested, 3), (std::vector<std::size_t>{1, 1, 1, 1, 1}));
  const std::string rows =
      R"([{"id":"1","question":"q","context":"a","answers":[]},{"id":"2","question":"q","context":"b","answers":[]},)"
      R"({"id":"3","question":"q","context":"c","answers":[]},{"id":"4","question":"q","context":"d","answers":[]}])";
  EXPECT_EQ(counts(rows, 1), (std::vector<std::size_t>{1, 1, 0, 0, 1, 0, 0, 0}));
}

TEST(Tokens, StayWhereTheyAreWhenMoved) {
  Tokens tokens = tokenize(read(with_answers(R"("a bb ccc")", "[]")), WordTokenizer());
  const Tokens moved = std::move(tokens);
  EXPECT_EQ(moved.contexts[0][2].id, 1003U);
  EXPECT_EQ(moved.questions[0][0].id, 1006U);
}

TEST(Tokens, AreDroppedWhenTheFileIsRefused) {
  std::string rows = "[";  // a megabyte in a list that does not end
  for (int i = 0; i < 2000; ++i) {
    rows += R"({"id":"1","question":"q","answers":[],"context":")" + std::string(500, 'x') + "\"},";
  }
  const TemporaryDirectory directory;
  EXPECT_THROW(read_and_tokenize(directory.write("data.json", rows), WordTokenizer()), DataError);
  EXPECT_THROW(read_and_tokenize("/nowhere/squad.json", WordTokenizer()), InputError);
}

}  // namespace
}  // namespace bertft::data
