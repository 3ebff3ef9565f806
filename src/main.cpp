#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "bertft/cli/cli.h"
#include "cli/exit_codes.h"

namespace {

// A constructor of MKL ends the process with words of its own when the working directory has been
// deleted. This runs before the constructors of all libraries, so it can use the C library alone.
void check_working_directory(int, char**, char**) {
  constexpr std::string_view kMessage =
      "error: the working directory was deleted. Change to another and start again.\n";
  std::array<char, 4096> path{};
  if (getcwd(path.data(), path.size()) != nullptr || errno != ENOENT) return;
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  _exit(bertft::cli::kNoInput);
}

using Initializer = void(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] Initializer* const before_constructors = check_working_directory;

}  // namespace

int main(int argc, char** argv) {
  return bertft::cli::run(argc, argv);
}
