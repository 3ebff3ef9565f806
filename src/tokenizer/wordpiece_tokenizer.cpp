#include "tokenizer/wordpiece_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "bertft/util/text.h"
#include "tokenizer/text_block.h"
#include "tokenizer/text_encoding.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {

// One call of encode(). Words of ASCII, the bulk of English text, are matched from the text
// itself; everything else goes, a stretch at a time, through AlignedText, and where tokens are looked
// for in normalized text all of it does. Both end in append_word().
class WordPieceTokenizer::Encoding final : public NormalizingEncoding {
 public:
  Encoding(const WordPieceTokenizer& tokenizer, std::string_view text, std::vector<Token>& out)
      : NormalizingEncoding(tokenizer.added_tokens_, text, out), tokenizer_(tokenizer), flags_(code_point_flags()) {
    const std::string_view tail = text.substr(text.size() - std::min(text.size(), kReadBytes));
    copy(tail, padded_tail_.data());
    places_of_zero_ = {reinterpret_cast<std::uintptr_t>(text.data()),
                       reinterpret_cast<std::uintptr_t>(padded_tail_.data()) - (text.size() - tail.size())};
    case_bits_ = {0, tokenizer.normalizer_.lowercase ? ShortWord::kSmallLetters : 0};
  }

 private:
  // Apart, since GCC would put `rep movsq` in place of a copy whose greatest size it knows: slow for so few bytes.
  [[gnu::noinline]] static void copy(std::string_view from, char* to) { std::copy(from.begin(), from.end(), to); }

  ByteClass byte_class(std::size_t at) const { return tokenizer_.byte_class_[static_cast<unsigned char>(text_[at])]; }

  void encode_until(std::size_t end) override {
    while (pos_ < end) {
      // In a text beyond ASCII blocks of ASCII are short: not worth a look before one begins.
      if (byte_class(pos_) == ByteClass::kSpace) {
        ++pos_;
        ++char_idx_;
        continue;
      }
      if (byte_class(pos_) != ByteClass::kBeyondAscii) encode_plain(end);
      if (pos_ == end) return;
      if (byte_class(pos_) == ByteClass::kWord) {
        encode_word(end);
      } else {
        encode_stretch(end);
      }
    }
  }

  // Blanks, ASCII punctuation and short words, the bulk of English text, up to the first place where
  // something else stands, a block at a time.
  void encode_plain(std::size_t end) {
    while (pos_ < end) {
      PlainPart part = find_plain_part(end);
      gather(part);
      // The words are looked up afterwards, so that the processor can fetch the table's entries for
      // several at a time.
      for (const PlainWord& word : std::span(gathered_).first(num_gathered_)) append_plain_word(word);
      if (part.ends_the_stretch || part.size == 0) break;
    }
  }

  // The beginning of the text from pos_ on that holds nothing but blanks and whole words.
  struct PlainPart {
    std::uint64_t words, starts;  // bits as of TextBlock; starts of words and punctuation
    std::size_t size;             // bytes
    bool ends_the_stretch;        // behind it stands something else
  };

  static std::uint64_t bits_below(std::size_t n) {
    return n < TextBlock::kBytes ? (std::uint64_t{1} << n) - 1 : ~std::uint64_t{0};
  }

  PlainPart find_plain_part(std::size_t end) const {
    const TextBlock block = TextBlock::read(padded_text(pos_));
    const std::size_t num_bytes = std::min(end - pos_, TextBlock::kBytes);
    PlainPart part{.words = block.words, .starts = 0, .size = num_bytes, .ends_the_stretch = false};
    std::uint64_t others = ~(block.words | block.punctuation | block.blanks) & bits_below(num_bytes);
    for (; others != 0 && !part.ends_the_stretch; others &= others - 1) {
      const auto place = static_cast<std::size_t>(std::countr_zero(others));
      if (byte_class(pos_ + place) == ByteClass::kSpace) continue;  // a line feed, for example
      part.size = place;
      part.ends_the_stretch = true;
    }
    // A word that goes on there, or in the next block, is left to what comes then.
    if (pos_ + part.size < end && part.size > 0) {
      part.size -= static_cast<std::size_t>(std::countl_one(part.words << (TextBlock::kBytes - part.size)));
    }
    part.words &= bits_below(part.size);
    part.starts = (part.words & ~(part.words << 1)) | (block.punctuation & bits_below(part.size));
    return part;
  }

