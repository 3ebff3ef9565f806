#include "cli/own_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "cli/option_flags.h"
#include "cli/probe_child.h"

namespace bertft::cli {
namespace {

constexpr std::string_view kHarmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";

// "resume" of "--resume=DIR", "resume_from_checkpoint" of "resume_from_checkpoint=DIR".
std::string before_equals(const std::string& word) {
  return word.substr(0, word.find('='));
}

// The words without those that set one of `keys`, as flags or as --set, and without those of run_qa that ask for
// nothing here, of which one may be a password.
std::vector<std::string> without(const std::vector<std::string>& words, const std::vector<std::string>& keys) {
  std::set<std::string> flags = idle_flags();
  for (const std::string& key : keys) flags.merge(flags_of(key));
  const std::set<std::string> switches = switch_flags(), lists = list_flags();
  std::vector<std::string> rest;
  for (auto word = words.begin(); word != words.end(); ++word) {
    const std::string flag = before_equals(*word);
    const bool stands_alone = switches.contains(flag) || word + 1 == words.end();
    const bool has_value_behind = flag == *word && !stands_alone;
    const std::string value = has_value_behind ? *(word + 1) : word->substr(std::min(flag.size() + 1, word->size()));
    if (flags.contains(flag) || (flag == "--set" && flags.contains("--" + before_equals(value)))) {
      if (has_value_behind) ++word;
      while (lists.contains(flag) && word + 1 != words.end() && !looks_like_flag(*(word + 1))) ++word;
    } else {
      rest.push_back(*word);
    }
  }
  return rest;
}

// The words of this process's command line, the program's own name first.
std::vector<std::string> own_arguments() {
  const std::string line = read_file("/proc/self/cmdline");  // each word ends with a NUL
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = std::min(line.find('\0', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string command_to_go_on(const std::vector<std::string>& settings, run::Beginning beginning) {
  std::vector<std::string> replaced;
  for (const std::string& setting : settings) replaced.push_back(before_equals(setting));
  if (beginning == run::Beginning::kNewestCheckpoint) {
    replaced.insert(replaced.end(), {"overwrite", "resume_from_checkpoint"});
  }
  std::vector<std::string> words = without(join_switch_values(own_arguments()), replaced);
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  if (beginning == run::Beginning::kNewestCheckpoint) words.insert(words.end(), {"--resume", "auto"});
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

}  // namespace

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kHarmless) == std::string::npos) return word;
  const bool is_printable = printable(word, word.size()) == word;
  std::string result = is_printable ? "'" : "$'";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_printable) {
      result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    } else {
      const bool needs_escape = byte < 0x20 || byte >= 0x7f || c == '\'' || c == '\\';
      result += needs_escape ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
  }
  return result + "'";
}

run::Invocation own_command() {
  return {.command_to_go_on = command_to_go_on, .probe = [](const std::string& config) {
            std::vector<std::string> command;
            for (const std::string& word : own_arguments()) {
              if (command.empty() || std::ranges::count(kLogFlags, word, &LogFlag::name) > 0) command.push_back(word);
            }
            probe_in_child(std::move(command), config);
          }};
}

}  // namespace bertft::cli
