#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "bertft/config/config.h"
#include "bertft/util/text.h"
#include "config/foreign_keys.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {
namespace {

std::string type_name(const Field& field) {
  switch (field.kind) {
    case Kind::kBool:
      return "boolean";
    case Kind::kInteger:
      return "integer";
    case Kind::kNumber:
      return "number";
    case Kind::kName:
      return "name";
    case Kind::kText:
      return field.option.is_path ? "path" : field.option.is_memory_amount ? "amount" : "text";
  }
  return "";
}

std::string placeholder(const OptionInfo& option) {
  if (option.type == "boolean") return "";
  if (option.type == "integer") return " N";
  if (option.type == "number") return " X";
  if (option.type == "amount") return " AMOUNT";
  return option.type == "path" ? " PATH" : option.type == "name" ? " NAME" : " TEXT";
}

/// The facts behind the help text: "(>= 8; default 384 tokens; also max_length)".
std::string facts(const OptionInfo& option) {
  std::vector<std::string> parts;
  const bool default_is_number = option.default_value.find_first_of("0123456789") == 0;
  if (!option.range.empty()) parts.push_back(option.range);
  if (!option.unit.empty() && !default_is_number) parts.push_back(option.unit);
  parts.push_back("default " + option.default_value);
  if (!option.unit.empty() && default_is_number) parts.back() += " " + option.unit;
  if (!option.aliases.empty()) parts.push_back(fmt::format("also {}", fmt::join(option.aliases, ", ")));
  return fmt::format("({})", fmt::join(parts, "; "));
}

}  // namespace

std::vector<OptionInfo> list_options() {
  Options defaults;
  std::vector<OptionInfo> infos;
  for (const Field& field : fields_of(defaults)) {
    const Option& option = field.option;
    OptionInfo info{.group = std::string(field.group),
                    .key = std::string(field.key),
                    .type = type_name(field),
                    .default_value = written(field, field.get()),
                    .unit = std::string(option.unit),
                    .range = option.is_memory_amount ? "" : short_range(field),
                    .unset_name = std::string(field.is_optional ? option.unset_name : ""),
                    .help = std::string(option.help),
                    .aliases = {option.aliases.begin(), option.aliases.end()},
                    .switches = {}};
    if (field.kind == Kind::kBool) {
      info.switches = info.aliases;
      info.switches.push_back(info.key);
    }
    for (const TranslatedKey& old : translated_keys()) {
      if (old.replaced_by != field.key) continue;
      info.aliases.emplace_back(old.key);
      if (old.expected == kTrueOrFalse) info.switches.emplace_back(old.key);
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

bool is_boolean_word(std::string_view word) {
  return read_bool(word).has_value();
}

bool is_flag(std::string_view origin) {
  return origin.starts_with("--");
}

std::string flag_of(std::string_view key) {
  std::string flag = "--" + std::string(key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string help_for_options() {
  constexpr std::size_t kIndent = 28;
  std::string out;
  std::string group;
  for (const OptionInfo& option : list_options()) {
    if (option.group != group) {
      out += fmt::format("{}{}:\n", group.empty() ? "" : "\n", option.group);
      group = option.group;
    }
    const std::string flag = "  " + flag_of(option.key) + placeholder(option);
    out += flag.size() + 2 > kIndent ? flag + "\n" + std::string(kIndent, ' ') : fmt::format("{:<{}}", flag, kIndent);
    out += wrapped(option.help + " " + facts(option), kIndent, kIndent) + "\n";
  }
  return out;
}

}  // namespace bertft::config
