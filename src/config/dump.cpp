#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>

#include "bertft/config/config.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {
namespace {

void emit_value(YAML::Emitter& out, const Field& field, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (std::holds_alternative<std::monostate>(value) &&
      (field.kind == Kind::kText || field.option.unset_name == "null")) {
    out << YAML::Null;
  } else {
    // The emitter leaves some control and non-ASCII characters bare that no reader keeps.
    const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
    if (text && !std::all_of(text->begin(), text->end(), is_plain)) out << YAML::DoubleQuoted;
    out << written(field, value);
  }
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
    out << YAML::Comment(origin == resolved.origins.end() ? "default" : origin->second);
  }
  out << YAML::EndMap << YAML::Newline;
  return out.c_str();
}

}  // namespace bertft::config
