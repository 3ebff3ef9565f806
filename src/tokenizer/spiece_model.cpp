#include "tokenizer/spiece_model.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <unordered_set>

#include "bertft/util/error.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/text.h"
#include "tokenizer/vocab_txt.h"
#include "tokenizer/wire_format.h"

namespace bertft::tokenizer {
namespace {

constexpr double kDigitCommaPenalty = 100;
constexpr double kMaxScore = 1e6;  // of a logarithm; the sums over a word stay far from infinity

[[noreturn]] void refuse(std::string_view name, std::string_view reason) {
  throw DataError(
      fmt::format("{}: {}; expected a sentencepiece model.\n"
                  "Copy the file again from the model that the weights come from.",
                  printable(name), reason));
}

// The field as `type`, which the format gives it.
const WireReader::Field& expect(const WireReader::Field& field, WireReader::Type type, std::string_view name) {
  if (field.type != type) refuse(name, fmt::format("damaged: field {} has a wrong type", field.number));
  return field;
}

// Calls take(field) with each field of a message that lies at byte `place` of the file.
template <class Take>
void for_each_field(std::string_view message, std::size_t place, std::string_view name, Take&& take) {
  WireReader reader(message);
  while (const std::optional<WireReader::Field> field = reader.next()) take(*field);
  if (reader.is_malformed()) refuse(name, fmt::format("damaged or cut short at byte {}", place + reader.offset()));
}

UnigramPiece parse_piece(std::string_view message, std::size_t place, std::string_view name) {
  using Type = WireReader::Type;
  UnigramPiece piece{};
  for_each_field(message, place, name, [&](const WireReader::Field& field) {
    if (field.number == spiece::kPieceText) piece.text = expect(field, Type::kBytes, name).bytes;
    if (field.number == spiece::kPieceScore) {
      const auto bits = static_cast<std::uint32_t>(expect(field, Type::kFixed32, name).value);
      piece.score = std::bit_cast<float>(bits);
    }
  });
  return piece;
}

void check_model_type(std::uint64_t type, std::string_view name) {
  if (type == spiece::kUnigram) return;
  const char* text = type == spiece::kBpe    ? "BPE"
                     : type == spiece::kWord ? "word"
                     : type == spiece::kChar ? "char"
                                             : "unknown";
  throw ConfigError(
      fmt::format("{}: a sentencepiece model of type {}; ALBERT's and XLM-RoBERTa's are Unigram.\n"
                  "Is this the file of another family?",
                  printable(name), text));
}

// Files that are often found in the place of a model.
void refuse_foreign(std::string_view bytes, std::string_view name) {
  if (bytes.empty()) refuse(name, "the file is empty");
  if (const auto foreign = recognise_foreign_file(bytes)) {
    refuse(name, fmt::format("{}; {}", foreign->what, foreign->advice));
  }
  if (bytes.starts_with("{")) refuse(name, "JSON");
  if (bytes.starts_with("\x80")) refuse(name, "a Python pickle");
}

bool is_digit(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point)) == UTF8PROC_CATEGORY_ND;
}

bool ends_in_digit_and_comma(std::string_view piece) {
  if (piece.size() < 2 || piece.back() != ',') return false;
  char32_t before_comma = 0;
  for (std::size_t pos = 0; pos + 1 < piece.size();) before_comma = next_code_point(piece, pos);
  return is_digit(before_comma);
}

}  // namespace

SpieceModel parse_spiece_model(std::string_view bytes, std::string_view name) {
  using Type = WireReader::Type;
  refuse_foreign(bytes, name);
  SpieceModel model;
  bool has_trainer = false, has_normalizer = false;
  std::uint64_t type = spiece::kUnigram;
  for_each_field(bytes, 0, name, [&](const WireReader::Field& field) {
    if (field.number > spiece::kNormalizerSpec) return;
    const std::string_view message = expect(field, Type::kBytes, name).bytes;
    const auto place = static_cast<std::size_t>(message.data() - bytes.data());
    if (field.number == spiece::kPieces) {
      if (model.pieces.size() == kMaxVocabularySize) refuse(name, "more pieces than any vocabulary has");
      model.pieces.push_back(parse_piece(message, place, name));
    } else if (field.number == spiece::kTrainerSpec) {
      has_trainer = true;
      for_each_field(message, place, name, [&](const WireReader::Field& setting) {
        if (setting.number == spiece::kModelType) type = expect(setting, Type::kVarint, name).value;
      });
    } else {
      has_normalizer = true;
      for_each_field(message, place, name, [&](const WireReader::Field& setting) {
        if (setting.number == spiece::kCharsmap) model.charsmap = expect(setting, Type::kBytes, name).bytes;
      });
    }
  });
  // They stand behind the pieces: without them the end of the file may be missing.
  if (!has_trainer || !has_normalizer) refuse(name, "cut short: its settings are missing");
  check_model_type(type, name);
  check_pieces(model.pieces, name);
  return model;
}

void check_pieces(const std::vector<UnigramPiece>& pieces, std::string_view name) {
  if (pieces.empty()) throw DataError(fmt::format("{}: the vocabulary is empty", printable(name)));
  if (pieces.size() > kMaxVocabularySize) {
    throw DataError(fmt::format("{}: more than {} pieces", printable(name), with_thousands(kMaxVocabularySize)));
  }
  std::unordered_set<std::string_view> texts;
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const UnigramPiece& piece = pieces[id];
    const char* reason = nullptr;
    if (piece.text.empty()) reason = "is empty";
    if (piece.text.size() > kMaxPieceBytes) reason = "is longer than any word";
    if (piece.text.find('\0') != std::string::npos) reason = "holds a NUL";
    if (find_invalid_utf8(piece.text)) reason = "is not valid UTF-8";
    if (!(std::abs(piece.score) <= kMaxScore)) reason = "has an impossible score";
    if (!texts.insert(piece.text).second) reason = "occurs twice";
    if (reason == nullptr) continue;
    throw DataError(
        fmt::format("{}: the piece '{}' with id {} {}.\n"
                    "Take the tokenizer files that belong to the model.",
                    printable(name), printable(piece.text, 60), id, reason));
  }
}

void lower_scores_of_digit_and_comma(std::vector<UnigramPiece>& pieces) {
  for (UnigramPiece& piece : pieces) {
    if (ends_in_digit_and_comma(piece.text)) piece.score -= kDigitCommaPenalty;
  }
}

}  // namespace bertft::tokenizer