  struct PlainWord {
    ShortWord word;
    std::uint32_t char_begin;
    std::uint32_t home;  // in the table of words
  };

  // Makes words of the part and moves behind it; behind the last one before a long word, if there is one.
  void gather(PlainPart& part) {
    const char* text = padded_text(pos_);
    num_gathered_ = 0;
    for (std::uint64_t starts = part.starts; starts != 0; starts &= starts - 1) {
      const auto begin = static_cast<std::size_t>(std::countr_zero(starts));
      const auto num_letters = static_cast<std::size_t>(std::countr_one(part.words >> begin));
      if (num_letters > ShortWord::kMaxSize) {
        part.size = begin;
        part.ends_the_stretch = true;
        break;
      }
      const bool is_word = num_letters > 0;  // else punctuation, of which no bit must be set
      PlainWord& word = gathered_[num_gathered_++];
      word.word = ShortWord(text + begin, num_letters + !is_word, case_bits_[is_word]);
      word.char_begin = char_idx_ + static_cast<std::uint32_t>(begin);
      word.home = tokenizer_.short_words_.home_of(word.word);
    }
    pos_ += part.size;
    char_idx_ += static_cast<std::uint32_t>(part.size);
  }

  void append_plain_word(const PlainWord& plain) {
    const std::uint32_t id = tokenizer_.short_words_.id_of(plain.word, plain.home);
    if (id != WordTable::kNone) {
      out_.push_back({id, plain.char_begin, plain.char_begin + static_cast<std::uint32_t>(plain.word.size())});
    } else {
      append_ascii_word(plain.word.text(), plain.char_begin);
    }
  }

  bool is_word_end(std::size_t at, std::size_t end) const {
    return at == end || byte_class(at) == ByteClass::kSpace || byte_class(at) == ByteClass::kPunctuation;
  }

  // The text from a place on, with enough bytes behind it. An array look-up instead of a branch, which
  // would be mispredicted at the end of each text.
  const char* padded_text(std::size_t at) const {
    const bool is_near_end = at + kReadBytes > text_.size();
    return reinterpret_cast<const char*>(places_of_zero_[is_near_end] + at);
  }

  // A word of several pieces, a long one, or the beginning of one that goes on beyond ASCII.
  void encode_word(std::size_t end) {
    std::size_t word_end = pos_ + 1;
    while (word_end < end && byte_class(word_end) == ByteClass::kWord) ++word_end;
    if (!is_word_end(word_end, end)) {
      encode_stretch(end);
      return;
    }
    ascii_word_.assign(text_.substr(pos_, word_end - pos_));
    for (char& c : ascii_word_) c = tokenizer_.normalized_ascii_[static_cast<unsigned char>(c)];
    append_ascii_word(ascii_word_, char_idx_);
    pos_ = word_end;
    char_idx_ += static_cast<std::uint32_t>(ascii_word_.size());
  }

  // `word` is what normalization made of as many bytes of ASCII.
  void append_ascii_word(std::string_view word, std::uint32_t char_begin) {
    append_word(word, word.size(), [&](std::uint32_t id, std::size_t begin, std::size_t end) {
      out_.push_back(
          {id, char_begin + static_cast<std::uint32_t>(begin), char_begin + static_cast<std::uint32_t>(end)});
    });
  }

