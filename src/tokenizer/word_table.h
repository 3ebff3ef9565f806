#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

static_assert(std::endian::native == std::endian::little, "ShortWord takes the first byte of a text for the lowest");

/// The letters and digits of ASCII that a text begins with, found and lower-cased eight bytes at
/// a time. Where there are more of them
/// than kMaxSize the word is not short and its key of no use.
class ShortWord {
 public:
  static constexpr std::size_t kMaxSize = 15;
  static constexpr std::size_t kReadBytes = 16;

  /// Reads kReadBytes from `text` on, whatever stands there behind the word.
  ShortWord(const char* text, bool lowercase) {
    const Half low(text, lowercase), high(text + kHalf, lowercase);
    if (low.size < kHalf) {
      size_ = low.size;
      key_ = {low.bytes & ((std::uint64_t{1} << (8 * low.size)) - 1), 0};
    } else {
      size_ = kHalf + high.size;
      const std::uint64_t mask = high.size < kHalf ? (std::uint64_t{1} << (8 * high.size)) - 1 : ~std::uint64_t{0};
      key_ = {low.bytes, high.bytes & mask};
    }
  }

  struct Key {
    std::uint64_t low, high;  // the bytes of the word, zeros behind them
    bool operator==(const Key&) const = default;
  };

  std::size_t size() const { return size_; }
  bool is_short() const { return size_ <= kMaxSize; }
  const Key& key() const { return key_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(&key_), size_}; }

 private:
  static constexpr std::size_t kHalf = 8;

  // Comparisons of eight bytes at once: the highest bit of each tells the outcome.
  struct Half {
    Half(const char* text, bool lowercase) {
      std::memcpy(&bytes, text, sizeof bytes);
      const std::uint64_t ascii = ~bytes & kHighBits;
      const std::uint64_t letters = within(bytes | kCaseBits, 'a', 'z') & ascii;
      const std::uint64_t digits = within(bytes, '0', '9') & ascii;
      const std::uint64_t others = kHighBits & ~(letters | digits);
      size = static_cast<std::size_t>(std::countr_zero(others)) / 8;
      if (lowercase) bytes |= letters >> 2;  // 0x80 >> 2 is the bit of the case
    }

    // Right for bytes below 0x80.
    static std::uint64_t within(std::uint64_t bytes, unsigned char first, unsigned char last) {
      const std::uint64_t low_bits = bytes & ~kHighBits;
      return (low_bits + kEach * (0x80u - first)) & ~(low_bits + kEach * (0x7Fu - last));
    }

    static constexpr std::uint64_t kEach = 0x0101010101010101;
    static constexpr std::uint64_t kHighBits = 0x80 * kEach;
    static constexpr std::uint64_t kCaseBits = 0x20 * kEach;

    std::uint64_t bytes;
    std::size_t size;  // letters and digits at the beginning, 0 to 8
  };

  Key key_;
  std::size_t size_;
};

/// The short words of a vocabulary that are one piece each: one look-up in place of a walk
/// through the trie. Open addressing, at least half empty; the words stand apart from the slots,
/// in the order of their ids (in BERT's vocabularies that of frequency), so that what common
/// words touch stays in the cache.
class WordTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  /// Words longer than `max_size` are left out.
  WordTable(const Vocabulary& vocabulary, std::size_t max_size);

  /// The id of a word as normalized, kNone when it is not one piece.
  std::uint32_t id_of(const ShortWord& word) const {
    for (std::size_t slot = first_slot(word.key());; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot] == kNone || words_[slots_[slot]] == word.key()) return slots_[slot];
    }
  }

 private:
  std::size_t first_slot(const ShortWord::Key& key) const {
    constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Fibonacci hashing
    return ((key.low ^ std::rotl(key.high * kGoldenRatio, 32)) * kGoldenRatio) >> shift_;
  }

  std::vector<std::uint32_t> slots_;   // ids, kNone where free; a power of two
  std::vector<ShortWord::Key> words_;  // by id
  unsigned shift_;                     // leaves so many bits of a hash as number a slot
};

}  // namespace bertft::tokenizer
