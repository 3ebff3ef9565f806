#include "cli/usage_errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "bertft/config/config.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/option_flags.h"

namespace bertft::cli {
namespace {

// What goes behind a message on `word`, which stands where nothing belongs; "" where it is no file: run_qa.py takes
// its arguments from one, eval and predict have data to name.
std::string hint_at_flag(const std::string& word, std::string_view command) {
  const bool is_yaml = word.ends_with(".yaml") || word.ends_with(".yml");
  if (!is_yaml && !word.ends_with(".json") && !word.ends_with(".jsonl")) return "";
  const bool takes_data = command == "eval" || command == "predict";
  if (!is_yaml && !takes_data && command != "train") return "";
  return fmt::format("; did you mean '{} {}'?", takes_data && !is_yaml ? "--data" : "--config", printable(word));
}

// The command that was being parsed, and its name as the user typed it.
std::pair<const CLI::App*, std::string> innermost(const CLI::App& app) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  return {command, name};
}

// What stands in a command's help for a flag that is known from elsewhere, from run_qa.py above all.
std::optional<std::string> other_name(const CLI::App& command, std::string flag) {
  static const std::vector<std::pair<std::string_view, std::string>> kNames = {
      {"--batch-size", "--per-device-eval-batch-size"},
      {"--context", "--context-file"},
      {"--data", "FILE"},
      {"--model", "RUN_DIR"},
      {"--model-name-or-path", "RUN_DIR"},
      {"--model-name-or-path", "--model"},
      {"--output-dir", "--save-predictions"},
      {"--output-dir", "--save-to"},
      {"--predict-file", "--data"},
  };
  std::replace(flag.begin(), flag.end(), '_', '-');
  for (const auto& [name, here] : kNames) {
    if (flag == name && command.get_option_no_throw(here) != nullptr) return here;
  }
  const auto meant = config::key_meant_by(key_of_flag(flag.substr(std::min<std::size_t>(2, flag.size()))));
  if (!meant || command.get_option_no_throw(config::flag_of(*meant)) == nullptr) return std::nullopt;
  return config::flag_of(*meant);
}

// The one flag that begins so, whichever way both are spelled.
std::optional<std::string> flag_cut_short(const std::string& name, const std::vector<std::string>& flags) {
  constexpr std::size_t kLeastBytes = 6;  // "--" and four letters
  if (name.size() < kLeastBytes) return std::nullopt;
  std::set<std::string> keys;
  for (const std::string& flag : flags) keys.insert(key_of_flag(flag.substr(2)));
  const auto only = only_one_beginning_with(key_of_flag(name.substr(2)), {keys.begin(), keys.end()});
  return only ? std::optional(config::flag_of(*only)) : std::nullopt;
}

// "--seed", of a command that does not have it.
bool is_option(const std::string& flag) {
  if (!flag.starts_with("--")) return false;
  const std::string key = key_of_flag(flag.substr(2));
  return std::ranges::any_of(config::list_options(), [&](const config::OptionInfo& option) {
    return option.key == key || std::ranges::count(option.aliases, key) > 0;
  });
}

// "unknown flag '--learing-rate'; did you mean '--learning-rate'?"
std::string describe_unknown_flag(const CLI::App& command, const std::string& name_of_command,
                                  const std::string& flag) {
  const std::string name = flag.substr(0, flag.find('='));
  std::optional<std::string> meant = other_name(command, name);
  if (!meant && is_option(name)) {
    return fmt::format("'{}' is an option that {} does not go by.", printable(name), name_of_command);
  }
  if (!meant) {
    const std::set<std::string> foreign = foreign_flags();
    std::vector<std::string> flags;
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& known : option->get_lnames()) {
        if (!foreign.contains("--" + known)) flags.push_back("--" + known);
      }
    }
    meant = nearest(name, {flags.begin(), flags.end()});
    if (!meant) meant = flag_cut_short(name, flags);
  }
  return fmt::format("unknown flag '{}'{}", printable(flag), meant ? fmt::format("; did you mean '{}'?", *meant) : ".");
}

