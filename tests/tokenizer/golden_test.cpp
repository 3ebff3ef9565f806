// Golden files made with tokenizers 0.23.3 and with Google's original program
// (data/README.md says how).

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/json.h"
#include "real_data.h"
#include "temporary_directory.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

std::vector<Json> read_json_lines(const std::string& path) {
  std::vector<Json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(parse_json(line, path));
  EXPECT_FALSE(lines.empty()) << path;
  return lines;
}

class TokenizerGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is unset: no golden files";
  }

  std::string path(const std::string& file) const { return data_directory()->string() + "/tokenizer/" + file; }

  std::unique_ptr<Tokenizer> load(const std::string& vocabulary, bool lower_case) const {
    TemporaryDirectory model;
    std::filesystem::copy_file(data_directory()->string() + "/vocab/bert-base-" + vocabulary + "-vocab.txt",
                               model / "vocab.txt");
    model.write("tokenizer_config.json", lower_case ? R"({"do_lower_case": true})" : R"({"do_lower_case": false})");
    return load_tokenizer(model.path());
  }

  void expect_edge_cases(const Tokenizer& tokenizer, const std::string& vocabulary) const {
    for (const Json& line : read_json_lines(path("hf-golden-edge.jsonl"))) {
      std::vector<Token> tokens;
      const auto text = line["text"].get<std::string>();
      tokenizer.encode(text, tokens);
      Json ids = Json::array(), offsets = Json::array();
      for (const Token& t : tokens) {
        ids.push_back(t.id);
        offsets.push_back({t.char_begin, t.char_end});
      }
      EXPECT_EQ(ids, line[vocabulary]) << text;
      EXPECT_EQ(offsets, line[vocabulary + "_offsets"]) << text;
    }
  }

  // Lines on which the original program gives other ids.
  std::vector<std::string> lines_unlike_google(const Tokenizer& tokenizer, const std::string& vocabulary) const {
    std::vector<std::string> unlike;
    for (const Json& line : read_json_lines(path("golden-wordpiece.jsonl"))) {
      const auto text = line["text"].get<std::string>();
      if (ids_of(tokenizer, text) != line[vocabulary].get<std::vector<std::uint32_t>>()) unlike.push_back(text);
    }
    return unlike;
  }
};

TEST_F(TokenizerGolden, UncasedIdsAndOffsetsEqualTheRustCrateOnEdgeCases) {
  expect_edge_cases(*load("uncased", true), "uncased");
}

TEST_F(TokenizerGolden, CasedIdsAndOffsetsEqualTheRustCrateOnEdgeCases) {
  expect_edge_cases(*load("cased", false), "cased");
}

TEST_F(TokenizerGolden, AgreesWithGoogleWhereTheRustCrateDoes) {
  // What differs is meant to: special tokens stay whole, and a word may have 100 characters, not 200.
  const auto is_expected = [](const std::string& text) {
    const auto is_long = [&] {
      std::size_t run = 0, longest = 0;
      for (const char c : text) longest = std::max(longest, run = c == ' ' ? 0 : run + 1);
      return longest > 100;
    };
    return text.find("[MASK]") != std::string::npos || is_long();
  };
  const std::pair<const char*, bool> vocabularies[] = {
      {"uncased", true}, {"cased", false}, {"multilingual-cased", false}};
  for (const auto& [vocabulary, lower_case] : vocabularies) {
    const auto unlike = lines_unlike_google(*load(vocabulary, lower_case), vocabulary);
    EXPECT_LE(unlike.size(), 3U) << vocabulary;
    for (const std::string& text : unlike) EXPECT_TRUE(is_expected(text)) << vocabulary << ": " << text;
  }
}

}  // namespace
}  // namespace bertft::tokenizer
