#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

static_assert(std::endian::native == std::endian::little, "ShortWord takes the first byte of a text for the lowest");

/// The letters and digits of ASCII that a text begins with, lower-cased when told. Where there are
/// more of them than kMaxSize the word is not short and its key of no use. A character that makes a
/// word of its own is one, too.
class ShortWord {
 public:
  static constexpr std::size_t kMaxSize = 15;
  static constexpr std::size_t kReadBytes = 16;

  struct Key {
    std::uint64_t low, high;  // the bytes of the word, zeros behind them
    bool operator==(const Key&) const = default;
  };

  ShortWord() {}  // says nothing: arrays of words to be read need no zeros
  explicit ShortWord(char alone) : key_{static_cast<unsigned char>(alone), 0}, size_(1) {}

  /// Reads kReadBytes from `text` on, whatever stands there behind the word.
  ShortWord(const char* text, bool lowercase) {
#ifdef __SSE2__
    *this = read_vector(text, lowercase);
#else
    *this = read_scalar(text, lowercase);
#endif
  }

  /// The same eight bytes at a time, for processors without SSE2.
  static ShortWord read_scalar(const char* text, bool lowercase);

  std::size_t size() const { return size_; }
  bool is_short() const { return size_ <= kMaxSize; }
  const Key& key() const { return key_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(&key_), size_}; }

 private:
#ifdef __SSE2__
  static ShortWord read_vector(const char* text, bool lowercase) {
    const auto within = [](__m128i bytes, char first, char last) {  // signed: bytes beyond ASCII are not
      return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                           _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
    };
    const __m128i case_bits = _mm_set1_epi8(0x20);
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const __m128i letters = within(_mm_or_si128(bytes, case_bits), 'a', 'z');
    const __m128i kept = _mm_or_si128(letters, within(bytes, '0', '9'));
    const int size = std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(kept)));
    if (lowercase) bytes = _mm_or_si128(bytes, _mm_and_si128(letters, case_bits));
    const __m128i places = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    bytes = _mm_and_si128(bytes, _mm_cmplt_epi8(places, _mm_set1_epi8(static_cast<char>(size))));
    ShortWord word;
    word.size_ = static_cast<std::size_t>(size);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(&word.key_), bytes);
    return word;
  }
#endif

  Key key_;
  std::size_t size_;
};

/// The short words of a vocabulary that are one piece each: one look-up in place of a walk
/// through the trie. Open addressing, at least half empty; words of up to eight bytes, which most
/// are, stand apart, so that four of them share a cache line.
class WordTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  /// Words longer than `max_size` are left out.
  WordTable(const Vocabulary& vocabulary, std::size_t max_size);

  /// Has the processor fetch what id_of() will read.
  void prefetch(const ShortWord& word) const {
    word.key().high == 0 ? halves_.prefetch({word.key().low}) : wholes_.prefetch(word.key());
  }

  /// The id of a word as normalized, kNone when it is not one piece.
  std::uint32_t id_of(const ShortWord& word) const {
    return word.key().high == 0 ? halves_.id_of({word.key().low}) : wholes_.id_of(word.key());
  }

 private:
  struct HalfKey {
    std::uint64_t low;
    bool operator==(const HalfKey&) const = default;
  };

  template <class Key>
  class Slots {
   public:
    /// Room for `num_keys`.
    explicit Slots(std::size_t num_keys = 0)
        : slots_(std::bit_ceil(2 * num_keys + 2)),
          shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

    void insert(const Key& key, std::uint32_t id) { slots_[find(key)] = {key, id}; }
    std::uint32_t id_of(const Key& key) const { return slots_[find(key)].id; }
    void prefetch(const Key& key) const { __builtin_prefetch(&slots_[hash(key) >> shift_]); }

   private:
    struct Slot {
      Key key{};
      std::uint32_t id = kNone;  // kNone: free
    };

    // The slot of a key, or the free one where it would stand.
    std::size_t find(const Key& key) const {
      std::size_t at = hash(key) >> shift_;
      while (slots_[at].id != kNone && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
      return at;
    }

    std::vector<Slot> slots_;  // a power of two
    unsigned shift_;           // leaves so many bits of a hash as number a slot
  };

  static constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Fibonacci hashing
  static std::uint64_t hash(const HalfKey& key) { return key.low * kGoldenRatio; }
  static std::uint64_t hash(const ShortWord::Key& key) {
    return (key.low ^ std::rotl(key.high * kGoldenRatio, 32)) * kGoldenRatio;
  }

  Slots<HalfKey> halves_;
  Slots<ShortWord::Key> wholes_;
};

}  // namespace bertft::tokenizer
