#include "tokenizer/word_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

constexpr std::size_t kHalf = 8;
constexpr std::uint64_t kEach = 0x0101010101010101;
constexpr std::uint64_t kHighBits = 0x80 * kEach;
constexpr std::uint64_t kCaseBits = 0x20 * kEach;

// Compares eight bytes below 0x80 at once; the highest bit of each tells the outcome.
std::uint64_t within(std::uint64_t bytes, unsigned char first, unsigned char last) {
  const std::uint64_t low_bits = bytes & ~kHighBits;
  return (low_bits + kEach * (0x80u - first)) & ~(low_bits + kEach * (0x7Fu - last));
}

// Reads eight bytes; the letters and digits that they begin with go into `bytes`, zeros behind them.
std::size_t read_half(const char* text, bool lowercase, std::uint64_t& bytes) {
  std::memcpy(&bytes, text, sizeof bytes);
  const std::uint64_t ascii = ~bytes & kHighBits;
  const std::uint64_t letters = within(bytes | kCaseBits, 'a', 'z') & ascii;
  const std::uint64_t digits = within(bytes, '0', '9') & ascii;
  if (lowercase) bytes |= letters >> 2;  // 0x80 >> 2 is the bit of the case
  const std::size_t size = static_cast<std::size_t>(std::countr_zero(kHighBits & ~(letters | digits))) / 8;
  if (size < kHalf) bytes &= (std::uint64_t{1} << (8 * size)) - 1;
  return size;
}

bool is_ascii_punctuation(char c) {
  return static_cast<unsigned char>(c) < 0x80 &&
         (code_point_flags()[static_cast<unsigned char>(c)] & kPunctuation) != 0;
}

std::optional<ShortWord> as_short_word(std::string_view text) {
  if (text.size() == 1 && is_ascii_punctuation(text.front())) return ShortWord(text.front());
  if (text.empty() || text.size() > ShortWord::kMaxSize) return std::nullopt;
  std::array<char, ShortWord::kReadBytes> padded{};
  std::copy(text.begin(), text.end(), padded.begin());
  const ShortWord word(padded.data(), false);
  return word.size() == text.size() ? std::optional(word) : std::nullopt;
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

ShortWord ShortWord::read_scalar(const char* text, bool lowercase) {
  ShortWord word;
  word.key_.high = 0;
  word.size_ = read_half(text, lowercase, word.key_.low);
  if (word.size_ == kHalf) word.size_ += read_half(text + kHalf, lowercase, word.key_.high);
  return word;
}

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
