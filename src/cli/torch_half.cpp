#include "cli/torch_half.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "bertft/util/error.h"
#include "cli/startup.h"

namespace bertft::cli {
namespace {

constexpr const char* kLibrary = "libbert-finetune-torch.so";
constexpr const char* kTable = "bertft_torch_half";

// By its whole path: a search would begin in LD_LIBRARY_PATH, where another build's may stand.
std::string path_of_library() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / kLibrary).string();
}

[[noreturn]] void fail_to_open(std::string_view reason) {
  const auto says = [&](std::string_view text) { return reason.find(text) != std::string_view::npos; };
  if (says("cannot allocate memory") || says("Cannot allocate memory") || says("failed to map segment")) {
    throw OutOfMemoryError(fmt::format("out of memory while LibTorch was loaded: {}.", reason));
  }
  throw InputError(
      fmt::format("the part of this program that uses LibTorch cannot be opened:\n{}\n"
                  "{} belongs beside the program; scripts/build.sh makes both.",
                  reason, kLibrary));
}

const TorchHalf& open_library() {
  // Never closed: LibTorch's threads may run to the end.
  void* library = dlopen(path_of_library().c_str(), RTLD_LAZY | RTLD_LOCAL);
  const void* table = library == nullptr ? nullptr : dlsym(library, kTable);
  if (table == nullptr) fail_to_open(dlerror());
  note_startup("LibTorch");
  return *static_cast<const TorchHalf*>(table);
}

}  // namespace

const TorchHalf& torch_half() {
  static const TorchHalf& half = open_library();
  return half;
}

}  // namespace bertft::cli
