#pragma once

#include <algorithm>
#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/text.h"

namespace bertft::data {

/// Words between spaces; the id of one is 1000 plus its number of bytes.
class WordTokenizer : public tokenizer::Tokenizer {
 public:
  void encode(std::string_view text, std::vector<tokenizer::Token>& out) const override {
    for (std::size_t begin = text.find_first_not_of(' '); begin < text.size();) {
      const std::size_t end = std::min(text.find(' ', begin), text.size());
      const auto chars = [&](std::size_t at) {
        return static_cast<std::uint32_t>(count_code_points(text.substr(0, at)));
      };
      out.push_back(
          {.id = static_cast<std::uint32_t>(1000 + end - begin), .char_begin = chars(begin), .char_end = chars(end)});
      begin = text.find_first_not_of(' ', end);
    }
  }
  tokenizer::SpecialIds special_ids() const override { return ids; }
  std::size_t vocabulary_size() const override { return 2000; }
  std::string_view piece(std::uint32_t) const override { return {}; }
  std::string description() const override { return "words"; }

  tokenizer::SpecialIds ids{.cls = 101, .sep = 102, .unk = 100};
};

}  // namespace bertft::data
