#include "cli/own_command.h"

#include <algorithm>
#include <string_view>

#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "cli/option_flags.h"

namespace bertft::cli {
namespace {

constexpr std::string_view kHarmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kHarmless) == std::string::npos) return word;
  std::string result = "'";
  for (const char c : printable(word)) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// How a run begins is no part of going on with it.
std::vector<std::string> without_beginning(const std::vector<std::string>& words) {
  const std::set<std::string> overwrite = flags_of("overwrite"), resume = flags_of("resume_from_checkpoint");
  std::vector<std::string> rest;
  for (auto word = words.begin(); word != words.end(); ++word) {
    const std::string flag = word->substr(0, word->find('='));
    const bool has_value_of_its_own = flag == *word && word + 1 != words.end();
    if (resume.contains(flag)) {
      if (has_value_of_its_own) ++word;
    } else if (!overwrite.contains(flag)) {
      rest.push_back(*word);
    }
  }
  return rest;
}

}  // namespace

std::vector<std::string> own_arguments() {
  const std::string line = read_file("/proc/self/cmdline");  // each word ends with a NUL
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = line.find('\0', begin);
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string command_to_go_on(const std::vector<std::string>& settings) {
  std::vector<std::string> words = without_beginning(join_switch_values(own_arguments()));
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  const bool only_probes = std::find(words.begin(), words.end(), "--probe-memory") != words.end();
  if (!only_probes) words.insert(words.end(), {"--resume", "auto"});
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

}  // namespace bertft::cli
