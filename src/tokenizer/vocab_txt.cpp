#include "tokenizer/vocab_txt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bertft/util/byte_order_mark.h"
#include "bertft/util/error.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

std::size_t right_trimmed_size(std::string_view line) {
  std::size_t size = 0;
  for (std::size_t pos = 0; pos < line.size();) {
    const char32_t code_point = next_code_point(line, pos);
    if ((code_point_flags()[code_point] & kWhiteSpace) == 0) size = pos;
  }
  return size;
}

}  // namespace

std::vector<std::string> vocabulary_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.emplace_back(line.substr(0, right_trimmed_size(line)));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

void check_lines(std::string_view text, std::string_view name, std::string_view form) {
  if (const auto foreign = recognise_foreign_file(text)) {
    throw DataError(fmt::format("{}: {}; {}", printable(name), foreign->what, foreign->advice));
  }
  if (text.starts_with(kByteOrderMark)) {
    throw DataError(fmt::format(
        "{}:1:1: error: the file begins with a byte-order mark, which would become part of the first piece. "
        "Save it as UTF-8 without one.",
        printable(name)));
  }
  if (const auto invalid = find_invalid_utf8(text)) {
    throw DataError(
        fmt::format("{}:{}: error: not valid UTF-8; {}", printable(name), line_and_column(text, *invalid), form));
  }
}

std::vector<Vocabulary::Piece> parse_vocab_txt(std::string_view text, std::string_view name) {
  check_lines(text, name, "a vocab.txt is UTF-8 text with one piece a line");
  std::vector<Vocabulary::Piece> pieces;
  for (std::string& line : vocabulary_lines(text)) {
    const std::size_t id = pieces.size();
    if (line.size() > kMaxPieceBytes) {
      throw DataError(fmt::format("{}:{}:1: error: a piece of {} bytes; at most {} are accepted. Is this a vocab.txt?",
                                  printable(name), id + 1, line.size(), kMaxPieceBytes));
    }
    if (id == kMaxVocabularySize) {
      throw DataError(fmt::format("{}: more than {} lines; is this a vocab.txt?", printable(name),
                                  with_thousands(kMaxVocabularySize)));
    }
    pieces.push_back({std::move(line), static_cast<std::uint32_t>(id)});
  }
  if (std::all_of(pieces.begin(), pieces.end(), [](const Vocabulary::Piece& p) { return p.text.empty(); })) {
    throw DataError(fmt::format("{} holds no pieces; a vocab.txt has one a line", printable(name)));
  }
  return pieces;
}

}  // namespace bertft::tokenizer
