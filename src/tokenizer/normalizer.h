#pragma once

#include <cstdint>
#include <span>
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

/// A code point of the original text by its places there.
struct SourceChar {
  std::uint32_t char_idx, byte_begin, byte_end;
};

/// A stretch of text that keeps, through normalization, the place every code point came from.
/// It begins and ends where the whole text has white space, ASCII punctuation or an ideograph
/// with spaces around it: nothing that normalization does reaches over these.
class AlignedText {
 public:
  struct Char {
    char32_t code_point;
    SourceChar source;
    bool inserted;  // by a decomposition, after its first code point
  };

  void clear();
  bool empty() const { return chars_.empty(); }
  void append(char32_t code_point, SourceChar source);

  /// Decomposes, strips accents and lower-cases as `options` say.
  void normalize(const NormalizerOptions& options);

  std::span<const Char> chars() const { return chars_; }

 private:
  void decompose();
  void reorder();
  void strip_accents();
  void lower_case();

  std::vector<Char> chars_;
  std::vector<Char> scratch_;
  std::uint8_t flags_ = 0;  // of all code points together
};

}  // namespace bertft::tokenizer
