#include "bertft/run/startup.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "bertft/util/log.h"

namespace bertft::run {
namespace {

// The kernel counts the age of a process on the clock that goes on while the machine sleeps.
double seconds_since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// From /proc/self/stat, proc(5): field 22, in ticks; its second field is a name that may hold blanks.
std::optional<double> launch_time() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string state;
  fields >> state;  // the third
  double ticks = 0;
  for (int field = 4; field <= 22; ++field) {
    if (!(fields >> ticks)) return std::nullopt;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void note_startup(std::string_view part) {
  static const double launch = launch_time().value_or(seconds_since_boot());
  static double last = launch;
  const double now = seconds_since_boot();
  log::debug(fmt::format("start    {:<24} {:6.3f} s, {:6.3f} s since launch", part, now - last, now - launch));
  last = now;
}

}  // namespace bertft::run
