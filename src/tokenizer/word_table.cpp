#include "tokenizer/word_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "tokenizer/text_block.h"

namespace bertft::tokenizer {
namespace {

bool is_short_word(std::string_view text) {
  if (text.empty() || text.size() > ShortWord::kMaxSize) return false;
  std::array<char, TextBlock::kBytes> padded{};
  std::ranges::copy(text, padded.begin());
  const TextBlock block = TextBlock::read(padded.data());
  const bool is_word = static_cast<std::size_t>(std::countr_one(block.words)) == text.size();
  return is_word || (text.size() == 1 && block.punctuation != 0);
}

}  // namespace

std::vector<WordTable::Word> short_words_of(const Vocabulary& vocabulary, std::size_t max_size) {
  std::vector<WordTable::Word> words;
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.piece(id);
    // A text that occurs several times has its last id alone.
    if (is_short_word(text) && text.size() <= max_size && vocabulary.id_of(text) == id) {
      words.push_back({std::string(text), id});
    }
  }
  return words;
}

WordTable::WordTable(const std::vector<Word>& words) {
  slots_.resize(std::bit_ceil(2 * words.size() + 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
  for (const Word& w : words) {
    std::array<char, ShortWord::kReadBytes> padded{};
    std::ranges::copy(w.text, padded.begin());
    const ShortWord word(padded.data(), w.text.size(), 0);
    slots_[find(word.key(), home_of(word))] = {word.key(), w.id};
  }
}

}  // namespace bertft::tokenizer
