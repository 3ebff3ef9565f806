#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/util/log.h"

namespace bertft::cli {

/// The groups of options that `eval` and `predict` go by.
inline const std::vector<std::string> kAnsweringGroups = {"Data", "Evaluation", "Device", "Memory"};

/// Gives a command --config, --set and a flag for every declared option; where `groups` are named, of those.
void add_option_flags(CLI::App& command, const std::vector<std::string>& groups = {});

/// Every flag that sets the option: "--resume", "--resume-from-checkpoint", ...
std::set<std::string> flags_of(std::string_view key);

/// Not "-1" and "-.5", which are values.
bool looks_like_flag(std::string_view word);

/// What a flag that concerns the log alone sets, and may stand anywhere: -q, -qq and -v.
struct LogFlag {
  std::string_view name;
  log::Level level;
};
constexpr std::array<LogFlag, 3> kLogFlags{
    {{"-q", log::Level::kWarn}, {"-qq", log::Level::kError}, {"-v", log::Level::kDebug}}};

/// Of run_qa's flags that are no options here: those without an effect, and those that take several words.
std::set<std::string> idle_flags();
std::set<std::string> list_flags();

/// All of them, which are known only to be answered.
std::set<std::string> foreign_flags();

/// The flags that mean true when they stand alone.
std::set<std::string> switch_flags();

/// run_qa's form `--bf16 False` as the `--bf16=False` that a flag without a value needs, and `--probe-memory auto` as
/// `--set probe_memory=auto`. throws UsageError
std::vector<std::string> join_switch_values(const std::vector<std::string>& args);

/// "--max-steps needs a value, got the flag '--seed'.", where that is so.
std::optional<std::string> flag_as_value(const CLI::App& command);

/// An option of a command's own, or a positional without a `type`, that takes a path. An empty one, as of an
/// unset variable of the shell, is refused.
CLI::Option* add_path(CLI::App& command, const std::string& name, std::string& path, const std::string& description,
                      const std::string& type = "");

/// "max-seq-length" -> "max_seq_length".
std::string key_of_flag(std::string name);

/// The sources of configuration that a parsed command names; on the command line the later
/// of two values wins, whether it came by --set or by a flag.
config::Sources sources_of(const CLI::App& command);

}  // namespace bertft::cli
