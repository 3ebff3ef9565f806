#include "tokenizer/byte_level_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "bertft/util/text.h"
#include "tokenizer/text_encoding.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

bool is_visible_latin1(unsigned byte) {
  return ('!' <= byte && byte <= '~') || (0xA1 <= byte && byte <= 0xFF && byte != 0xAD);
}

constexpr char32_t kSpaceChar = 0x120;  // char_of_byte(' ')
constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

// Zeros at the end of a ShortWord are no part of it.
bool can_be_short(std::string_view word) {
  return !word.empty() && word.size() <= ShortWord::kMaxSize && word.back() != '\0';
}

constexpr std::size_t kChars = 0x144;  // char_of_byte() stays below

// What a piece of the vocabulary stands for; none when it has other characters.
std::optional<std::string> bytes_of(std::string_view piece) {
  static const std::array<std::optional<char>, kChars> kByteOfChar = [] {
    std::array<std::optional<char>, kChars> bytes;
    for (unsigned byte = 0; byte < 256; ++byte) {
      bytes[char_of_byte(static_cast<unsigned char>(byte))] = static_cast<char>(byte);
    }
    return bytes;
  }();
  std::string bytes;
  for (std::size_t pos = 0; pos < piece.size();) {
    const char32_t c = next_code_point(piece, pos);
    if (c >= kChars || !kByteOfChar[c]) return std::nullopt;
    bytes += *kByteOfChar[c];
  }
  return bytes;
}

}  // namespace

// One call of encode().
class ByteLevelTokenizer::Encoding final : public TextEncoding {
 public:
  Encoding(const ByteLevelTokenizer& tokenizer, std::string_view text, std::vector<Token>& out)
      : TextEncoding(tokenizer.added_tokens_, text, out), tokenizer_(tokenizer), classes_(split_classes()) {}

 private:
  void encode_until(std::size_t end) override {
    while (pos_ < end) {
      const std::string_view word = text_.substr(pos_, word_end(text_.substr(0, end), pos_) - pos_);
      pieces_.clear();
      if (const std::uint32_t id = short_word_id(word); id != WordTable::kNone) {
        pieces_.push_back({id, static_cast<std::uint32_t>(word.size())});
      } else {
        tokenizer_.pairs_.split(word, scratch_, pieces_);
      }
      append_pieces(word);
    }
  }

  // There is no normalization: the other tokens are looked for in the same text.
  void encode_between(std::size_t end) override {
    const std::string_view text = text_.substr(0, end);
    AddedTokens::Match before{.end = pos_, .content_end = pos_};
    while (const auto match = added_tokens_.find_normalized(text, before)) {
      encode_until(match->begin);
      append(*match);
      before = *match;
    }
    encode_until(end);
  }

