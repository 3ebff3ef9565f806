#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace bertft {

using Json = nlohmann::ordered_json;

/// What parse_json refuses beyond malformed JSON.
struct JsonLimits {
  std::size_t max_depth = 64;
  std::size_t max_bytes = std::size_t{64} << 20;
};

/// Parses a document strictly: no NUL, no bytes after it, no duplicate keys, bounded depth.
/// A UTF-8 byte-order mark is skipped.
/// throws DataError "<name>:LINE:COL: error: ..." with what stands there
Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});

/// The document of a file, read no further than the limit. throws as read_file and parse_json
Json read_json(const std::string& path, const JsonLimits& limits = {});

/// "LINE:COL" (from 1) of a byte offset, columns in code points.
std::string line_and_column(std::string_view text, std::size_t byte_offset);

/// What nlohmann's parser found wrong, without its numbering, its own place and the text it stood
/// in, which may be long: "invalid literal; expected '['".
std::string syntax_fault(const nlohmann::detail::exception& error);

/// What the bytes at a syntax error look like, as a sentence, where they look like something known:
/// a foreign file, a Python dict, JSON lines. Empty when not.
std::string syntax_hint(std::string_view text, std::size_t offset);

/// An integer member, checked for type and range; nullopt when the key is absent or null.
/// throws DataError naming `name` and the key
std::optional<std::int64_t> integer_member(const Json& object, const char* key, std::string_view name);
std::optional<double> number_member(const Json& object, const char* key, std::string_view name);
std::optional<std::string> string_member(const Json& object, const char* key, std::string_view name);
std::optional<bool> bool_member(const Json& object, const char* key, std::string_view name);

/// null without a value.
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// As Python's json.dumps(indent=n, ensure_ascii=True) prints it: floats as shortest
/// round-trip with repr's exponents, so that files can be compared byte by byte.
std::string python_json(const Json& value, int indent);

}  // namespace bertft
