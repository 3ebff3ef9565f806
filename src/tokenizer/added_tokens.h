#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/double_array.h"

namespace bertft::tokenizer {

/// A token that is found verbatim in the text as it was given and stays whole, such as [MASK].
struct AddedToken {
  std::string content;  // neither empty nor with white space at its ends
  std::uint32_t id;
  bool takes_space_left = false;   // `lstrip`: white space before it belongs to it
  bool takes_space_right = false;  // `rstrip`

  bool operator==(const AddedToken&) const = default;
};

/// Finds added tokens in texts: the leftmost, of several the longest, without overlap.
class AddedTokens {
 public:
  /// Contents differ.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Match {
    std::uint32_t id;
    std::size_t begin, end;  // in bytes, with the white space that the token takes
  };

  /// The first token at or behind byte `from`, which is 0 or the end of the match before.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

  /// The text of an id, empty when no added token has it.
  std::string_view content(std::uint32_t id) const;

  /// One more than the largest id, these tokens and those of a vocabulary of `size` taken together.
  std::size_t size_with(std::size_t size) const;

 private:
  std::size_t find_first_byte(std::string_view text, std::size_t from) const;

  std::vector<AddedToken> tokens_;
  DoubleArray trie_;         // content -> index into tokens_
  std::string first_bytes_;  // of the contents, each once
};

}  // namespace bertft::tokenizer
