#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/unigram.h"

namespace bertft::tokenizer {

/// What is used of a spiece.model. The types of its pieces are not: Hugging Face takes each for an ordinary one.
struct SpieceModel {
  std::vector<UnigramPiece> pieces;
  std::string charsmap;  // see Charsmap; empty when there is none
};

/// Reads a sentencepiece model (protobuf) that nobody has checked.
///
/// name    of the file, for messages
/// throws  DataError when it is damaged or something else, ConfigError when it is no Unigram model
SpieceModel parse_spiece_model(std::string_view bytes, std::string_view name);

/// Refuses pieces that a Unigram cannot be made of, or that no vocabulary has.
/// throws  DataError naming the piece by its id
void check_pieces(const std::vector<UnigramPiece>& pieces, std::string_view name);

/// Lowers the score of each piece that ends in a digit and a comma by 100, so that it is hardly
/// ever taken. ALBERT was trained with "2,000" as "2" "," "000": Google's code splits these pieces
/// after the fact, and Hugging Face's tokenizer.json has the lowered scores in it.
void lower_scores_of_digit_and_comma(std::vector<UnigramPiece>& pieces);

}  // namespace bertft::tokenizer
