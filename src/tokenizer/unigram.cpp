#include "tokenizer/unigram.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/wire_format.h"

namespace bertft::tokenizer {
namespace {

// The library adds scores in single precision, the crate in double. In steps this coarse the sums of
// a word are exact down to -2048: a tie such as "xx" "x" against "x" "xx" stays one, and both search
// for the best in the same order. Without it four times as many texts of SQuAD and XQuAD come out otherwise;
// what is left are words with two splits less than 0.0002 apart (tests/parity/albert_parity.py).
constexpr double kScoreSteps = 8192;

constexpr std::size_t kNumCodePoints = 0x110000;

// The text of a piece that `pieces` lack. The library wants one of type "unknown" and never finds
// its text in a word; the model's own <unk> may well stand in a text, which is lower-cased first.
std::string unused_text(const std::vector<UnigramPiece>& pieces) {
  std::size_t longest = 0;
  for (const UnigramPiece& piece : pieces) longest = std::max(longest, piece.text.size());
  return std::string(longest + 1, '?');
}

// A model whose normalizer leaves the words as they are. It is made anew from the checked pieces
// whatever file they stood in, so that the library never meets the bytes of a foreign file.
std::string serialized_model(const std::vector<UnigramPiece>& pieces) {
  WireWriter model;
  const auto add_piece = [&](std::string_view text, double score, std::uint64_t type) {
    WireWriter piece;
    piece.bytes(spiece::kPieceText, text);
    piece.fixed32(spiece::kPieceScore, static_cast<float>(std::nearbyint(score * kScoreSteps) / kScoreSteps));
    piece.varint(spiece::kPieceType, type);
    model.bytes(spiece::kPieces, piece.text());
  };
  for (const UnigramPiece& piece : pieces) add_piece(piece.text, piece.score, spiece::kNormal);
  add_piece(unused_text(pieces), 0, spiece::kUnknown);

  WireWriter trainer;
  trainer.varint(spiece::kModelType, spiece::kUnigram);
  model.bytes(spiece::kTrainerSpec, trainer.text());

  WireWriter normalizer;
  normalizer.bytes(spiece::kNormalizerName, "identity");
  for (const auto field : {spiece::kAddDummyPrefix, spiece::kRemoveExtraWhitespaces, spiece::kEscapeWhitespaces}) {
    normalizer.varint(field, 0);
  }
  model.bytes(spiece::kNormalizerSpec, normalizer.text());
  return model.text();
}

}  // namespace

struct Unigram::Library {
  sentencepiece::SentencePieceProcessor processor;
};

Unigram::Unigram(const std::vector<UnigramPiece>& pieces, std::string_view name)
    : is_known_(kNumCodePoints), library_(std::make_unique<Library>()) {
  for (const UnigramPiece& piece : pieces) {
    for (std::size_t pos = 0; pos < piece.text.size();) is_known_[next_code_point(piece.text, pos)] = true;
  }
  std::string reason;
  try {
    const auto status = library_->processor.LoadFromSerializedProto(serialized_model(pieces));
    if (!status.ok()) reason = status.ToString();
  } catch (const std::exception& e) {
    reason = e.what();  // its trie reports by exceptions
  }
  if (reason.empty()) return;
  throw DataError(
      fmt::format("{}: the sentencepiece library refuses the vocabulary: {}.\n"
                  "Take the tokenizer files that belong to the model.",
                  printable(name), printable(reason)));
}

Unigram::~Unigram() = default;
Unigram::Unigram(Unigram&&) noexcept = default;

// A character that no piece has is a part of its own whatever stands beside it. The library takes
// quadratic time for a run of them, so it sees only what lies between.
void Unigram::split(std::string_view word, std::vector<std::string>& out) const {
  out.clear();
  std::size_t begin = 0;  // of what the library has not seen
  bool is_unknown = false;
  for (std::size_t pos = 0; pos < word.size();) {
    const std::size_t at = pos;
    const char32_t code_point = next_code_point(word, pos);
    if (is_known_[code_point]) {
      if (is_unknown) begin = at;
      is_unknown = false;
      continue;
    }
    if (!is_unknown) {
      split_known(word.substr(begin, at - begin), out);
      out.emplace_back();
    }
    out.back() += word.substr(at, pos - at);
    is_unknown = true;
  }
  if (!is_unknown) split_known(word.substr(begin), out);
}

// Appends the pieces of `part`.
void Unigram::split_known(std::string_view part, std::vector<std::string>& out) const {
  if (part.empty()) return;
  std::vector<std::string> more;
  std::vector<std::string>& pieces = out.empty() ? out : more;  // the library overwrites what it is given
  const auto status = library_->processor.Encode(absl::string_view(part.data(), part.size()), &pieces);
  if (!status.ok()) {
    throw DataError(fmt::format("the sentencepiece library cannot split '{}': {}", printable(part, 60),
                                printable(status.ToString())));
  }
  std::ranges::move(more, std::back_inserter(out));
}

}  // namespace bertft::tokenizer