// Of the arguments without a place those that are meant as flags, a line each.
std::string describe_unknown_flags(const CLI::App& command, const std::string& name_of_command,
                                   const std::vector<std::string>& unexpected) {
  std::vector<std::string> lines;
  for (const std::string& argument : unexpected) {
    if (argument != "-" && !looks_like_flag(argument)) continue;
    lines.push_back(describe_unknown_flag(command, name_of_command, argument));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> names_of_commands(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* inner : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(inner->get_name());
  }
  return names;
}

// "unknown command 'data chek'; did you mean 'check'? Commands: check, features."
std::string describe_missing_command(const CLI::App& command, const std::vector<std::string>& names) {
  const std::vector<std::string> rest = command.remaining();
  const std::string typed = command.get_name() + (rest.empty() ? "" : " " + rest.front());
  const auto meant = rest.empty() ? std::nullopt : nearest(rest.front(), {names.begin(), names.end()});
  return fmt::format("{} '{}'{} Commands: {}.", rest.empty() ? "a command is missing after" : "unknown command",
                     printable(typed), meant ? fmt::format("; did you mean '{}'?", *meant) : ".",
                     fmt::join(names, ", "));
}

// "unexpected argument 'ture'; '--bf16' alone means true, --bf16=false turns it off."
std::string describe_unexpected(const std::string& word, const std::vector<std::string>& args,
                                std::string_view command) {
  const bool is_behind_flags = args.size() > 1 && args[0] == kCommandNames.front() && looks_like_flag(args[1]);
  if (is_behind_flags && std::ranges::count(kCommandNames, word) > 0) {
    return fmt::format("the command comes first: bert-finetune {} ...", word);
  }
  std::string text = fmt::format("unexpected argument '{}'", printable(word));
  if (const std::string hint = hint_at_flag(word, command); !hint.empty()) return text + hint;
  const auto at = std::adjacent_find(args.begin(), args.end(), [&](const std::string& flag, const std::string& next) {
    return next == word && switch_flags().contains(flag);
  });
  if (at == args.end()) return text + ".";
  return text + fmt::format("; '{0}' alone means true, {0}=false turns it off.", *at);
}

// What CLI11 says of a value that is no number, or neither true nor false: "Could not convert: --na-prob-thresh = abc".
std::string describe_wrong_value(const CLI::App& command, const std::string& fact) {
  constexpr std::string_view kHead = "Could not convert: ", kEquals = " = ";
  const auto equals = fact.find(kEquals);
  if (!fact.starts_with(kHead) || equals == std::string::npos) return "";
  const std::string flag = fact.substr(kHead.size(), equals - kHead.size());
  const CLI::Option* option = command.get_option_no_throw(flag);
  const bool is_switch = option != nullptr && option->get_expected_max() == 0;
  return fmt::format("{} {}, got '{}'.", flag, is_switch ? "is on or off: true or false" : "takes a number",
                     printable(fact.substr(equals + kEquals.size())));
}

}  // namespace

std::string explain_unknown_command(const std::string& typed) {
  const auto meant = typed == "help" ? std::optional<std::string_view>("--help")
                                     : nearest(typed, {kCommandNames.begin(), kCommandNames.end()});
  const std::string hint = meant ? fmt::format("; did you mean '{}'?", *meant) : hint_at_flag(typed, "train");
  return fmt::format("unknown command '{}'{}\nCommands: {} (default), {}. See --help.", printable(typed),
                     hint.empty() ? "." : hint, kCommandNames.front(),
                     fmt::join(kCommandNames.begin() + 1, kCommandNames.end(), ", "));
}

std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& args) {
  const auto [command, name] = innermost(app);
  const std::vector<std::string> commands = names_of_commands(*command);
  const std::vector<std::string> unexpected = app.remaining(true);
  std::string fact = error.what();
  std::string help = name + " --help";
  if (!commands.empty()) {
    fact = describe_missing_command(*command, commands);
  } else if (const auto taken = flag_as_value(*command)) {
    fact = *taken;
  } else if (const std::string flags = describe_unknown_flags(*command, name, unexpected); !flags.empty()) {
    fact = flags;
    help += " and bert-finetune --help all";
  } else if (!unexpected.empty()) {  // which is why something else is missing
    fact = describe_unexpected(unexpected.front(), args, command->get_name());
  } else if (const std::string wrong = describe_wrong_value(*command, fact); !wrong.empty()) {
    fact = wrong;
  } else if (fact.starts_with(":")) {  // CLI11 does not name hidden options
    fact = fmt::format("{} needs a value.", printable(args.back()));
    help += " and bert-finetune --help all";
  }
  return fmt::format("{}\nSee {}.", fact, help);
}

}  // namespace bertft::cli
