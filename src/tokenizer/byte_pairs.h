#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bertft::tokenizer {

/// Byte-pair encoding (Sennrich et al. 2016) of words of bytes (Radford et al. 2019), as `models/bpe` of the Rust crate
/// does it.
class BytePairs {
 public:
  /// Two pieces that stand side by side become one.
  struct Merge {
    std::uint32_t left, right, merged;
  };

  /// The earlier a merge stands in `merges`, the earlier it is done; of merges of the same pair the last is taken.
  BytePairs(const std::array<std::uint32_t, 256>& id_of_byte, const std::vector<Merge>& merges);

  struct Piece {
    std::uint32_t id;
    std::uint32_t size;  // in bytes
  };

  /// What split() works with, to be kept from one word to the next.
  class Scratch {
   private:
    friend class BytePairs;

    // A piece as it grows; one that has been merged into another has the size 0.
    struct Symbol {
      std::uint32_t id, size, previous, next;
    };
    // A merge to be done, if both sides are still there when its turn comes.
    struct Candidate {
      std::uint32_t rank, at, merged;
    };

    std::vector<Symbol> symbols_;
    std::vector<Candidate> queue_;  // a heap, the next one first
  };

  /// Appends the pieces of `word` to `out`.
  void split(std::string_view word, Scratch& scratch, std::vector<Piece>& out) const;

 private:
  struct RankedMerge {
    std::uint32_t rank, merged;
  };

  const RankedMerge* find(std::uint32_t left, std::uint32_t right) const;
  void enqueue(std::uint32_t at, Scratch& scratch) const;

  std::array<std::uint32_t, 256> id_of_byte_;
  std::unordered_map<std::uint64_t, RankedMerge> merges_;  // by the ids of both sides
};

}  // namespace bertft::tokenizer