  // From here to the next white space, ASCII punctuation or ideograph.
  void encode_stretch(std::size_t end) {
    const std::size_t num_tokens = out_.size(), begin = pos_;
    const std::uint32_t first_char = char_idx_;
    const bool was_simple = walk_stretch(end, [&](char32_t c, std::string_view utf8) {
      const std::optional<std::string_view> normalized = tokenizer_.simple_chars_.normalized(c, utf8);
      if (normalized) append_char(*normalized, (flags_[c] & kPunctuation) != 0, char_idx_);
      return normalized.has_value();
    });
    if (was_simple) {
      append_aligned_word();
      return;
    }
    clear_word();
    out_.resize(num_tokens);
    pos_ = begin;
    char_idx_ = first_char;
    encode_stretch_as_a_whole(end);
  }

  void encode_stretch_as_a_whole(std::size_t end) {
    stretch_.clear();
    walk_stretch(end, [&](char32_t c, std::string_view) {
      stretch_.append(c, char_idx_);
      return true;
    });
    stretch_.normalize(tokenizer_.normalizer_);
    encode_normalized(stretch_.chars());
  }

  void encode_normalized(std::span<const AlignedText::Char> chars) override {
    std::string utf8;
    for (const AlignedText::Char& c : chars) {
      if ((flags_[c.code_point] & kWhiteSpace) != 0) {
        append_aligned_word();
        continue;
      }
      utf8.clear();
      append_utf8(utf8, c.code_point);
      append_char(utf8, (flags_[c.code_point] & kPunctuation) != 0, c.source);
    }
    append_aligned_word();
  }

  std::span<const AlignedText::Char> normalize_until(std::size_t end) override {
    const NormalizerOptions& options = tokenizer_.normalizer_;
    stretch_.clear();
    for (; pos_ < end; ++char_idx_) {
      const char32_t code_point = next_code_point(text_, pos_);
      const std::uint8_t flags = flags_[code_point];
      if (options.clean_text && (flags & kDropped) != 0) continue;
      const bool is_space = options.clean_text && (flags & kWhiteSpace) != 0;
      const bool is_alone = options.handle_chinese_chars && (flags & kIdeograph) != 0;
      if (is_alone) stretch_.append(U' ', char_idx_);
      stretch_.append(is_space ? U' ' : code_point, char_idx_);
      if (is_alone) stretch_.append(U' ', char_idx_);
    }
    stretch_.normalize(options);
    return stretch_.chars();
  }

  // Calls take(code_point, utf8) with each code point that stays, char_idx_ being its place, moves
  // behind the stretch and returns true; false as soon as take() does.
  template <class Take>
  bool walk_stretch(std::size_t end, Take&& take) {
    const NormalizerOptions& options = tokenizer_.normalizer_;
    for (bool is_first = true; pos_ < end;) {
      const ByteClass byte = byte_class(pos_);
      if (byte == ByteClass::kSpace || byte == ByteClass::kPunctuation) break;
      std::size_t next = pos_;
      const char32_t code_point = next_code_point(text_, next);
      const std::uint8_t flags = flags_[code_point];
      const bool is_dropped = options.clean_text && (flags & kDropped) != 0;
      const bool is_space = !is_dropped && (flags & kWhiteSpace) != 0;
      const bool is_alone = !is_dropped && options.handle_chinese_chars && (flags & kIdeograph) != 0;
      if (is_alone && !is_first) break;
      if (!is_dropped && !is_space) {
        if (!take(code_point, text_.substr(pos_, next - pos_))) return false;
        is_first = false;
      }
      pos_ = next;
      ++char_idx_;
      if (is_space || is_alone) break;
    }
    return true;
  }

  // A normalized code point in UTF-8.
  void append_char(std::string_view utf8, bool is_punctuation, std::uint32_t source) {
    if (is_punctuation) append_aligned_word();
    word_.append(utf8);
    source_of_byte_.resize(word_.size(), source);
    if (!utf8.empty()) ++num_word_chars_;
    if (is_punctuation) append_aligned_word();
  }

  void clear_word() {
    word_.clear();
    source_of_byte_.clear();
    num_word_chars_ = 0;
  }

