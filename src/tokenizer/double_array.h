#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace bertft::tokenizer {

/// A trie over bytes in a double array (Aoe 1989): one table look-up per byte, whatever the
/// number of keys. Positions of children are base XOR byte, so that the 256 possible children
/// of a node lie in one aligned block (Yata's variant).
class DoubleArray {
 public:
  using Node = std::uint32_t;
  using Entry = std::pair<std::string_view, std::uint32_t>;

  static constexpr Node kRoot = 0;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  DoubleArray() : DoubleArray(std::vector<Entry>{}) {}
  /// `entries` are sorted by key; keys differ and are not empty; no value is kNone.
  explicit DoubleArray(const std::vector<Entry>& entries);

  /// The node that `text` leads to from `node`, kNone when there is none.
  Node walk(Node node, std::string_view text) const {
    for (const char c : text) {
      node = child(node, c);
      if (node == kNone) break;
    }
    return node;
  }

  /// Value of the key that ends in `node`, kNone when none does.
  std::uint32_t value(Node node) const { return units_[node].value; }

  struct Match {
    std::size_t size;  // in bytes; 0 when nothing matches
    std::uint32_t value;
  };

  /// The longest beginning of `text` that leads from `node` to a key; at least one byte.
  Match longest_match(Node node, std::string_view text) const {
    Match longest = {0, kNone};
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, text[i]);
      if (node == kNone) break;
      if (units_[node].value != kNone) longest = {i + 1, units_[node].value};
    }
    return longest;
  }

 private:
  struct Unit {
    std::uint32_t base = 0;
    Node parent = kNone;  // kNone: the place is free
    std::uint32_t value = kNone;
  };

  Node child(Node node, char byte) const {
    const Node next = units_[node].base ^ static_cast<unsigned char>(byte);
    return units_[next].parent == node ? next : kNone;
  }

  friend class DoubleArrayBuilder;
  std::vector<Unit> units_;
};

}  // namespace bertft::tokenizer
