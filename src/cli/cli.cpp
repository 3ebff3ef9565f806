#include "bertft/cli/cli.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/run/torch_library.h"
#include "bertft/run/version.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"
#include "cli/usage_errors.h"

namespace bertft::cli {
namespace {

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
  // The command stands first, where CLI11 would name it last.
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() != nullptr) return CLI::Formatter::make_usage(app, name);
    return fmt::format("Usage: {} [COMMAND] [OPTIONS]\n", name);
  }
};

// `train` is the default: it may be left out before flags.
std::vector<std::string> with_command(std::vector<std::string> args) {
  constexpr std::array<std::string_view, 4> kOwn = {"-h", "--help", "--version", "--build-info"};
  if (args.empty() || std::find(kOwn.begin(), kOwn.end(), args[0]) != kOwn.end()) return args;
  if (args[0].starts_with("-")) {
    args.insert(args.begin(), "train");
  } else if (std::ranges::count(kCommandNames, args[0]) == 0) {
    throw UsageError(explain_unknown_command(args[0]));
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

// `| head` is no mistake: a reader that has gone is not told of.
int unwritten_result() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  const bool reader_has_gone = poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
  if (!reader_has_gone) log::error("error: the result could not be written to stdout; is the disk full?");
  return kIoError;
}

// "--help all", behind a command too.
bool asks_for_all_help(const std::vector<std::string>& args) {
  const auto is_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
  const auto help = std::ranges::find_if(args, is_help);
  return std::ranges::count(args, "--help=all") > 0 ||
         (help != args.end() && help + 1 != args.end() && help[1] == "all");
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
        run::begin_to_open_torch_library(device::DeviceChoice::kCuda);
        std::cout << run::build_info(run::torch_library().library_versions()) << std::endl;
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
  if (asks_for_all_help(args)) {
    std::cout << config::help_for_options() << std::flush;
    return kOk;
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them last first
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    throw UsageError(explain_parse_error(app, e, args));
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
    if (failure.message.empty()) return failure.code;
    const std::size_t at = failure.message.find(": error: ");
    const bool has_place =
        at != std::string::npos && at > 0 && std::isdigit(static_cast<unsigned char>(failure.message[at - 1])) != 0;
    log::error(has_place ? failure.message : "error: " + failure.message);
    return failure.code;
  }
}

}  // namespace bertft::cli
