#include "tokenizer/unigram_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "bertft/util/text.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/text_encoding.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

constexpr std::string_view kWordBegin = "\u2581";  // stands for the space before a word
constexpr char32_t kWordBeginChar = 0x2581;

bool is_ascii_space(char c) {
  return c == ' ' || ('\t' <= c && c <= '\r');
}

bool is_plain(char c) {
  return '!' <= c && c <= '~';
}

// A doubled ` or ' is one quotation mark.
bool is_quote_pair(std::string_view text, std::size_t at) {
  return at + 1 < text.size() && text[at] == text[at + 1] && (text[at] == '`' || text[at] == '\'');
}

}  // namespace

// One call of encode(). Words of ASCII are lower-cased as they stand; everything else goes, up to
// the next white space of ASCII, through AlignedText. Nothing that normalization does reaches over it.
class UnigramTokenizer::Encoding final : public NormalizingEncoding {
 public:
  Encoding(const UnigramTokenizer& tokenizer, std::string_view text, std::vector<Token>& out)
      : NormalizingEncoding(tokenizer.added_tokens_, text, out), tokenizer_(tokenizer) {}

 private:
  void encode_until(std::size_t end) override {
    while (pos_ < end) {
      if (tokenizer_.charsmap_leaves_ascii_) {
        if (skip_space(end) || encode_plain_word(end)) continue;
      }
      encode_stretch(end);
    }
  }

  bool skip_space(std::size_t end) {
    const std::size_t begin = pos_;
    while (pos_ < end && is_ascii_space(text_[pos_])) ++pos_;
    char_idx_ += static_cast<std::uint32_t>(pos_ - begin);
    return pos_ > begin;
  }

  bool is_merged(std::string_view text, std::size_t at) const {
    return tokenizer_.rules_.merges_quotes && is_quote_pair(text, at);
  }

