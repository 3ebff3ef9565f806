#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

static_assert(std::endian::native == std::endian::little, "ShortWord takes the first byte of a text for the lowest");

/// A word of at most kMaxSize bytes as two numbers, which are compared and hashed faster than text.
class ShortWord {
 public:
  static constexpr std::size_t kMaxSize = 15;
  static constexpr std::size_t kReadBytes = 16;

  struct Key {
    std::uint64_t low, high;  // the bytes of the word, zeros behind them
    bool operator==(const Key& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
  };

  /// Bits that make letters of ASCII small and digits leave as they are; none leave all as it is.
  static constexpr std::uint64_t kSmallLetters = 0x2020202020202020;

  ShortWord() {}  // says nothing: arrays of words to be read need no zeros

  /// Reads kReadBytes from `text` on, whatever stands there behind the `size` bytes of the word, and
  /// sets `case_bits` in them.
  ShortWord(const char* text, std::size_t size, std::uint64_t case_bits) : size_(size) {
    std::memcpy(&key_, text, sizeof key_);
    const Key& kept = kKept[size];
    key_ = {(key_.low | case_bits) & kept.low, (key_.high | case_bits) & kept.high};
  }

  std::size_t size() const { return size_; }
  const Key& key() const { return key_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(&key_), size_}; }

 private:
  // All bits of as many bytes as a word of each size has.
  static constexpr std::array<Key, kMaxSize + 1> kKept = [] {
    std::array<Key, kMaxSize + 1> kept{};
    for (std::size_t size = 1; size <= kMaxSize; ++size) {
      kept[size].low = size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
      kept[size].high = size > 8 ? (std::uint64_t{1} << (8 * (size - 8))) - 1 : 0;
    }
    return kept;
  }();

  Key key_;
  std::size_t size_;
};

/// Short words that are one piece each: one look-up in place of the work to split them. Open addressing, at least half
/// empty.
class WordTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Word {
    std::string text;  // of 1 to ShortWord::kMaxSize bytes, the last one not 0
    std::uint32_t id;
  };
  /// Texts differ.
  explicit WordTable(const std::vector<Word>& words);

  /// Where the look-up of a word begins; has the processor fetch it for id_of().
  std::uint32_t home_of(const ShortWord& word) const {
    const std::uint64_t hash = word.key().low * kHashLow + word.key().high * kHashHigh;
    const auto home = static_cast<std::uint32_t>(hash >> shift_);
    __builtin_prefetch(&slots_[home]);
    return home;
  }

  /// The id of a word as normalized, kNone when it is not one piece.
  std::uint32_t id_of(const ShortWord& word, std::uint32_t home) const { return slots_[find(word.key(), home)].id; }

 private:
  // Odd numbers without a pattern: multiplicative hashing, whose high bits are the good ones.
  static constexpr std::uint64_t kHashLow = 0x9E3779B97F4A7C15, kHashHigh = 0xD6E8FEB86659FD93;

  struct alignas(32) Slot {  // so that none lies across two cache lines
    ShortWord::Key key{};
    std::uint32_t id = kNone;  // kNone: free
  };

  // The slot of a key, or the free one where it would stand.
  std::size_t find(const ShortWord::Key& key, std::size_t at) const {
    while (slots_[at].key != key && slots_[at].id != kNone) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;  // a power of two
  unsigned shift_;           // leaves so many bits of a hash as number a slot
};

/// The words of a WordPiece vocabulary, of ASCII, that go into such a table: of letters and digits, or a single other
/// character that is visible. Words longer than `max_size` are left out.
std::vector<WordTable::Word> short_words_of(const Vocabulary& vocabulary, std::size_t max_size);

}  // namespace bertft::tokenizer
