#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/unigram.h"
#include "tokenizer/wire_format.h"

namespace bertft::tokenizer {

/// Small pieces in the layout of ALBERT's vocabulary.
inline std::vector<UnigramPiece> small_pieces() {
  return {{"<pad>", 0},     {"<unk>", 0},    {"[CLS]", 0}, {"[SEP]", 0}, {"[MASK]", 0}, {"\u2581", -2}, {"a", -3},
          {"b", -3.5},      {"\u2581a", -4}, {"ab", -5},   {"\"", -5},   {",", -3},     {"9", -4},      {"9,", -4.5},
          {"\u2581he", -5}, {"llo", -6},     {"i", -5},    {"f", -5},    {"x", -5},     {"xx", -10},    {"o", -4}};
}

/// A table of replaced characters in the form of sentencepiece: darts-clone's units, first fit.
inline std::string charsmap_blob(const std::map<std::string, std::string>& replacements) {
  std::vector<std::uint32_t> units(1, 0);
  std::vector<bool> used(1, true);
  std::set<std::size_t> bases;  // each belongs to one node
  std::string texts;
  const auto place = [&](auto&& self, std::size_t node, const std::string& prefix) -> void {
    std::map<unsigned, bool> labels;  // of the children; 0 is the leaf
    for (const auto& [key, text] : replacements) {
      if (key.starts_with(prefix))
        labels[key.size() == prefix.size() ? 0 : static_cast<unsigned char>(key[prefix.size()])];
    }
    std::size_t base = 1;
    const auto is_free = [&](std::size_t at) { return at >= used.size() || !used[at]; };
    while (bases.contains(base) ||
           !std::all_of(labels.begin(), labels.end(), [&](const auto& l) { return is_free(base ^ l.first); })) {
      ++base;
    }
    bases.insert(base);
    for (const auto& [label, unused] : labels) {
      if ((base ^ label) >= units.size()) {
        units.resize((base ^ label) + 1, 0);
        used.resize(units.size(), false);
      }
      used[base ^ label] = true;
    }
    units[node] |= static_cast<std::uint32_t>(node ^ base) << 10 | (labels.contains(0) ? 1U << 8 : 0);
    if (labels.contains(0)) {
      units[base] = 1U << 31 | static_cast<std::uint32_t>(texts.size());
      texts += replacements.at(prefix) + '\0';
    }
    for (const auto& [label, unused] : labels) {
      if (label == 0) continue;
      units[base ^ label] = label;
      self(self, base ^ label, prefix + static_cast<char>(label));
    }
  };
  place(place, 0, "");
  std::string blob;
  const auto append = [&](std::uint32_t n) { blob.append(reinterpret_cast<const char*>(&n), sizeof n); };
  append(static_cast<std::uint32_t>(units.size() * sizeof units[0]));
  for (const std::uint32_t unit : units) append(unit);
  return blob + texts;
}

/// What a model that was trained has: controls are mapped to spaces, zero-width ones vanish.
inline std::string small_charsmap() {
  return charsmap_blob({{"\t", " "}, {"\x01", ""}, {"\x02", "ab"}, {"\x03", " "}, {"\u200b", " "}});
}

/// A spiece.model.
inline std::string spiece_model(const std::vector<UnigramPiece>& pieces, std::string_view charsmap = {},
                                std::uint64_t model_type = spiece::kUnigram) {
  WireWriter model;
  for (const UnigramPiece& piece : pieces) {
    WireWriter message;
    message.bytes(spiece::kPieceText, piece.text);
    message.fixed32(spiece::kPieceScore, static_cast<float>(piece.score));
    model.bytes(spiece::kPieces, message.text());
  }
  WireWriter trainer, normalizer;
  trainer.varint(spiece::kModelType, model_type);
  model.bytes(spiece::kTrainerSpec, trainer.text());
  normalizer.bytes(spiece::kNormalizerName, "small");
  if (!charsmap.empty()) normalizer.bytes(spiece::kCharsmap, charsmap);
  model.bytes(spiece::kNormalizerSpec, normalizer.text());
  return model.text();
}

}  // namespace bertft::tokenizer
