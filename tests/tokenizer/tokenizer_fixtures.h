#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/text.h"
#include "message_of.h"
#include "temporary_directory.h"

namespace bertft::tokenizer {

/// Expects load_tokenizer() to refuse the directory with a message that holds `message`.
template <class Error>
void expect_refusal(const TemporaryDirectory& model, const std::string& message) {
  EXPECT_THAT(message_of<Error>([&] { load_tokenizer(model.path()); }), testing::HasSubstr(message));
}

inline std::vector<std::uint32_t> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  std::vector<std::uint32_t> ids;
  for (const Token& token : tokens) ids.push_back(token.id);
  return ids;
}

/// The text that a token covers.
inline std::string_view covered(std::string_view text, const Token& token) {
  const std::size_t begin = byte_offset_of(text, token.char_begin);
  return text.substr(begin, byte_offset_of(text, token.char_end) - begin);
}

}  // namespace bertft::tokenizer
