#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace bertft::tokenizer {

/// What the 64 bytes of a text from some place on are, a bit for each, the first the lowest. Control
/// characters and what lies beyond ASCII are none of these.
struct TextBlock {
  static constexpr std::size_t kBytes = 64;

  std::uint64_t words = 0;        // letters and digits
  std::uint64_t punctuation = 0;  // what else is visible
  std::uint64_t blanks = 0;       // the space character alone

  bool operator==(const TextBlock&) const = default;

  /// Reads kBytes, whatever stands there.
  static TextBlock read(const char* text) {
#ifdef __SSE2__
    return read_vector(text);
#else
    return read_scalar(text);
#endif
  }

  /// The same a byte at a time, for processors without SSE2.
  static TextBlock read_scalar(const char* text);

 private:
#ifdef __SSE2__
  static TextBlock read_vector(const char* text) {
    const auto within = [](__m128i bytes, char first, char last) {  // signed: bytes beyond ASCII are not
      return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                           _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
    };
    const auto bits = [](__m128i bytes) { return static_cast<std::uint64_t>(_mm_movemask_epi8(bytes)); };
    TextBlock block;
    for (std::size_t i = 0; i < kBytes; i += sizeof(__m128i)) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
      const __m128i letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
      const std::uint64_t words = bits(_mm_or_si128(letters, within(bytes, '0', '9')));
      block.words |= words << i;
      block.punctuation |= (bits(within(bytes, '!', '~')) & ~words) << i;
      block.blanks |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '))) << i;
    }
    return block;
  }
#endif
};

}  // namespace bertft::tokenizer
