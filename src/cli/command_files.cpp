#include "cli/command_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"

namespace bertft::cli {

std::optional<std::string> data_file(const std::string& given, const config::Resolved& resolved, const char* key,
                                     const std::optional<std::string>& of_key) {
  for (const char* other : {"validation_file", "test_file"}) {
    const std::string& named = resolved.origins.at(other);
    if (std::string_view(other) != key && config::is_flag(named)) {
      throw UsageError(fmt::format("{} names no data here; this command takes --data FILE.", named));
    }
  }
  const std::string& origin = resolved.origins.at(key);
  if (!given.empty()) {
    if (config::is_flag(origin)) throw UsageError(fmt::format("--data and {} both name data; give one.", origin));
    return given;
  }
  if (!of_key || is_there(*of_key)) return of_key;
  throw InputError(fmt::format("{} is {}, which is not there ({}).\nName the data with --data FILE.", key,
                               printable(*of_key), origin));
}

void refuse_flags(const config::Resolved& resolved, std::initializer_list<std::string_view> keys,
                  std::string_view command) {
  for (const std::string_view key : keys) {
    const std::string& origin = resolved.origins.find(key)->second;
    if (!config::is_flag(origin)) continue;
    throw UsageError(fmt::format("{} ({}) has no effect on {}; leave it out.", key, origin, command));
  }
}

void refuse_other_groups(const config::Resolved& resolved, const std::vector<std::string>& groups,
                         std::string_view command, std::string_view taken) {
  for (const config::OptionInfo& option : config::list_options()) {
    if (std::ranges::count(groups, option.group) > 0 || option.key == taken) continue;
    refuse_flags(resolved, {option.key}, command);
  }
}

void make_result_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && access(path.c_str(), W_OK | X_OK) != 0) error = {errno, std::generic_category()};
  if (error)
    throw OutputError(fmt::format("{}: results cannot be written there: {}.", printable(path), error.message()));
}

}  // namespace bertft::cli
