#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bertft {

/// What often stands in the place of a file that was meant, whatever its kind.
struct ForeignFile {
  enum class Kind { kWebPage, kLfsPointer, kArchive, kUtf16, kTable };
  Kind kind;
  std::string_view what;    // "a gzip archive"
  std::string_view advice;  // "unpack it first"
};

/// What to do with a table that holds data.
inline constexpr std::string_view kTableAdvice = "write JSON lines, as Dataset.to_json(FILE) does";

/// What to do where a model's directory is not there, or is the name that the hub has for it.
inline std::string fetch_advice(std::string_view directory = "DIR") {
  return "A model of the hub is fetched with: hf download OWNER/MODEL --local-dir " + std::string(directory);
}

/// Recognises it by its first bytes; none when they say nothing.
std::optional<ForeignFile> recognise_foreign_file(std::string_view bytes);

}  // namespace bertft
