#include "cli/option_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

constexpr std::string_view kProbeMemory = "probe_memory";
constexpr const char* kOptionGroup = "";  // hidden in --help; `--help all` lists them

// Both spellings, --max-seq-length and --max_seq_length.
std::string spellings(const std::string& key) {
  const std::string flag = config::flag_of(key);
  const std::string plain = "--" + key;
  return flag == plain ? flag : flag + "," + plain;
}

CLI::Option* hidden(CLI::Option* option) {
  return option->group(kOptionGroup)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_flag(CLI::App& command, const std::string& key, bool is_boolean) {
  if (is_boolean) {
    hidden(command.add_flag(spellings(key)));  // --bf16 means true; --bf16=false works too
  } else {
    hidden(command.add_option(spellings(key)))->allow_extra_args(false);
  }
}

// "key=value" of a --set argument.
config::Override split_setting(const std::string& setting, std::size_t number) {
  const auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(
        fmt::format("--set needs key=value, got '{}'. Example: --set learning_rate=3e-5", printable(setting)));
  }
  return {setting.substr(0, equals), setting.substr(equals + 1), fmt::format("--set, argument {}", number)};
}

}  // namespace

void add_option_flags(CLI::App& command, const std::vector<std::string>& groups) {
  command.add_option("-c,--config", "YAML file with options; a later one wins")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--set", "one option; beats files and environment")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (const config::OptionInfo& option : config::list_options()) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) continue;
    if (option.key == kProbeMemory) continue;  // --probe-memory probes and ends; see train_command.cpp
    add_flag(command, option.key, option.is_boolean);
    for (const std::string& alias : option.aliases) add_flag(command, alias, option.is_boolean);
  }
  // Taken with or without a value, so that resolve() can say why they are not options here.
  for (const std::string& key : config::list_foreign_keys()) hidden(command.add_option(spellings(key)))->expected(0, 1);
}

config::Sources sources_of(const CLI::App& command) {
  config::Sources sources;
  sources.environment = config::environment_overrides();
  std::map<const CLI::Option*, std::size_t> next;  // parse_order() names an option once for each use
  std::size_t num_settings = 0;
  for (const CLI::Option* option : command.parse_order()) {
    if (option->get_lnames().empty()) continue;  // a positional argument
    const std::string& name = option->get_lnames().front();
    const auto& results = option->results();
    const std::size_t index = next[option]++;
    const std::string value = index < results.size() ? results[index] : "";
    if (value.starts_with("--")) {
      throw UsageError(fmt::format("--{} needs a value, got the flag '{}'.", name, printable(value)));
    }
    if (name == "config") {
      sources.files.push_back(value);
    } else if (name == "set") {
      sources.command_line.push_back(split_setting(value, ++num_settings));
    } else if (option->get_group() == kOptionGroup) {
      std::string key = name;
      std::replace(key.begin(), key.end(), '-', '_');
      sources.command_line.push_back(
          {key, value.empty() && option->get_items_expected_min() == 0 ? "true" : value, "--" + name});
    }
  }
  return sources;
}

config::Resolved resolve_and_tell(const config::Sources& sources) {
  config::Resolved resolved = config::resolve(sources);
  for (const std::string& notice : resolved.notices) log::info(notice);
  return resolved;
}

}  // namespace bertft::cli
