#include "bertft/cli/cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/run/torch_half.h"
#include "bertft/run/version.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"

namespace bertft::cli {
namespace {

const std::vector<std::string_view> kCommands = {"train", "eval", "predict", "data"};

constexpr const char* kExamples = R"(Examples:
  bert-finetune --config configs/squad.yaml
  bert-finetune --config squad.yaml --set learning_rate=5e-5 --resume auto
  bert-finetune --config squad.yaml --plan-memory  (--probe-memory, --dry-run)
  bert-finetune eval runs/squad2 --data data/dev-v2.0.json --json
  bert-finetune predict runs/squad2 --question "When ...?" --context-file a.txt

`bert-finetune COMMAND --help` tells its flags, `--help all` every option.
Any command: -q shows warnings and results, -qq results only, -v details too.
)";

// Without what an option needs or excludes, which is not listed yet where CLI11 would name it.
class HelpFormatter : public CLI::Formatter {
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
    return (type.empty() ? "" : " " + type) + (option->get_required() ? " (required)" : "");
  }
};

// What goes behind a message on `word`, which stands where nothing belongs; "" where it is no file: run_qa.py takes
// its arguments from one, eval and predict have data to name.
std::string hint_at_flag(const std::string& word, std::string_view command) {
  const bool is_yaml = word.ends_with(".yaml") || word.ends_with(".yml");
  if (!is_yaml && !word.ends_with(".json") && !word.ends_with(".jsonl")) return "";
  const bool takes_data = command == "eval" || command == "predict";
  if (!is_yaml && !takes_data && command != "train") return "";
  return fmt::format("; did you mean '{} {}'?", takes_data && !is_yaml ? "--data" : "--config", printable(word));
}

// `train` is the default: it may be left out before flags.
std::vector<std::string> with_command(std::vector<std::string> args) {
  constexpr std::array<std::string_view, 4> kOwn = {"-h", "--help", "--version", "--build-info"};
  if (args.empty() || std::find(kOwn.begin(), kOwn.end(), args[0]) != kOwn.end()) return args;
  if (args[0].starts_with("-")) {
    args.insert(args.begin(), "train");
  } else if (std::find(kCommands.begin(), kCommands.end(), args[0]) == kCommands.end()) {
    const auto meant = nearest(args[0], kCommands);
    const std::string hint = meant ? fmt::format("; did you mean '{}'?", *meant) : hint_at_flag(args[0], "train");
    throw UsageError(fmt::format("unknown command '{}'{}\nCommands: train (default), eval, predict, data. See --help.",
                                 printable(args[0]), hint.empty() ? "." : hint));
  }
  return args;
}

// What a mapped file that shrinks, or lies on a failing disk, ends in.
void explain_bus_errors() {
  std::signal(SIGBUS, [](int) {
    constexpr std::string_view kLine = "error: a file was cut short while it was in use, or its disk failed\n";
    [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, kLine.data(), kLine.size());
    _exit(kIoError);
  });
}

std::vector<std::string> take_log_flags(std::vector<std::string> args) {
  for (const LogFlag& flag : kLogFlags) {
    if (std::erase(args, flag.name) > 0) log::set_level(flag.level);
  }
  return args;
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
      {"--model", "RUN_DIR"},
      {"--model-name-or-path", "RUN_DIR"},
      {"--output-dir", "--save-predictions"},
      {"--output-dir", "--save-to"},
  };
  std::replace(flag.begin(), flag.end(), '_', '-');
  for (const auto& [name, here] : kNames) {
    if (flag == name && command.get_option_no_throw(here) != nullptr) return here;
  }
  const auto meant = config::key_meant_by(key_of_flag(flag.substr(std::min<std::size_t>(2, flag.size()))));
  if (!meant || command.get_option_no_throw(config::flag_of(*meant)) == nullptr) return std::nullopt;
  return config::flag_of(*meant);
}

// "unknown flag '--learing-rate'; did you mean '--learning-rate'?"
std::string describe_unknown_flag(const CLI::App& command, const std::string& flag) {
  const std::string name = flag.substr(0, flag.find('='));
  std::optional<std::string> meant = other_name(command, name);
  if (!meant) {
    std::vector<std::string> flags;
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& known : option->get_lnames()) flags.push_back("--" + known);
    }
    meant = nearest(name, {flags.begin(), flags.end()});
  }
  return fmt::format("unknown flag '{}'{}", printable(flag), meant ? fmt::format("; did you mean '{}'?", *meant) : ".");
}