  void append_aligned_word() {
    if (word_.empty()) return;
    append_word(word_, num_word_chars_, [&](std::uint32_t id, std::size_t begin, std::size_t end) {
      out_.push_back({id, source_of_byte_[begin], source_of_byte_[end - 1] + 1});
    });
    clear_word();
  }

  // Splits a word into pieces; the whole is unknown when it is too long or a rest matches nothing.
  template <class AppendPiece>
  void append_word(std::string_view word, std::size_t num_chars, AppendPiece&& append_piece) {
    const std::size_t num_tokens = out_.size();
    if (num_chars <= tokenizer_.max_chars_per_word_ && tokenizer_.vocabulary_.split(word, append_piece)) return;
    out_.resize(num_tokens);
    append_piece(tokenizer_.special_ids_.unk, 0, word.size());
  }

  const WordPieceTokenizer& tokenizer_;
  std::span<const std::uint8_t> flags_;

  static constexpr std::size_t kReadBytes = TextBlock::kBytes + ShortWord::kReadBytes;  // from any place on
  std::array<char, 2 * kReadBytes> padded_tail_{};  // the end of the text, then zeros
  std::array<std::uintptr_t, 2> places_of_zero_;    // where the text begins, and where it would if that were its end

  std::array<std::uint64_t, 2> case_bits_;  // of punctuation, of words
  std::array<PlainWord, TextBlock::kBytes> gathered_;
  std::size_t num_gathered_ = 0;

  std::string ascii_word_;  // normalized

  // The word that append_char() makes.
  std::string word_;                           // normalized
  std::vector<std::uint32_t> source_of_byte_;  // the code points that the bytes of word_ came from
  std::size_t num_word_chars_ = 0;
  AlignedText stretch_;
};

WordPieceTokenizer::WordPieceTokenizer(WordPieceModel model)
    : VocabularyTokenizer(std::move(model.vocabulary), std::move(model.added_tokens), model.special_ids,
                          std::move(model.remarks)),
      normalizer_(model.normalizer),
      max_chars_per_word_(model.max_input_chars_per_word),
      short_words_(short_words_of(vocabulary_, max_chars_per_word_)),
      simple_chars_(normalizer_) {
  byte_class_.fill(ByteClass::kBeyondAscii);
  for (unsigned char c = 0; c < normalized_ascii_.size(); ++c) {
    const std::uint8_t flags = code_point_flags()[c];
    if (normalizer_.clean_text && (flags & kDropped) != 0) {
      byte_class_[c] = ByteClass::kDropped;
    } else if ((flags & kWhiteSpace) != 0) {
      byte_class_[c] = ByteClass::kSpace;
    } else {
      byte_class_[c] = (flags & kPunctuation) != 0 ? ByteClass::kPunctuation : ByteClass::kWord;
    }
    std::array<char32_t, 2> lower;
    normalized_ascii_[c] = static_cast<char>(normalizer_.lowercase ? lower_case(c, lower).front() : c);
  }
  added_tokens_.normalize([this](std::string_view content) {
    std::vector<Token> none;
    return Encoding(*this, content, none).normalized();
  });
}

void WordPieceTokenizer::encode(std::string_view text, std::vector<Token>& out) const {
  Encoding(*this, text, out).run();
}

std::string WordPieceTokenizer::description() const {
  std::string line = fmt::format("WordPiece, {} pieces, {}", with_thousands(vocabulary_size()),
                                 normalizer_.lowercase ? "lower case" : "cased");
  if (normalizer_.strip_accents != normalizer_.lowercase) {
    line += normalizer_.strip_accents ? ", accents stripped" : ", accents kept";
  }
  if (!normalizer_.handle_chinese_chars) line += ", ideographs not split";
  if (!normalizer_.clean_text) line += ", control characters kept";
  if (vocabulary_.num_duplicates() > 0) {
    line += fmt::format(", {} of them duplicates", vocabulary_.num_duplicates());
  }
  return with_remarks(std::move(line));
}

}  // namespace bertft::tokenizer
