#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/text.h"
#include "tokenizer/unicode.h"
#include "tokenizer/wordpiece_tokenizer.h"

namespace bertft::tokenizer {

/// The rules of the `tokenizers` crate for BERT one after the other, a code point at a time, with a map for the
/// vocabulary: slow, and without the shortcuts of WordPieceTokenizer, which must give the same
/// tokens. Only AlignedText and the character tables are shared.
class ReferenceTokenizer {
 public:
  ReferenceTokenizer(const std::vector<Vocabulary::Piece>& pieces, std::vector<AddedToken> added, std::uint32_t unk,
                     NormalizerOptions normalizer, std::size_t max_chars_per_word)
      : added_(std::move(added)), unk_(unk), normalizer_(normalizer), max_chars_per_word_(max_chars_per_word) {
    for (const Vocabulary::Piece& piece : pieces) ids_[piece.text] = piece.id;
  }

  std::vector<Token> encode(std::string_view text) const {
    const std::vector<Source> chars = code_points(text);
    std::vector<Token> tokens;
    std::size_t done = 0;
    for (std::size_t at = 0; at < chars.size();) {
      const AddedToken* found = added_at(text.substr(chars[at].byte_begin));
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::size_t begin = at, end = at + count_code_points(found->content);
      while (found->takes_space_left && begin > done && is(chars[begin - 1], kWhiteSpace)) --begin;
      while (found->takes_space_right && end < chars.size() && is(chars[end], kWhiteSpace)) ++end;
      encode_between(std::span(chars).subspan(done, begin - done), tokens);
      tokens.push_back(token(found->id, chars[begin].char_idx, chars[end - 1].char_idx));
      done = at = end;
    }
    encode_between(std::span(chars).subspan(done), tokens);
    return tokens;
  }

 private:
  struct Source {
    char32_t code_point;
    std::uint32_t char_idx;
    std::size_t byte_begin;
  };

  static bool is(const Source& c, std::uint8_t flag) { return (code_point_flags()[c.code_point] & flag) != 0; }

  static std::vector<Source> code_points(std::string_view text) {
    std::vector<Source> chars;
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t begin = pos;
      const char32_t c = next_code_point(text, pos);
      chars.push_back({c, static_cast<std::uint32_t>(chars.size()), begin});
    }
    return chars;
  }

  const AddedToken* added_at(std::string_view text) const {
    const AddedToken* longest = nullptr;
    for (const AddedToken& token : added_) {
      if (token.in_normalized) continue;
      if (text.starts_with(token.content) && (longest == nullptr || token.content.size() > longest->content.size())) {
        longest = &token;
      }
    }
    return longest;
  }

  // A piece between two added tokens that are found verbatim: normalized as a whole, searched for the others, then cut
  // at white space.
  void encode_between(std::span<const Source> piece, std::vector<Token>& tokens) const {
    const AlignedText normalized = normalize(piece);
    const std::span<const AlignedText::Char> chars = normalized.chars();
    std::size_t done = 0;
    for (std::size_t at = 0; at < chars.size();) {
      const auto [found, size] = normalized_at(chars.subspan(at));
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::size_t begin = at, end = at + size;
      while (found->takes_space_left && begin > done && is_space(chars[begin - 1])) --begin;
      while (found->takes_space_right && end < chars.size() && is_space(chars[end])) ++end;
      if (done < begin) encode_words(chars.subspan(done, begin - done), tokens);
      tokens.push_back(token(found->id, chars[begin].source, chars[end - 1].source));
      done = end;
      at += size;
    }
    encode_words(chars.subspan(done), tokens);
  }

  AlignedText normalize(std::span<const Source> piece) const {
    AlignedText text;
    for (const Source& c : piece) {
      if (normalizer_.clean_text && is(c, kDropped)) continue;
      const bool is_alone = normalizer_.handle_chinese_chars && is(c, kIdeograph);
      if (is_alone) text.append(U' ', c.char_idx);
      text.append(normalizer_.clean_text && is(c, kWhiteSpace) ? U' ' : c.code_point, c.char_idx);
      if (is_alone) text.append(U' ', c.char_idx);
    }
    text.normalize(normalizer_);
    return text;
  }

  // The longest token that stands at the beginning of normalized text, and its size there.
  std::pair<const AddedToken*, std::size_t> normalized_at(std::span<const AlignedText::Char> chars) const {
    std::pair<const AddedToken*, std::size_t> longest = {nullptr, 0};
    for (const AddedToken& token : added_) {
      const AlignedText content = normalize(code_points(token.content));
      const auto size = content.chars().size();
      const bool stands_here = token.in_normalized && size <= chars.size() &&
                               std::ranges::equal(content.chars(), chars.first(size), {},
                                                  &AlignedText::Char::code_point, &AlignedText::Char::code_point);
      if (stands_here && size > longest.second) longest = {&token, size};
    }
    return longest;
  }

  static bool is_space(const AlignedText::Char& c) { return is_white_space(c.code_point); }

  void encode_words(std::span<const AlignedText::Char> chars, std::vector<Token>& tokens) const {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < chars.size(); ++i) {
      const bool is_punctuation = (code_point_flags()[chars[i].code_point] & kPunctuation) != 0;
      if (!is_punctuation && !is_space(chars[i])) continue;
      encode_word(chars.subspan(begin, i - begin), tokens);
      if (is_punctuation) encode_word(chars.subspan(i, 1), tokens);
      begin = i + 1;
    }
    encode_word(chars.subspan(begin), tokens);
  }

  void encode_word(std::span<const AlignedText::Char> word, std::vector<Token>& tokens) const {
    if (word.empty()) return;
    std::vector<Token> parts;
    bool is_known = word.size() <= max_chars_per_word_;
    for (std::size_t begin = 0; is_known && begin < word.size();) {
      std::size_t end = word.size();
      while (end > begin && !id_of(word.subspan(begin, end - begin), begin > 0)) --end;
      is_known = end > begin;
      if (is_known) {
        const std::uint32_t id = *id_of(word.subspan(begin, end - begin), begin > 0);
        parts.push_back(token(id, word[begin].source, word[end - 1].source));
      }
      begin = end;
    }
    if (!is_known) parts = {token(unk_, word.front().source, word.back().source)};
    tokens.insert(tokens.end(), parts.begin(), parts.end());
  }

  std::optional<std::uint32_t> id_of(std::span<const AlignedText::Char> part, bool continues) const {
    std::string text = continues ? "##" : "";
    for (const AlignedText::Char& c : part) append_utf8(text, c.code_point);
    const auto piece = ids_.find(text);
    return piece == ids_.end() ? std::nullopt : std::optional(piece->second);
  }

  static Token token(std::uint32_t id, std::uint32_t first_char, std::uint32_t last_char) {
    return {id, first_char, last_char + 1};
  }

  std::map<std::string, std::uint32_t> ids_;
  std::vector<AddedToken> added_;
  std::uint32_t unk_;
  NormalizerOptions normalizer_;
  std::size_t max_chars_per_word_;
};

}  // namespace bertft::tokenizer
