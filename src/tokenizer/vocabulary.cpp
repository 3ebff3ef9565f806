#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <utility>

namespace bertft::tokenizer {

Vocabulary::Vocabulary(std::vector<Piece> pieces, std::string_view continuation_prefix) {
  for (Piece& piece : pieces) {
    if (piece.id >= text_by_id_.size()) text_by_id_.resize(piece.id + std::size_t{1});
    text_by_id_[piece.id] = std::move(piece.text);
  }

  std::vector<DoubleArray::Entry> entries;
  entries.reserve(text_by_id_.size());
  for (std::uint32_t id = 0; id < text_by_id_.size(); ++id) {
    if (!text_by_id_[id].empty()) entries.emplace_back(text_by_id_[id], id);
  }
  // Of equal texts the one with the largest id comes first and stays.
  std::sort(entries.begin(), entries.end(), [](const DoubleArray::Entry& a, const DoubleArray::Entry& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  const auto same_text = [](const DoubleArray::Entry& a, const DoubleArray::Entry& b) { return a.first == b.first; };
  const auto end = std::unique(entries.begin(), entries.end(), same_text);
  num_duplicates_ = static_cast<std::size_t>(entries.end() - end);
  entries.erase(end, entries.end());

  trie_ = DoubleArray(entries);
  continuation_root_ = trie_.walk(DoubleArray::kRoot, continuation_prefix);
}

std::size_t Vocabulary::used_size() const {
  std::size_t size = text_by_id_.size();
  while (size > 0 && text_by_id_[size - 1].empty()) --size;
  return size;
}

std::optional<std::uint32_t> Vocabulary::id_of(std::string_view piece) const {
  if (piece.empty()) return std::nullopt;
  const DoubleArray::Node node = trie_.walk(DoubleArray::kRoot, piece);
  if (node == DoubleArray::kNone || trie_.value(node) == DoubleArray::kNone) return std::nullopt;
  return trie_.value(node);
}

std::string_view Vocabulary::piece(std::uint32_t id) const {
  return id < text_by_id_.size() ? std::string_view(text_by_id_[id]) : std::string_view();
}

}  // namespace bertft::tokenizer
