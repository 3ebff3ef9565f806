#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "tokenizer/byte_level_tokenizer.h"

namespace bertft::tokenizer {

/// Bytes as the characters that stand for them.
inline std::string byte_chars(std::string_view bytes) {
  std::string chars;
  for (const char byte : bytes) append_utf8(chars, char_of_byte(static_cast<unsigned char>(byte)));
  return chars;
}

using ByteMerge = std::pair<std::string, std::string>;  // in bytes

/// What a small byte-level tokenizer is made of: special tokens 0 to 4, the 256 bytes from 5 on, then what `merges`
/// make.
struct SmallByteLevel {
  std::vector<std::string> pieces;
  std::vector<ByteMerge> merges;

  explicit SmallByteLevel(std::vector<ByteMerge> chosen) : merges(std::move(chosen)) {
    pieces = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
    for (int byte = 0; byte < 256; ++byte) pieces.push_back(byte_chars(std::string(1, static_cast<char>(byte))));
    for (const auto& [left, right] : merges) pieces.push_back(byte_chars(left + right));
  }

  std::uint32_t id_of(std::string_view bytes) const {
    const std::string chars = byte_chars(bytes);
    return static_cast<std::uint32_t>(std::find(pieces.begin(), pieces.end(), chars) - pieces.begin());
  }

  std::array<std::uint32_t, 256> ids_of_bytes() const {
    std::array<std::uint32_t, 256> ids;
    for (std::uint32_t byte = 0; byte < ids.size(); ++byte) ids[byte] = 5 + byte;
    return ids;
  }

  std::vector<BytePairs::Merge> merges_by_id() const {
    std::vector<BytePairs::Merge> result;
    for (const auto& [left, right] : merges) result.push_back({id_of(left), id_of(right), id_of(left + right)});
    return result;
  }

  Vocabulary vocabulary() const {
    std::vector<Vocabulary::Piece> list;
    for (const std::string& piece : pieces) list.push_back({piece, static_cast<std::uint32_t>(list.size())});
    return Vocabulary(std::move(list), "");
  }

  ByteLevelTokenizer tokenizer(std::vector<AddedToken> added_tokens = {}) const {
    return ByteLevelTokenizer({.vocabulary = vocabulary(),
                               .pairs = BytePairs(ids_of_bytes(), merges_by_id()),
                               .added_tokens = std::move(added_tokens),
                               .special_ids = {.cls = 0, .sep = 2, .unk = 3}});
  }

  Json vocab_json() const {
    Json vocab = Json::object();
    for (std::size_t id = 0; id < pieces.size(); ++id) vocab[pieces[id]] = id;
    return vocab;
  }

  std::string merges_txt() const {
    std::string text = "#version: 0.2\n";
    for (const auto& [left, right] : merges) text += byte_chars(left) + " " + byte_chars(right) + "\n";
    return text;
  }

  Json tokenizer_json() const {
    Json list = Json::array();
    for (const auto& [left, right] : merges) list.push_back({byte_chars(left), byte_chars(right)});
    return {{"added_tokens", Json::array()},
            {"normalizer", nullptr},
            {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
            {"post_processor",
             {{"type", "RobertaProcessing"},
              {"sep", {"</s>", 2}},
              {"cls", {"<s>", 0}},
              {"trim_offsets", true},
              {"add_prefix_space", false}}},
            {"model", {{"type", "BPE"}, {"vocab", vocab_json()}, {"merges", list}}}};
  }
};

/// With some words of English.
inline SmallByteLevel small_byte_level() {
  return SmallByteLevel(
      std::vector<ByteMerge>{{"t", "h"}, {"th", "e"}, {" ", "the"}, {" ", "c"}, {"a", "t"}, {" c", "at"}, {"'", "s"}});
}

}  // namespace bertft::tokenizer
