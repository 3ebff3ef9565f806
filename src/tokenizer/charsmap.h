#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/double_array.h"
#include "tokenizer/normalizer.h"

namespace bertft::tokenizer {

/// The table by which a sentencepiece model replaces characters, as Hugging Face's normalizer
/// `Precompiled` applies it: a grapheme of less than six bytes as a whole, where the table knows
/// its beginning, else character by character.
class Charsmap {
 public:
  Charsmap() = default;  // replaces nothing

  /// `blob` is a `precompiled_charsmap`, checked by nobody: the size of a trie (little endian),
  /// darts-clone's units of it, then the replacements, each with a NUL behind it.
  /// throws DataError when it is damaged, with `name` as the place
  Charsmap(std::string_view blob, std::string_view name);

  bool is_empty() const { return replacements_.empty(); }

  /// What stands for `part`, nothing when it stays.
  std::optional<std::string_view> replacement(std::string_view part) const;

  /// Replaces in `chars`, giving `out`. A replacement of another length hands on the places one by
  /// one; what goes beyond them takes the last one's.
  void apply(std::span<const AlignedText::Char> chars, std::vector<AlignedText::Char>& out) const;

 private:
  DoubleArray trie_;  // text -> index into replacements_
  std::vector<std::string> replacements_;
};

/// The bytes of a base64 text; nothing when it is none.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace bertft::tokenizer
