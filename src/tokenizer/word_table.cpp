#include "tokenizer/word_table.h"

#include <algorithm>
#include <array>

namespace bertft::tokenizer {
namespace {

std::optional<ShortWord> as_short_word(std::string_view text) {
  std::array<char, ShortWord::kReadBytes> padded{};
  if (text.empty() || text.size() > ShortWord::kMaxSize) return std::nullopt;
  std::copy(text.begin(), text.end(), padded.begin());
  const ShortWord word(padded.data(), false);
  return word.size() == text.size() ? std::optional(word) : std::nullopt;
}

}  // namespace

WordTable::WordTable(const Vocabulary& vocabulary, std::size_t max_size)
    : slots_(std::bit_ceil(2 * vocabulary.size() + 2), kNone),
      words_(vocabulary.size()),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.piece(id);
    const std::optional<ShortWord> word = as_short_word(text);
    // A text that occurs twice counts by its last id alone.
    if (!word || text.size() > max_size || vocabulary.id_of(text) != id) continue;
    words_[id] = word->key();
    std::size_t slot = first_slot(word->key());
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = id;
  }
}

}  // namespace bertft::tokenizer
