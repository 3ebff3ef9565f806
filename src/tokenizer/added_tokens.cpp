#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "bertft/util/text.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

std::size_t skip_space_forwards(std::string_view text, std::size_t pos) {
  while (pos < text.size()) {
    std::size_t next = pos;
    if (!is_white_space(next_code_point(text, next))) break;
    pos = next;
  }
  return pos;
}

std::size_t skip_space_backwards(std::string_view text, std::size_t pos, std::size_t stop) {
  while (pos > stop) {
    std::size_t begin = pos - 1;
    while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    std::size_t next = begin;
    if (!is_white_space(next_code_point(text, next))) break;
    pos = begin;
  }
  return pos;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::vector<DoubleArray::Entry> entries;
  for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
    entries.emplace_back(tokens_[i].content, i);
    const char first = tokens_[i].content.front();
    if (first_bytes_.find(first) == std::string::npos) first_bytes_ += first;
  }
  std::sort(entries.begin(), entries.end());
  trie_ = DoubleArray(entries);
}

// Nearly always one byte, '[', for which the library has a fast search; npos when there is none.
std::size_t AddedTokens::find_first_byte(std::string_view text, std::size_t from) const {
  return first_bytes_.size() == 1 ? text.find(first_bytes_.front(), from) : text.find_first_of(first_bytes_, from);
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t at = find_first_byte(text, from); at < text.size(); at = find_first_byte(text, at + 1)) {
    const DoubleArray::Match found = trie_.longest_match(DoubleArray::kRoot, text.substr(at));
    if (found.size == 0) continue;
    const AddedToken& token = tokens_[found.value];
    const std::size_t end = at + found.size;
    return Match{.id = token.id,
                 .begin = token.takes_space_left ? skip_space_backwards(text, at, from) : at,
                 .end = token.takes_space_right ? skip_space_forwards(text, end) : end};
  }
  return std::nullopt;
}

std::string_view AddedTokens::content(std::uint32_t id) const {
  const auto token = std::find_if(tokens_.begin(), tokens_.end(), [&](const AddedToken& t) { return t.id == id; });
  return token == tokens_.end() ? std::string_view() : std::string_view(token->content);
}

std::size_t AddedTokens::size_with(std::size_t size) const {
  for (const AddedToken& token : tokens_) size = std::max(size, token.id + std::size_t{1});
  return size;
}

}  // namespace bertft::tokenizer
