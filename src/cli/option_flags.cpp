#include "cli/option_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

constexpr std::string_view kProbeMemory = "probe_memory";
constexpr const char* kOptionGroup = "";  // hidden in --help; `--help all` lists them

// Both spellings of a key, --max-seq-length and --max_seq_length, which may be the same.
std::set<std::string> spellings(const std::string& key) {
  return {config::flag_of(key), "--" + key};
}

std::string names_of(const std::string& key) {
  return fmt::format("{}", fmt::join(spellings(key), ","));
}

CLI::Option* hidden(CLI::Option* option) {
  return option->group(kOptionGroup)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// The keys that are flags. --probe-memory is a command of its own: it probes and ends.
std::vector<std::string> spelled_keys(const config::OptionInfo& option) {
  std::vector<std::string> keys = option.aliases;
  if (option.key != kProbeMemory) keys.insert(keys.begin(), option.key);
  return keys;
}

bool is_switch(const config::OptionInfo& option, const std::string& key) {
  return std::find(option.switches.begin(), option.switches.end(), key) != option.switches.end();
}

// --bf16 means true, --no-bf16 false; --bf16=false works too.
void add_switch(CLI::App& command, const std::string& key) {
  const std::set<std::string> off = key.starts_with("no_") ? std::set<std::string>{} : spellings("no_" + key);
  hidden(command.add_flag(fmt::format("{}{}{}", names_of(key), off.empty() ? "" : ",!", fmt::join(off, ",!"))));
}

CLI::Option* add_value(CLI::App& command, const std::string& key) {
  return hidden(command.add_option(names_of(key)))->allow_extra_args(false);
}

// Taken so that resolve() can say why it is no option here. A list takes the words behind it, but for those that a
// command has a place for.
void add_foreign_flag(CLI::App& command, const config::ForeignFlag& flag, bool has_other_words) {
  if (flag.is_switch) {
    add_switch(command, flag.key);
  } else if (flag.is_list && !has_other_words) {
    hidden(command.add_option(names_of(flag.key)))
        ->expected(1, CLI::detail::expected_max_vector_size)
        ->allow_extra_args();
  } else {
    add_value(command, flag.key);
  }
}

template <class Predicate>
std::set<std::string> foreign_flags_that(const Predicate& holds) {
  std::set<std::string> flags;
  for (const config::ForeignFlag& flag : config::list_foreign_flags()) {
    if (holds(flag)) flags.merge(spellings(flag.key));
  }
  return flags;
}

// The names of all flags that stand for keys: declared options, their other spellings, foreign keys.
std::set<std::string> names_of_keys() {
  std::set<std::string> names;
  const auto add = [&](const std::string& key) { names.merge(spellings(key)); };
  for (const config::OptionInfo& option : config::list_options()) {
    for (const std::string& key : spelled_keys(option)) add(key);
  }
  names.merge(foreign_flags());
  return names;
}

// What --help says of the flags that it does not list.
std::string footer(const std::vector<std::string>& groups) {
  if (groups.empty()) return "Every option of the configuration is a flag too: bert-finetune --help all";
  return fmt::format("Also flags: the options of these groups of bert-finetune --help all:\n  {}",
                     fmt::join(groups, ", "));
}

// `--probe-memory=auto`, with a value the option and not the command, as the setting that it is.
std::vector<std::string> spell_out_probe_memory(const std::vector<std::string>& args) {
  const std::set<std::string> probes = spellings(std::string(kProbeMemory));
  std::vector<std::string> spelled_out;
  for (const std::string& arg : args) {
    const auto equals = std::min(arg.find('='), arg.size());
    if (equals < arg.size() && probes.contains(arg.substr(0, equals))) {
      spelled_out.insert(spelled_out.end(), {"--set", std::string(kProbeMemory) + arg.substr(equals)});
    } else {
      spelled_out.push_back(arg);
    }
  }
  return spelled_out;
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
    if (!groups.empty() && std::find(groups.begin(), groups.end(), option.group) == groups.end()) continue;
    for (const std::string& key : spelled_keys(option)) {
      if (is_switch(option, key)) {
        add_switch(command, key);
      } else {
        add_value(command, key);
      }
    }
  }
  command.footer(footer(groups));
  for (const config::ForeignFlag& flag : config::list_foreign_flags()) {
    add_foreign_flag(command, flag, /*has_other_words=*/!groups.empty());
  }
}

