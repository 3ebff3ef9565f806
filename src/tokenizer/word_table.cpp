#include "tokenizer/word_table.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace bertft::tokenizer {
namespace {

bool is_letter_or_digit(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9');
}

// Of letters and digits, or a single other character that is visible.
std::optional<ShortWord> as_short_word(std::string_view text) {
  if (text.empty() || text.size() > ShortWord::kMaxSize) return std::nullopt;
  const bool is_word = std::all_of(text.begin(), text.end(), is_letter_or_digit);
  const bool is_alone = text.size() == 1 && '!' <= text.front() && text.front() <= '~';
  if (!is_word && !is_alone) return std::nullopt;
  std::array<char, ShortWord::kReadBytes> padded{};
  std::copy(text.begin(), text.end(), padded.begin());
  return ShortWord(padded.data(), text.size(), 0);
}

struct WordId {
  ShortWord word;
  std::uint32_t id;
  bool fits_half() const { return word.key().high == 0; }
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
  const auto num_halves = static_cast<std::size_t>(
      std::count_if(words.begin(), words.end(), [](const WordId& w) { return w.fits_half(); }));
  halves_ = Slots<HalfKey>(num_halves);
  wholes_ = Slots<ShortWord::Key>(words.size() - num_halves);
  for (const WordId& w : words) {
    if (w.fits_half()) {
      halves_.insert({w.word.key().low}, w.id);
    } else {
      wholes_.insert(w.word.key(), w.id);
    }
  }
}

}  // namespace bertft::tokenizer
