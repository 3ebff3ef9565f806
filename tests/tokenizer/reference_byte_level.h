#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/text.h"
#include "tokenizer/byte_level_fixtures.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {

/// As the paper has it: the pair that comes first in the list is merged wherever it stands, from the left, until no
/// pair of the list is left.
inline std::vector<std::string> split_slowly(const std::vector<ByteMerge>& merges, std::string_view word) {
  std::map<ByteMerge, std::size_t> rank;
  for (std::size_t i = 0; i < merges.size(); ++i) rank[merges[i]] = i;
  std::vector<std::string> pieces;
  for (const char byte : word) pieces.emplace_back(1, byte);
  while (true) {
    std::size_t best = merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto found = rank.find({pieces[i], pieces[i + 1]});
      if (found == rank.end() || found->second >= best) continue;
      best = found->second;
      at = i;
    }
    if (best == merges.size()) return pieces;
    pieces[at] += pieces[at + 1];
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

/// A byte-level tokenizer without added tokens, as plainly as it can be written: GPT-2's pattern one alternative after
/// the other, as a regular expression's engine tries them, then split_slowly(); places from a table of bytes.
class ReferenceByteLevel {
 public:
  explicit ReferenceByteLevel(SmallByteLevel model) : model_(std::move(model)) {}

  std::vector<Token> encode(std::string_view text) const {
    std::vector<std::uint32_t> char_of_byte_at;
    std::vector<SplitClass> classes;
    std::vector<std::string> chars;
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t begin = pos;
      classes.push_back(split_classes()[next_code_point(text, pos)]);
      chars.emplace_back(text.substr(begin, pos - begin));
      char_of_byte_at.resize(pos, static_cast<std::uint32_t>(chars.size() - 1));
    }
    std::vector<Token> tokens;
    std::size_t byte = 0;
    for (std::size_t at = 0; at < chars.size();) {
      const std::size_t size = match(chars, classes, at);
      std::string word;
      for (std::size_t i = 0; i < size; ++i) word += chars[at + i];
      at += size;
      for (const std::string& piece : split_slowly(model_.merges, word)) {
        tokens.push_back(
            trimmed(piece, {model_.id_of(piece), char_of_byte_at[byte], char_of_byte_at[byte + piece.size() - 1] + 1}));
        byte += piece.size();
      }
    }
    return tokens;
  }

 private:
  using Chars = std::vector<std::string>;
  using Classes = std::vector<SplitClass>;

  static std::size_t run_of(const Classes& classes, std::size_t at, SplitClass wanted) {
    std::size_t size = 0;
    while (at + size < classes.size() && classes[at + size] == wanted) ++size;
    return size;
  }

  static std::size_t match(const Chars& chars, const Classes& classes, std::size_t at) {
    for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
      std::string here;
      for (std::size_t i = at; i < chars.size() && here.size() < contraction.size(); ++i) here += chars[i];
      if (here == contraction) return contraction.size();
    }
    for (const SplitClass wanted : {SplitClass::kLetter, SplitClass::kNumber, SplitClass::kOther}) {
      const std::size_t behind_space = chars[at] == " " ? run_of(classes, at + 1, wanted) : 0;
      if (behind_space > 0) return behind_space + 1;
      if (const std::size_t size = run_of(classes, at, wanted)) return size;
    }
    const std::size_t spaces = run_of(classes, at, SplitClass::kWhiteSpace);
    for (std::size_t size = spaces; size > 0; --size) {
      const bool is_before_something = at + size < classes.size() && classes[at + size] != SplitClass::kWhiteSpace;
      if (!is_before_something) return size;
    }
    return spaces;
  }

  static Token trimmed(std::string_view piece, Token token) {
    while (piece.starts_with(' ') && token.char_begin < token.char_end) {
      piece.remove_prefix(1);
      ++token.char_begin;
    }
    while (piece.ends_with(' ') && token.char_end > token.char_begin) {
      piece.remove_suffix(1);
      --token.char_end;
    }
    return token;
  }

  SmallByteLevel model_;
};

}  // namespace bertft::tokenizer