std::set<std::string> flags_of(std::string_view key) {
  std::set<std::string> flags;
  for (const config::OptionInfo& option : config::list_options()) {
    if (option.key != key) continue;
    for (const std::string& spelled : spelled_keys(option)) flags.merge(spellings(spelled));
  }
  return flags;
}

bool looks_like_flag(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && word.find_first_of("0123456789.") != 1;
}

std::set<std::string> idle_flags() {
  return foreign_flags_that([](const config::ForeignFlag& flag) { return !flag.is_job; });
}

std::set<std::string> list_flags() {
  return foreign_flags_that([](const config::ForeignFlag& flag) { return flag.is_list; });
}

std::set<std::string> foreign_flags() {
  return foreign_flags_that([](const config::ForeignFlag&) { return true; });
}

std::set<std::string> switch_flags() {
  std::set<std::string> switches = foreign_flags_that([](const config::ForeignFlag& flag) { return flag.is_switch; });
  for (const config::OptionInfo& option : config::list_options()) {
    for (const std::string& key : option.switches) switches.merge(spellings(key));
  }
  return switches;
}

std::vector<std::string> join_switch_values(const std::vector<std::string>& args) {
  const std::set<std::string> switches = switch_flags(), probes = spellings(std::string(kProbeMemory));
  const auto takes = [&](const std::string& flag, const std::string& value) {
    return (probes.contains(flag) || switches.contains(flag)) && (config::is_boolean_word(value) || value == "auto");
  };
  std::vector<std::string> joined;
  for (const std::string& arg : args) {
    // To CLI11 that means true, or what stands next.
    if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
      const bool is_switch = switches.contains(arg.substr(0, arg.size() - 1));
      throw UsageError(fmt::format("'{}' lacks a value{}", printable(arg), is_switch ? ": true or false." : "."));
    }
    if (!joined.empty() && takes(joined.back(), arg)) {
      joined.back() += "=" + arg;
    } else {
      joined.push_back(arg);
    }
  }
  return spell_out_probe_memory(joined);
}

CLI::Option* add_path(CLI::App& command, const std::string& name, std::string& path, const std::string& description,
                      const std::string& type) {
  const auto refusal = [](const std::string& value) -> std::string {
    if (value.empty()) return "needs a value";
    return value.starts_with("~/") ? "'~' is not expanded; write the path out" : "";
  };
  return command.add_option(name, path, description)->type_name(type)->check(CLI::Validator(refusal, ""));
}

std::string key_of_flag(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::optional<std::string> flag_as_value(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty()) continue;
    for (const std::string& value : option->results()) {
      if (!value.starts_with("--")) continue;
      return fmt::format("--{} needs a value, got the flag '{}'.", option->get_lnames().front(), printable(value));
    }
  }
  return std::nullopt;
}

config::Sources sources_of(const CLI::App& command) {
  if (const auto fact = flag_as_value(command)) throw UsageError(*fact);
  config::Sources sources;
  sources.environment = config::environment_overrides();
  std::map<const CLI::Option*, std::size_t> next;  // parse_order() names an option once for each use
  std::size_t num_settings = 0;
  const std::set<std::string> keys = names_of_keys();
  for (const CLI::Option* option : command.parse_order()) {
    if (option->get_lnames().empty()) continue;  // a positional argument
    const std::string& name = option->get_lnames().front();
    const auto& results = option->results();
    const std::size_t index = next[option]++;
    const std::string value = index < results.size() ? results[index] : "";
    if (name == "config") {
      sources.files.push_back(value);
    } else if (name == "set") {
      sources.command_line.push_back(split_setting(value, ++num_settings));
    } else if (keys.contains("--" + name)) {
      const bool is_list = option->get_items_expected_max() > 1;  // its words are all of its results
      if (is_list && index > 0) continue;
      sources.command_line.push_back(
          {key_of_flag(name), is_list ? fmt::format("{}", fmt::join(results, " ")) : value, "--" + name});
    }
  }
  return sources;
}

}  // namespace bertft::cli
