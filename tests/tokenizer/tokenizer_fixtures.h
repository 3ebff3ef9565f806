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

namespace bertft::tokenizer {

/// The folder of the large real data set, when there is one.
inline std::optional<std::string> data_directory() {
  const char* directory = std::getenv("BERTFT_DATA_DIR");
  if (directory == nullptr || *directory == '\0') return std::nullopt;
  return directory;
}

/// A model directory that lives as long as the object.
class TemporaryModel {
 public:
  TemporaryModel() {
    std::string name = (std::filesystem::temp_directory_path() / "bertft-tokenizer-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
  }
  ~TemporaryModel() { std::filesystem::remove_all(directory_); }
  TemporaryModel(const TemporaryModel&) = delete;
  TemporaryModel& operator=(const TemporaryModel&) = delete;

  std::string directory() const { return directory_.string(); }
  std::filesystem::path path(const std::string& file) const { return directory_ / file; }
  void write(const std::string& file, std::string_view content) const {
    std::ofstream(path(file), std::ios::binary) << content;
  }

 private:
  std::filesystem::path directory_;
};

/// Expects load_tokenizer() to refuse the directory with a message that holds `message`.
template <class Error>
void expect_refusal(const TemporaryModel& model, const std::string& message) {
  try {
    load_tokenizer(model.directory());
    FAIL() << "was accepted";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr(message));
  }
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