  // A word of visible ASCII, each character of which stays one.
  bool encode_plain_word(std::size_t end) {
    std::size_t word_end = pos_;
    while (word_end < end && is_plain(text_[word_end]) && !is_merged(text_.substr(0, end), word_end)) ++word_end;
    if (word_end < end && !is_ascii_space(text_[word_end])) return false;
    word_.assign(kWordBegin);
    word_ += text_.substr(pos_, word_end - pos_);
    if (tokenizer_.rules_.lowercase) {
      for (char& c : word_) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    append_word([&](std::size_t begin, std::size_t last) {
      const auto shift = [](std::size_t at) {
        return static_cast<std::uint32_t>(at - std::min(at, kWordBegin.size()));
      };
      return Token{0, char_idx_ + shift(begin), char_idx_ + shift(last) + 1};
    });
    char_idx_ += static_cast<std::uint32_t>(word_end - pos_);
    pos_ = word_end;
    return true;
  }

  // From here to the next white space of ASCII, or to the end.
  void encode_stretch(std::size_t end) {
    std::size_t stretch_end = pos_;
    while (stretch_end < end && !(tokenizer_.charsmap_leaves_ascii_ && is_ascii_space(text_[stretch_end]))) {
      ++stretch_end;
    }
    encode_normalized(normalize_until(stretch_end));
  }

  std::span<const AlignedText::Char> normalize_until(std::size_t end) override {
    stretch_.clear();
    const std::string_view text = text_.substr(0, end);
    while (pos_ < end) {
      const bool is_quote = is_merged(text, pos_);
      if (is_quote) {  // has the place of its second half
        ++pos_;
        ++char_idx_;
      }
      std::size_t next = pos_;
      const char32_t code_point = next_code_point(text, next);
      stretch_.append(is_quote ? U'"' : code_point, char_idx_);
      ++char_idx_;
      pos_ = next;
    }
    if (tokenizer_.rules_.strips_accents) stretch_.strip_compatibly();
    if (tokenizer_.rules_.lowercase) stretch_.lower_case();
    if (tokenizer_.charsmap_.is_empty()) return stretch_.chars();
    tokenizer_.charsmap_.apply(stretch_.chars(), replaced_);
    return replaced_;
  }

  // U+2581 begins a word wherever it stands.
  void encode_normalized(std::span<const AlignedText::Char> chars) override {
    clear_word();
    for (const AlignedText::Char& c : chars) {
      if (is_white_space(c.code_point) || c.code_point == kWordBeginChar) append_aligned_word();
      if (is_white_space(c.code_point)) continue;
      if (word_.empty() && c.code_point != kWordBeginChar) append_char(kWordBeginChar, c.source);
      append_char(c.code_point, c.source);
    }
    append_aligned_word();
  }

  void clear_word() {
    word_.clear();
    source_of_byte_.clear();
  }

  void append_char(char32_t code_point, std::uint32_t source) {
    append_utf8(word_, code_point);
    source_of_byte_.resize(word_.size(), source);
  }

  void append_aligned_word() {
    if (word_.empty()) return;
    append_word([&](std::size_t begin, std::size_t last) {
      return Token{0, source_of_byte_[begin], source_of_byte_[last] + 1};
    });
    clear_word();
  }

  // Appends the pieces of word_. `place_of` says where the bytes from the first to the last of a
  // piece came from.
  template <class PlaceOf>
  void append_word(PlaceOf&& place_of) {
    const std::uint32_t unk = tokenizer_.special_ids_.unk;
    const std::size_t num_tokens = out_.size();
    tokenizer_.unigram_.split(word_, pieces_);
    std::size_t begin = 0;
    for (const std::string& piece : pieces_) {
      Token token = place_of(begin, begin + piece.size() - 1);
      token.id = tokenizer_.vocabulary_.id_of(piece).value_or(unk);
      begin += piece.size();
      // A "<unk>" that stands in the text joins what is unknown beside it.
      if (token.id == unk && out_.size() > num_tokens && out_.back().id == unk) {
        token.char_begin = out_.back().char_begin;
        out_.pop_back();
      }
      out_.push_back(token);
    }
  }

  const UnigramTokenizer& tokenizer_;
  AlignedText stretch_;
  std::vector<AlignedText::Char> replaced_;
  std::string word_;                           // normalized, with U+2581 in front
  std::vector<std::uint32_t> source_of_byte_;  // the code points that the bytes of word_ came from
  std::vector<std::string> pieces_;
};

UnigramTokenizer::UnigramTokenizer(UnigramModel model)
    : VocabularyTokenizer(std::move(model.vocabulary), std::move(model.added_tokens), model.special_ids,
                          std::move(model.remarks)),
      unigram_(std::move(model.unigram)),
      charsmap_(std::move(model.charsmap)),
      rules_(model.rules),
      charsmap_leaves_ascii_(leaves_ascii_alone()) {
  added_tokens_.normalize([this](std::string_view content) {
    std::vector<Token> none;
    return Encoding(*this, content, none).normalized();
  });
}

// As far as words of it are concerned: each of them can then be split by itself.
bool UnigramTokenizer::leaves_ascii_alone() const {
  for (char c = '\t'; c <= '~'; ++c) {
    if (!is_plain(c) && !is_ascii_space(c)) continue;
    const auto replacement = charsmap_.replacement({&c, 1});
    const bool stays_space = c != ' ' && is_ascii_space(c) && replacement == " ";
    if (replacement && !stays_space) return false;
  }
  return true;
}

void UnigramTokenizer::encode(std::string_view text, std::vector<Token>& out) const {
  Encoding(*this, text, out).run();
}

std::string UnigramTokenizer::description() const {
  std::string line = fmt::format("SentencePiece Unigram, {} pieces, {}", with_thousands(vocabulary_size()),
                                 rules_.lowercase ? "lower case" : "cased");
  if (!rules_.strips_accents) line += ", accents kept";
  return with_remarks(std::move(line));
}

}  // namespace bertft::tokenizer
