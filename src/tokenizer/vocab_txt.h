#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

/// Longer pieces are refused: no word is that long.
inline constexpr std::size_t kMaxPieceBytes = 1000;
/// More ids than any published vocabulary has.
inline constexpr std::size_t kMaxVocabularySize = 4'000'000;

/// The lines of a vocab.txt as the crate reads them: split at LF only, right-trimmed of
/// White_Space (hence of a CR). The id of a piece is its line number from 0, always.
std::vector<std::string> vocabulary_lines(std::string_view text);

/// throws DataError when a file of lines is none: of another kind, with a byte-order mark, no valid UTF-8. `form` says
/// what it should be, such as "a vocab.txt is UTF-8 text with one piece a line"
void check_lines(std::string_view text, std::string_view name, std::string_view form);

/// A vocab.txt, checked. A blank line keeps its id and matches nothing; a piece that occurs
/// again has the later id. `name` is the file's for messages.
/// throws DataError: byte-order mark, invalid UTF-8, no piece at all, an overlong piece
std::vector<Vocabulary::Piece> parse_vocab_txt(std::string_view text, std::string_view name);

}  // namespace bertft::tokenizer
