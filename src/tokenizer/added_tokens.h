#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/double_array.h"

namespace bertft::tokenizer {

/// A token that stays whole where it is found: such as [MASK], verbatim in the text as it was given, or in what
/// normalization makes of that, its content normalized as well.
struct AddedToken {
  std::string content;  // neither empty nor with white space at its ends
  std::uint32_t id;
  bool takes_space_left = false;   // `lstrip`: white space before it belongs to it
  bool takes_space_right = false;  // `rstrip`
  bool in_normalized = false;      // `normalized`: looked for in normalized text

  bool operator==(const AddedToken&) const = default;
};

/// Finds added tokens in texts: the leftmost, of several the longest, without overlap. As the `tokenizers` crate does,
/// first those in the text as it was given, then the others in each normalized piece between them.
class AddedTokens {
 public:
  /// Contents differ.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  /// Must be called before a text is searched for the tokens in_normalized, if there are any.
  /// throws ConfigError when nothing is left of one
  void normalize(const std::function<std::string(std::string_view)>& normalized);

  bool has_normalized() const { return normalized_.first_bytes.size() > 0; }

  struct Match {
    std::uint32_t id = 0;
    std::size_t begin = 0, end = 0;  // in bytes, with the white space that the token takes
    std::size_t content_end = 0;     // without it: where the search goes on
  };

  /// The first token behind the match `before`.
  std::optional<Match> find(std::string_view text, const Match& before) const { return find(verbatim_, text, before); }

  /// The same of a normalized text. There a token may begin within the white space that the one before has taken:
  /// normalization puts spaces around ideographs.
  std::optional<Match> find_normalized(std::string_view text, const Match& before) const {
    return find(normalized_, text, before);
  }

  /// The text of an id, empty when no added token has it.
  std::string_view content(std::uint32_t id) const;

  /// One more than the largest id, these tokens and those of a vocabulary of `size` taken together.
  std::size_t size_with(std::size_t size) const;

 private:
  struct Spellings {
    DoubleArray trie;         // spelling -> index into tokens_
    std::string first_bytes;  // of the spellings, each once

    std::size_t find_first_byte(std::string_view text, std::size_t from) const;
  };

  static Spellings spellings(std::vector<DoubleArray::Entry> entries);
  std::optional<Match> find(const Spellings& spellings, std::string_view text, const Match& before) const;

  std::vector<AddedToken> tokens_;
  Spellings verbatim_, normalized_;
};

}  // namespace bertft::tokenizer
