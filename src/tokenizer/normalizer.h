#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bertft::tokenizer {

/// The switches of Hugging Face's BertNormalizer.
struct NormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;

  bool operator==(const NormalizerOptions&) const = default;
};

/// A stretch of text that keeps, through normalization, which code point of the original text each
/// of its own came from.
/// It begins and ends where the whole text has white space, ASCII punctuation or an ideograph
/// with spaces around it: nothing that normalization does reaches over these.
class AlignedText {
 public:
  struct Char {
    char32_t code_point;
    std::uint32_t source;  // counted in code points
    bool inserted;         // by a decomposition, after its first code point
  };

  void clear();
  bool empty() const { return chars_.empty(); }
  void append(char32_t code_point, std::uint32_t source);

  /// Decomposes, strips accents and lower-cases as `options` say.
  void normalize(const NormalizerOptions& options);

  /// NFKD and StripAccents, which take the place of the first two in ALBERT's tokenizer.
  void strip_compatibly();
  void lower_case();

  std::span<const Char> chars() const { return chars_; }

 private:
  template <std::size_t kMaxParts, class Decomposition>
  void decompose(Decomposition&& decomposition);
  void reorder();
  void strip_accents();

  std::vector<Char> chars_;
  std::vector<Char> scratch_;
  std::uint8_t flags_ = 0;  // of all code points together
};

/// What normalization makes of a code point by itself, for the many that come out the same
/// whatever stands beside them: those that leave one starter or nothing.
class SimpleChars {
 public:
  explicit SimpleChars(const NormalizerOptions& options);

  /// Of valid UTF-8: the normalized form of `code_point`, which `utf8` spells. Nothing when its
  /// neighbours matter, it becomes two code points or changes to or from punctuation.
  std::optional<std::string_view> normalized(char32_t code_point, std::string_view utf8) const {
    if ((all_flags_[code_point] & changing_flags_) == 0) return utf8;
    if (code_point >= entries_.size() || !entries_[code_point].is_simple) return std::nullopt;
    return std::string_view(entries_[code_point].utf8.data(), entries_[code_point].size);
  }

 private:
  static constexpr std::size_t kEntries = 0x3000;  // alphabets; hardly anything above changes but Hangul

  struct Entry {
    std::array<char, 3> utf8;
    std::uint8_t size;
    bool is_simple;
  };

  std::span<const std::uint8_t> all_flags_;
  std::uint8_t changing_flags_;  // a code point without them stays as it is
  std::vector<Entry> entries_;   // by code point
};

}  // namespace bertft::tokenizer