  SplitClass class_at(std::string_view text, std::size_t at, std::size_t& next) const {
    next = at + 1;
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) return classes_[byte];
    next = at;
    return classes_[next_code_point(text, next)];
  }

  // Where the first match of GPT-2's pattern from `begin` on ends:
  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  std::size_t word_end(std::string_view text, std::size_t begin) const {
    if (text[begin] == '\'') {
      for (const std::string_view contraction : kContractions) {
        if (text.substr(begin).starts_with(contraction)) return begin + contraction.size();
      }
    }
    std::size_t end = begin + (text[begin] == ' ' ? 1 : 0), next = end;
    if (end == text.size()) return end;
    const SplitClass first = class_at(text, end, next);
    if (first == SplitClass::kWhiteSpace) return white_space_end(text, begin);
    do {
      end = next;
    } while (end < text.size() && class_at(text, end, next) == first);
    return end;
  }

  // The last of several white spaces is left to the word behind them.
  std::size_t white_space_end(std::string_view text, std::size_t begin) const {
    std::size_t last = begin, end = begin, next = begin;
    while (end < text.size() && class_at(text, end, next) == SplitClass::kWhiteSpace) {
      last = end;
      end = next;
    }
    return end == text.size() || last == begin ? end : last;
  }

  // Of the word at pos_.
  std::uint32_t short_word_id(std::string_view word) const {
    if (!can_be_short(word)) return WordTable::kNone;
    const char* bytes = word.data();
    std::array<char, ShortWord::kReadBytes> padded;
    if (pos_ + padded.size() > text_.size()) {  // near the end there is less to read
      padded.fill(0);
      std::ranges::copy(word, padded.begin());
      bytes = padded.data();
    }
    const ShortWord short_word(bytes, word.size(), 0);
    return tokenizer_.short_words_.id_of(short_word, tokenizer_.short_words_.home_of(short_word));
  }

  // Those of `word`, which stands at pos_.
  void append_pieces(std::string_view word) {
    pos_ += word.size();
    for (const BytePairs::Piece& piece : pieces_) {
      const std::string_view bytes = word.substr(0, piece.size);
      word.remove_prefix(piece.size);
      const std::uint32_t char_end = char_idx_ + static_cast<std::uint32_t>(count_code_points(bytes));
      // A piece may begin, and end, within a code point, all of which is then its place.
      const bool begins_within = count_code_points(bytes.substr(0, 1)) == 0;
      append_trimmed(bytes, {piece.id, char_idx_ - begins_within, char_end});
      char_idx_ = char_end;
    }
  }

  void append_trimmed(std::string_view bytes, const Token& token) {
    append_without(token, std::min(bytes.find_first_not_of(' '), bytes.size()),
                   bytes.size() - (bytes.find_last_not_of(' ') + 1));
  }

  // White space that an added token has taken is left out as spaces of a piece are, and so is what stands for a space.
  void append_added(Token token, std::string_view text) override {
    std::size_t num_leading = 0, num_trailing = 0, num_chars = 0;
    for (std::size_t pos = 0; pos < text.size(); ++num_chars) {
      const char32_t c = next_code_point(text, pos);
      const bool is_space = classes_[c] == SplitClass::kWhiteSpace || c == kSpaceChar;
      if (is_space && num_leading == num_chars) ++num_leading;
      num_trailing = is_space ? num_trailing + 1 : 0;
    }
    append_without(token, num_leading, num_trailing);
  }

  // Where both take all of it, it is empty and stands behind what is at its beginning.
  void append_without(Token token, std::size_t num_leading, std::size_t num_trailing) {
    token.char_begin = std::min(token.char_begin + static_cast<std::uint32_t>(num_leading), token.char_end);
    token.char_end = std::max(token.char_end - static_cast<std::uint32_t>(num_trailing), token.char_begin);
    out_.push_back(token);
  }

  const ByteLevelTokenizer& tokenizer_;
  std::span<const SplitClass> classes_;
  BytePairs::Scratch scratch_;
  std::vector<BytePairs::Piece> pieces_;
};

char32_t char_of_byte(unsigned char byte) {
  if (is_visible_latin1(byte)) return byte;
  char32_t number = 0x100;
  for (unsigned before = 0; before < byte; ++before) number += is_visible_latin1(before) ? 0 : 1;
  return number;
}

ByteLevelTokenizer::ByteLevelTokenizer(ByteLevelModel model)
    : VocabularyTokenizer(std::move(model.vocabulary), std::move(model.added_tokens), model.special_ids,
                          std::move(model.remarks)),
      pairs_(std::move(model.pairs)),
      short_words_(words_of_one_piece()) {
  added_tokens_.normalize([](std::string_view content) { return std::string(content); });
}

// A piece's own text need not be split into it: the merges may lead elsewhere.
std::vector<WordTable::Word> ByteLevelTokenizer::words_of_one_piece() const {
  std::vector<WordTable::Word> words;
  BytePairs::Scratch scratch;
  std::vector<BytePairs::Piece> pieces;
  for (std::uint32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::optional<std::string> bytes = bytes_of(vocabulary_.piece(id));
    if (!bytes || !can_be_short(*bytes)) continue;
    pieces.clear();
    pairs_.split(*bytes, scratch, pieces);
    if (pieces.size() == 1 && pieces[0].id == id) words.push_back({*bytes, id});
  }
  return words;
}

void ByteLevelTokenizer::encode(std::string_view text, std::vector<Token>& out) const {
  Encoding(*this, text, out).run();
}

std::string ByteLevelTokenizer::description() const {
  return with_remarks(fmt::format("byte-level BPE, {} pieces, cased", with_thousands(vocabulary_size())));
}

}  // namespace bertft::tokenizer
