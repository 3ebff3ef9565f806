#include "tokenizer/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bertft/util/error.h"
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

std::size_t skip_space_backwards(std::string_view text, std::size_t pos) {
  while (pos > 0) {
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
    if (!tokens_[i].in_normalized) entries.emplace_back(tokens_[i].content, i);
  }
  verbatim_ = spellings(std::move(entries));
}

void AddedTokens::normalize(const std::function<std::string(std::string_view)>& normalized) {
  std::map<std::string, std::uint32_t> index_of;  // of several tokens that come out the same the first
  for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
    if (!tokens_[i].in_normalized) continue;
    std::string spelling = normalized(tokens_[i].content);
    if (spelling.empty()) {
      throw ConfigError(
          fmt::format("the added token '{}' is looked for in normalized text, where nothing is left of it.\n"
                      "Take it out of the tokenizer's files, or set its \"normalized\" to false there.",
                      printable(tokens_[i].content)));
    }
    index_of.try_emplace(std::move(spelling), i);
  }
  normalized_ = spellings({index_of.begin(), index_of.end()});
}

AddedTokens::Spellings AddedTokens::spellings(std::vector<DoubleArray::Entry> entries) {
  Spellings result;
  for (const auto& [spelling, index] : entries) {
    if (result.first_bytes.find(spelling.front()) == std::string::npos) result.first_bytes += spelling.front();
  }
  std::sort(entries.begin(), entries.end());
  result.trie = DoubleArray(entries);
  return result;
}

// Nearly always one byte, '[', for which the library has a fast search; npos when there is none.
std::size_t AddedTokens::Spellings::find_first_byte(std::string_view text, std::size_t from) const {
  return first_bytes.size() == 1 ? text.find(first_bytes.front(), from) : text.find_first_of(first_bytes, from);
}

std::optional<AddedTokens::Match> AddedTokens::find(const Spellings& spellings, std::string_view text,
                                                    const Match& before) const {
  for (std::size_t at = spellings.find_first_byte(text, before.content_end); at < text.size();
       at = spellings.find_first_byte(text, at + 1)) {
    const DoubleArray::Match found = spellings.trie.longest_match(DoubleArray::kRoot, text.substr(at));
    if (found.size == 0) continue;
    const AddedToken& token = tokens_[found.value];
    const std::size_t end = at + found.size;
    return Match{.id = token.id,
                 .begin = token.takes_space_left ? std::max(before.end, skip_space_backwards(text, at)) : at,
                 .end = token.takes_space_right ? skip_space_forwards(text, end) : end,
                 .content_end = end};
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
