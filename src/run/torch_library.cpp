#include "bertft/run/torch_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <string_view>

#include "bertft/run/startup.h"
#include "bertft/util/error.h"

namespace bertft::run {
namespace {

using device::DeviceChoice;

constexpr const char* kTable = "bertft_torch_library";

// Whether CUDA's libraries, which take time and memory to load, may be of use.
bool needs_cuda(DeviceChoice device) {
  if (device != DeviceChoice::kAuto) return device == DeviceChoice::kCuda;
  return dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;  // the driver's
}

// By its whole path: a search would begin in LD_LIBRARY_PATH, where another build's may stand.
std::string path_of(const char* library) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / library).string();
}

[[noreturn]] void fail_to_open(const char* library, std::string_view reason) {
  const auto says = [&](std::string_view text) { return reason.find(text) != std::string_view::npos; };
  if (says("cannot allocate memory") || says("Cannot allocate memory") || says("failed to map segment")) {
    throw OutOfMemoryError(fmt::format("out of memory while LibTorch was loaded: {}.", reason));
  }
  throw InputError(
      fmt::format("the part of this program that uses LibTorch cannot be opened:\n{}\n"
                  "{} belongs beside the program; scripts/build.sh makes both.",
                  reason, library));
}

const TorchLibrary* open_library(DeviceChoice device) {
  const char* name = needs_cuda(device) ? "libbert-finetune-cuda.so" : "libbert-finetune-torch.so";
  // Never closed: LibTorch's threads may run to the end.
  void* library = dlopen(path_of(name).c_str(), RTLD_LAZY | RTLD_LOCAL);
  const void* table = library == nullptr ? nullptr : dlsym(library, kTable);
  if (table == nullptr) {
    const char* reason = dlerror();
    fail_to_open(name, reason == nullptr ? "it has no table of functions" : reason);
  }
  return static_cast<const TorchLibrary*>(table);
}

// On a thread of its own, or, where none is to be had, when it is asked for. Nobody waits for it when a command ends
// before it needs LibTorch: the program's end takes the thread along.
std::shared_future<const TorchLibrary*> opened;

}  // namespace

void begin_to_open_torch_library(DeviceChoice device) {
  // Before libgomp reads it. By its own choice threads that wait for one another spin fifteen times as long: no faster
  // on a machine of one's own, much slower beside other work (docs/results.md).
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
  // Before oneDNN reads it. It keeps code for every shape of a product that it makes, by its own choice of 1,024
  // shapes: in packed batches each has another number of rows, and comes back in the next layer or never. ideep, by
  // which ATen calls it, has a cache of its own besides.
  constexpr const char* kShapes = "64";
  if (std::getenv("DNNL_PRIMITIVE_CACHE_CAPACITY") == nullptr) {  // its old name
    setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", kShapes, /*overwrite=*/0);
  }
  setenv("LRU_CACHE_CAPACITY", kShapes, /*overwrite=*/0);
  opened = std::async(open_library, device);
}

const TorchLibrary& torch_library() {
  const TorchLibrary* library = opened.get();
  note_startup("LibTorch");
  return *library;
}

}  // namespace bertft::run
