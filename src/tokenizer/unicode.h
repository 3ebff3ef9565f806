#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace bertft::tokenizer {

// Character data as the Rust `tokenizers` crate has them: Unicode 15.0 from utf8proc, corrected by
// unicode_exceptions.h, which also takes back what utf8proc 2.9 to 2.11 know of later versions. The crate mixes three
// versions of Unicode.

/// What a code point does in normalization and splitting; a set of bits.
enum CodePointFlags : std::uint8_t {
  kDropped = 1 << 0,      // removed by clean_text
  kWhiteSpace = 1 << 1,   // the property White_Space
  kIdeograph = 1 << 2,    // gets spaces around it
  kPunctuation = 1 << 3,  // a word of its own
  kAccent = 1 << 4,       // removed by strip_accents
  kDecomposes = 1 << 5,   // canonical_decomposition() differs from the code point
  kNonStarter = 1 << 6,   // combining_class() is not 0
  kUpper = 1 << 7,        // lower_case() differs from the code point
};

/// What the pattern of byte-level tokenizers tells apart.
enum class SplitClass : std::uint8_t { kOther, kLetter, kNumber, kWhiteSpace };

/// Those of all code points, indexed by them. Filled at the first call.
std::span<const SplitClass> split_classes();

/// The flags of all code points, indexed by them. Filled at the first call.
std::span<const std::uint8_t> code_point_flags();

inline bool is_white_space(char32_t code_point) {
  return (code_point_flags()[code_point] & kWhiteSpace) != 0;
}

/// Canonical combining class as canonical ordering uses it.
std::uint8_t combining_class(char32_t code_point);

/// Full canonical decomposition, at most four code points, into `out`.
std::span<const char32_t> canonical_decomposition(char32_t code_point, std::array<char32_t, 4>& out);

/// Full compatibility decomposition, at most 18 code points, into `out`.
std::span<const char32_t> compatibility_decomposition(char32_t code_point, std::array<char32_t, 18>& out);

/// Whether a code point is of category M. The normalizer StripAccents, which ALBERT has, removes all
/// of these, BertNormalizer only those of Mn (kAccent).
bool is_mark(char32_t code_point);

/// Lower case by the code point alone (no final sigma). U+0130 gives two code points, all
/// others one.
std::span<const char32_t> lower_case(char32_t code_point, std::array<char32_t, 2>& out);

}  // namespace bertft::tokenizer
