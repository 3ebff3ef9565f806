#include "cli/torch_half.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bertft/util/error.h"
#include "cli/startup.h"

namespace bertft::cli {
namespace {

constexpr const char* kLibrary = "libbert-finetune-torch.so";  // found beside the program, by its run path
constexpr const char* kTable = "bertft_torch_half";

// A constructor of MKL ends the process with words of its own when the working directory was deleted.
void check_working_directory() {
  std::array<char, 4096> path{};
  if (getcwd(path.data(), path.size()) == nullptr && errno == ENOENT) {
    throw InputError("the working directory was deleted. Change to another and start again.");
  }
}

const TorchHalf& open_library() {
  check_working_directory();
  void* library = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);  // never closed: LibTorch's threads may run to the end
  const void* table = library == nullptr ? nullptr : dlsym(library, kTable);
  if (table == nullptr) {
    throw InputError(
        fmt::format("{}, the part of this program that uses LibTorch, cannot be opened:\n{}\n"
                    "It belongs beside the program; scripts/build.sh makes both.",
                    kLibrary, dlerror()));
  }
  note_startup("LibTorch");
  return *static_cast<const TorchHalf*>(table);
}

}  // namespace

const TorchHalf& torch_half() {
  static const TorchHalf& half = open_library();
  return half;
}

}  // namespace bertft::cli
