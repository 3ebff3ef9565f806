#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>

#include "bertft/config/config.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {
namespace {

// Python's YAML takes 5e-05 for a text: a number has a point there.
std::string with_point(std::string number) {
  const std::size_t e = number.find('e');
  if (e != std::string::npos && number.find('.') == std::string::npos) number.insert(e, ".0");
  return number;
}

// Whether a reader would take the text, bare, for something else, or not keep it: to Python's YAML 0x10, 1:30 and
// 2020-01-01 are no texts, and the emitter leaves some control and non-ASCII characters bare.
bool needs_quotes(const std::string& text) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
  constexpr const char* kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const bool is_word_or_path =
      text.find_first_of(kLetters) == 0 || text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
  return !is_word_or_path || read_bool(text) || read_number(text) || !std::ranges::all_of(text, is_plain);
}

void emit_value(YAML::Emitter& out, const Field& field, const Value& value) {
  if (std::holds_alternative<std::monostate>(value) &&
      (field.kind == Kind::kText || field.option.unset_name == "null")) {
    out << YAML::Null;
    return;
  }
  const std::string text = written(field, value);
  const bool is_text = std::holds_alternative<std::string>(value) || std::holds_alternative<std::monostate>(value);
  if (is_text && !field.option.is_memory_amount && needs_quotes(text)) out << YAML::DoubleQuoted;
  out << (std::holds_alternative<double>(value) ? with_point(text) : text);
}

}  // namespace

std::string to_yaml(const Resolved& resolved) {
  Options options = resolved.options;
  YAML::Emitter out;
  out.SetNullFormat(YAML::LowerNull);
  out << YAML::Comment("bert-finetune: the resolved configuration, with the origin of each value.") << YAML::Newline
      << YAML::Comment("Read it again with --config.") << YAML::BeginMap;
  std::string_view group;
  for (const Field& field : fields_of(options)) {
    if (field.group != group) {
      group = field.group;
      out << YAML::Newline << YAML::Newline << YAML::Comment(std::string(group));
    }
    out << YAML::Key << std::string(field.key) << YAML::Value;
    emit_value(out, field, field.get());
    const auto origin = resolved.origins.find(field.key);
    out << YAML::Comment(origin == resolved.origins.end() ? std::string(kDefaultOrigin) : origin->second);
  }
  out << YAML::EndMap << YAML::Newline;
  return out.c_str();
}

}  // namespace bertft::config
