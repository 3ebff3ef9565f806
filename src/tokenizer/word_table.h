#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
    bool operator==(const Key&) const = default;
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
