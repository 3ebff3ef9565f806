#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/double_array.h"

namespace bertft::tokenizer {

/// The pieces of a model by text and id, and WordPiece's greedy split of a word into them
/// (Wu et al. 2016; `models/wordpiece` of the Rust crate).
class Vocabulary {
 public:
  struct Piece {
    std::string text;
    std::uint32_t id;
  };

  /// A piece that stands behind a blank line has no text: it keeps its id and matches nothing.
  /// A text that occurs several times has the last of its ids, as in Hugging Face.
  /// `continuation_prefix` marks pieces that go on inside a word.
  Vocabulary(std::vector<Piece> pieces, std::string_view continuation_prefix);

  std::optional<std::uint32_t> id_of(std::string_view piece) const;
  /// The text of an id, empty when there is none.
  std::string_view piece(std::uint32_t id) const;
  /// One more than the largest id.
  std::size_t size() const { return text_by_id_.size(); }
  /// The same of the pieces that can occur: blank lines at the end of a file have ids too.
  std::size_t used_size() const;
  std::size_t num_duplicates() const { return num_duplicates_; }

  /// Calls emit(id, begin, end) with the byte range of each piece of `word`, from the left, the
  /// longest first. False when a rest matches nothing; emit was then called in vain.
  template <class Emit>
  bool split(std::string_view word, Emit&& emit) const {
    DoubleArray::Node root = DoubleArray::kRoot;
    for (std::size_t begin = 0; begin < word.size(); root = continuation_root_) {
      if (root == DoubleArray::kNone) return false;
      const DoubleArray::Match match = trie_.longest_match(root, word.substr(begin));
      if (match.size == 0) return false;
      emit(match.value, begin, begin + match.size);
      begin += match.size;
    }
    return true;
  }

 private:
  std::vector<std::string> text_by_id_;
  DoubleArray trie_;
  DoubleArray::Node continuation_root_;
  std::size_t num_duplicates_ = 0;
};

}  // namespace bertft::tokenizer
