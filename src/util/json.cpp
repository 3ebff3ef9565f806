#include "bertft/util/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bertft/util/byte_order_mark.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"

namespace bertft {
namespace {

// Reads a text and publishes how far the parser has come, which nlohmann's SAX events do not say.
class TrackedBytes {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedBytes(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedBytes& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const TrackedBytes& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedBytes& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

[[noreturn]] void fail_at(std::string_view text, std::size_t offset, std::string_view name, std::string_view what,
                          std::string_view advice) {
  throw DataError(fmt::format("{}:{}: error: {}{}{}", printable(name), line_and_column(text, offset), what,
                              advice.empty() ? "" : ". ", advice));
}

// Builds the document while it refuses what nlohmann lets pass.
class StrictBuilder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  struct Refusal {
    std::size_t offset = 0;
    std::string what;
  };

  StrictBuilder(std::string_view text, const char** reached, const JsonLimits& limits)
      : text_(text), reached_(reached), limits_(limits) {}

  Json take_document() { return std::move(document_); }
  const Refusal& refusal() const { return refusal_; }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(number_integer_t value) { return add(value); }
  bool number_unsigned(number_unsigned_t value) { return add(value); }
  bool number_float(number_float_t value, const string_t&) { return add(value); }
  bool string(string_t& value) { return add(std::move(value)); }
  bool binary(binary_t&) { return false; }  // no such thing in a text

  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    if (!open_.back().keys.insert(name).second) {
      return refuse(key_begin(), fmt::format("duplicate key '{}'", printable(name)));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t bytes_read, const std::string&, const nlohmann::detail::exception& e) {
    // The parser has read the offending byte, or has stepped over the end.
    return refuse(std::min(bytes_read == 0 ? 0 : bytes_read - 1, text_.size()), syntax_fault(e));
  }

 private:
  struct Container {
    Json* value;
    std::unordered_set<std::string> keys;
  };

  std::size_t offset() const { return static_cast<std::size_t>(*reached_ - text_.data()); }

  // The opening quote of the key that was just read; a quote inside it follows a backslash.
  std::size_t key_begin() const {
    std::size_t quote = offset() - 1;
    do {
      quote = text_.rfind('"', quote - 1);
    } while (text_[quote - 1] == '\\');
    return quote;
  }

  bool refuse(std::size_t at, std::string what) {
    refusal_ = {at, std::move(what)};
    return false;
  }

  Json* place(Json&& value) {
    if (open_.empty()) {
      document_ = std::move(value);
      return &document_;
    }
    Json& parent = *open_.back().value;
    if (parent.is_array()) return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
    // The key is known to be new: ordered_map's own insertion looks through all.
    Json::object_t::Container& members = parent.get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (open_.size() == limits_.max_depth) {
      return refuse(offset() - 1, fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    open_.push_back({place(std::move(container)), {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const char** reached_;
  JsonLimits limits_;
  Json document_;
  std::vector<Container> open_;
  std::string key_;
  Refusal refusal_;
};

const Json* find_member(const Json& object, const char* key, std::string_view name) {
  if (!object.is_object())
    throw DataError(fmt::format("{}: expected an object with the key '{}'", printable(name), key));
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Python's float.__repr__: fmt takes the same shortest digits and the same bounds for exponents.
std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// A value for a message: numbers and literals as they are, the rest by kind.
std::string described(const Json& value) {
  if (value.is_number_float()) return python_float(value.get<double>());  // 1.0 is not 1
  if (value.is_number_integer()) return value.dump();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_string()) return fmt::format("the string '{}'", printable(value.get_ref<const std::string&>(), 60));
  return value.is_object() ? "an object" : "an array";
}

[[noreturn]] void fail_member(std::string_view name, const char* key, const Json& value, std::string_view expected) {
  throw DataError(fmt::format("{}: '{}' is {}; expected {}", printable(name), key, described(value), expected));
}

void append_python_string(std::string& out, std::string_view utf8) {
  constexpr std::string_view kNamed = "\"\\\n\r\t\f\b";
  constexpr std::string_view kNames = "\"\\nrtfb";
  out += '"';
  for (std::size_t pos = 0; pos < utf8.size();) {
    const char32_t c = next_code_point(utf8, pos);
    const std::size_t named = c < 0x80 ? kNamed.find(static_cast<char>(c)) : std::string_view::npos;
    if (named != std::string_view::npos) {
      out += '\\';
      out += kNames[named];
    } else if (c >= 0x20 && c < 0x7F) {
      out += static_cast<char>(c);
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      const auto above = static_cast<unsigned>(c) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF));
    }
  }
  out += '"';
}

class PythonPrinter {
 public:
  explicit PythonPrinter(int indent) : indent_(indent) {}

  std::string take() { return std::move(out_); }

  void print(const Json& value) {
    switch (value.type()) {
      case Json::value_t::object:
      case Json::value_t::array:
        return print_container(value);
      case Json::value_t::string:
        return append_python_string(out_, value.get_ref<const std::string&>());
      case Json::value_t::number_float:
        out_ += python_float(value.get<double>());
        return;
      case Json::value_t::number_integer:  // dump() asks for the locale at every number
        fmt::format_to(std::back_inserter(out_), "{}", value.get<std::int64_t>());
        return;
      case Json::value_t::number_unsigned:
        fmt::format_to(std::back_inserter(out_), "{}", value.get<std::uint64_t>());
        return;
      default:
        out_ += value.dump();
    }
  }

 private:
  void print_container(const Json& value) {
    out_ += value.is_object() ? '{' : '[';
    ++depth_;
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (it != value.begin()) out_ += indent_ < 0 ? ", " : ",";
      break_line();
      if (value.is_object()) {
        append_python_string(out_, it.key());
        out_ += ": ";
      }
      print(*it);
    }
    --depth_;
    if (!value.empty()) break_line();
    out_ += value.is_object() ? '}' : ']';
  }

  void break_line() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_) * depth_, ' ');
  }

  int indent_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw DataError(fmt::format("{}: {} bytes; at most {} are expected of this file", printable(name),
                                with_thousands(text.size()), with_thousands(limits.max_bytes)));
  }
  const std::size_t nul = text.find('\0');  // nlohmann takes it for the end
  if (nul != std::string_view::npos) {
    fail_at(text, nul, name, "a NUL byte, which JSON does not allow", syntax_hint(text, nul));
  }
  const char* reached = text.data();
  StrictBuilder builder(text, &reached, limits);
  const bool accepted =
      Json::sax_parse(TrackedBytes(text.data(), &reached), TrackedBytes(text.data() + text.size(), &reached), &builder);
  if (!accepted) {
    const auto& [offset, what] = builder.refusal();
    fail_at(text, offset, name, what, syntax_hint(text, offset));
  }
  return builder.take_document();
}

Json read_json(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path, limits);
}

std::string line_and_column(std::string_view text, std::size_t byte_offset) {
  const std::string_view before = text.substr(0, byte_offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  if (line_begin == 0 && before.starts_with(kByteOrderMark)) line_begin = kByteOrderMark.size();
  return fmt::format("{}:{}", line, 1 + count_code_points(before.substr(line_begin)));
}

std::optional<std::int64_t> integer_member(const Json& object, const char* key, std::string_view name) {
  const Json* value = find_member(object, key, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) fail_member(name, key, *value, "an integer");
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > kLargest) {
    fail_member(name, key, *value, "an integer below 2^63");
  }
  return value->get<std::int64_t>();
}

std::optional<double> number_member(const Json& object, const char* key, std::string_view name) {
  const Json* value = find_member(object, key, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) fail_member(name, key, *value, "a number");
  return value->get<double>();
}

std::optional<std::string> string_member(const Json& object, const char* key, std::string_view name) {
  const Json* value = find_member(object, key, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail_member(name, key, *value, "a string");
  return value->get<std::string>();
}

std::optional<bool> bool_member(const Json& object, const char* key, std::string_view name) {
  const Json* value = find_member(object, key, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) fail_member(name, key, *value, "true or false");
  return value->get<bool>();
}

std::string python_json(const Json& value, int indent) {
  PythonPrinter printer(indent);
  printer.print(value);
  return printer.take();
}

}  // namespace bertft