// Of the arguments without a place those that are meant as flags, a line each.
std::string describe_unknown_flags(const CLI::App& command, const std::vector<std::string>& unexpected) {
  std::vector<std::string> lines;
  for (const std::string& argument : unexpected) {
    if (argument == "-" || looks_like_flag(argument)) lines.push_back(describe_unknown_flag(command, argument));
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
  std::string text = fmt::format("unexpected argument '{}'", printable(word));
  if (const std::string hint = hint_at_flag(word, command); !hint.empty()) return text + hint;
  const auto at = std::adjacent_find(args.begin(), args.end(), [&](const std::string& flag, const std::string& next) {
    return next == word && switch_flags().contains(flag);
  });
  if (at == args.end()) return text + ".";
  return text + fmt::format("; '{0}' alone means true, {0}=false turns it off.", *at);
}

// What CLI11 says of a value that is no number: "Could not convert: --na-prob-thresh = abc".
std::string describe_no_number(const std::string& fact) {
  constexpr std::string_view kHead = "Could not convert: ", kEquals = " = ";
  const auto equals = fact.find(kEquals);
  if (!fact.starts_with(kHead) || equals == std::string::npos) return "";
  return fmt::format("{} takes a number, got '{}'.", fact.substr(kHead.size(), equals - kHead.size()),
                     printable(fact.substr(equals + kEquals.size())));
}

// `args`: the command line, without the program.
int parse_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& args) {
  const auto [command, name] = innermost(app);
  const std::vector<std::string> commands = names_of_commands(*command);
  const std::vector<std::string> unexpected = app.remaining(true);
  std::string fact = error.what();
  std::string help = name + " --help";
  if (!commands.empty()) {
    fact = describe_missing_command(*command, commands);
  } else if (const auto taken = flag_as_value(*command)) {
    fact = *taken;
  } else if (const std::string flags = describe_unknown_flags(*command, unexpected); !flags.empty()) {
    fact = flags;
    help += " and bert-finetune --help all";
  } else if (!unexpected.empty()) {  // which is why something else is missing
    fact = describe_unexpected(unexpected.front(), args, command->get_name());
  } else if (const std::string number = describe_no_number(fact); !number.empty()) {
    fact = number;
  } else if (fact.starts_with(":")) {  // CLI11 does not name hidden options
    fact = fmt::format("{} needs a value.", printable(args.back()));
  }
  log::error(fmt::format("error: {}\nSee {}.", fact, help));
  return kUsage;
}

// `| head` is no mistake: a reader that has gone is not told of.
int unwritten_result() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  const bool reader_has_gone = poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
  if (!reader_has_gone) log::error("error: the result could not be written to stdout; is the disk full?");
  return kIoError;
}

int run_command(std::vector<std::string> args) {
  int exit_code = kOk;
  CLI::App app("Fine-tunes BERT-type encoders for extractive question answering (SQuAD 2.0).", "bert-finetune");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", run::version_line());
  app.add_flag_callback(
      "--build-info",
      [] {
        run::begin_to_open_torch_half(device::DeviceChoice::kCuda);
        std::cout << run::build_info(run::torch_half().library_versions()) << std::endl;
        throw CLI::Success();
      },
      "compiler, build type, library versions");
  add_train_command(app, exit_code);
  add_eval_command(app, exit_code);
  add_predict_command(app, exit_code);
  add_data_command(app, exit_code);
  app.footer(kExamples + exit_code_help());

  args = join_switch_values(with_command(take_log_flags(std::move(args))));
  if (args.empty()) args = {"--help"};
  if (args == std::vector<std::string>{"--help", "all"}) {
    std::cout << config::help_for_options() << std::flush;
    return kOk;
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them last first
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return parse_error(app, e, args);
  }
  return exit_code;
}

// Relative paths lead nowhere there, and a constructor of MKL would end the process with words of its own.
void check_working_directory() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  if (path.empty() && error == std::errc::no_such_file_or_directory) {
    throw InputError("the working directory was deleted. Change to another and start again.");
  }
}

}  // namespace

int run(int argc, char** argv) {
  secure_standard_streams();
  explain_bus_errors();
  try {
    check_working_directory();
    const int exit_code = run_command({argv + 1, argv + argc});
    return std::cout.flush() ? exit_code : unwritten_result();
  } catch (const std::exception& e) {
    log::set_status_line("");
    const Failure failure = describe(e);
    const bool has_place = failure.message.find(": error: ") != std::string::npos;
    log::error(has_place ? failure.message : "error: " + failure.message);
    return failure.code;
  }
}

}  // namespace bertft::cli
