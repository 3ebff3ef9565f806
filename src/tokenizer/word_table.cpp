#include "tokenizer/word_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "tokenizer/text_block.h"

namespace bertft::tokenizer {
namespace {

// Of letters and digits, or a single other character that is visible.
std::optional<ShortWord> as_short_word(std::string_view text) {
  if (text.empty() || text.size() > ShortWord::kMaxSize) return std::nullopt;
  std::array<char, TextBlock::kBytes> padded{};
  std::copy(text.begin(), text.end(), padded.begin());
  const TextBlock block = TextBlock::read(padded.data());
  const bool is_word = static_cast<std::size_t>(std::countr_one(block.words)) == text.size();
  const bool is_alone = text.size() == 1 && block.punctuation != 0;
  if (!is_word && !is_alone) return std::nullopt;
  return ShortWord(padded.data(), text.size(), 0);
}

struct WordId {
  ShortWord word;
  std::uint32_t id;
};

std::vector<WordId> short_words_of(const Vocabulary& vocabulary, std::size_t max_size) {
  std::vector<WordId> words;
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.piece(id);
    const std::optional<ShortWord> word = as_short_word(text);
    // A text that occurs twice counts by its last id alone.
    if (word && text.size() <= max_size && vocabulary.id_of(text) == id) words.push_back({*word, id});
  }
  return words;
}

}  // namespace

WordTable::WordTable(const Vocabulary& vocabulary, std::size_t max_size) {
  const std::vector<WordId> words = short_words_of(vocabulary, max_size);
  slots_.resize(std::bit_ceil(2 * words.size() + 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
  for (const WordId& w : words) slots_[find(w.word.key(), home_of(w.word))] = {w.word.key(), w.id};
}

}  // namespace bertft::tokenizer
