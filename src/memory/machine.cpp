#include "bertft/memory/machine.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace bertft::memory {
namespace {

namespace fs = std::filesystem;

// The number behind "<name>" or "<name>:" in lines of "name number".
std::optional<std::uint64_t> number_of(const fs::path& file, const std::string& name) {
  std::ifstream lines(file);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string word;
    std::uint64_t number = 0;
    if (words >> word >> number && (word == name || word == name + ":")) return number;
  }
  return std::nullopt;
}

// A file that holds one number; none for "max" or when there is no such file.
std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::ifstream content(file);
  std::uint64_t number = 0;
  return content >> number ? std::optional(number) : std::nullopt;
}

struct Names {
  const char *limit, *use, *droppable;
};
constexpr Names kVersion2 = {"memory.max", "memory.current", "inactive_file"};
constexpr Names kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

void narrow(Capacity& capacity, const fs::path& group, const Names& names) {
  const auto limit = number_in(group / names.limit);
  if (!limit) return;
  const std::uint64_t used = number_in(group / names.use).value_or(0);
  const std::uint64_t droppable = number_of(group / "memory.stat", names.droppable).value_or(0);
  const std::uint64_t held = used - std::min(used, droppable);
  capacity.total = std::min(capacity.total, *limit);
  capacity.free = std::min(capacity.free, *limit - std::min(*limit, held));
}

}  // namespace

Capacity machine_capacity(const std::string& proc, const std::string& cgroup) {
  constexpr std::uint64_t kKibibyte = 1024;
  const fs::path meminfo = fs::path(proc) / "meminfo";
  Capacity capacity{number_of(meminfo, "MemTotal").value_or(0) * kKibibyte,
                    number_of(meminfo, "MemAvailable").value_or(0) * kKibibyte};
  // Lines are "id:controllers:path"; version 2 has no controllers.
  std::ifstream groups(fs::path(proc) / "self" / "cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers != "memory") continue;
    const fs::path root = controllers.empty() ? fs::path(cgroup) : fs::path(cgroup) / "memory";
    // Inside a container the path may lead out of what is mounted: the root's limit holds then.
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      narrow(capacity, root / group, controllers.empty() ? kVersion2 : kVersion1);
      if (group.empty()) break;
    }
  }
  return capacity;
}

Capacity machine_capacity() {
  return machine_capacity("/proc", "/sys/fs/cgroup");
}

std::int64_t machine_num_threads() {
  const char* value = std::getenv("OMP_NUM_THREADS");
  const std::string_view text = value == nullptr ? "" : value;  // "4", or a list of nested levels: "4,2"
  std::int64_t asked = 0;
  std::from_chars(text.data(), text.data() + text.size(), asked);
  return asked > 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
}

bool machine_has_amx() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("amx-bf16");
#else
  return false;
#endif
}

}  // namespace bertft::memory
