#include "bertft/checkpoint/store.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <filesystem>
#include <system_error>
#include <thread>

#include "bertft/memory/shortage.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/weights/model_directory.h"
#include "bertft/weights/safetensors.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kTrashPrefix = ".trash-";

// A copy in host memory that later steps cannot change.
std::vector<NamedTensor> on_host(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> result;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor source = tensor.detach();
    at::Tensor copy = at::empty(source.sizes(), source.options().device(at::kCPU));
    copy.copy_(source);
    result.push_back({name, copy});
  }
  return result;
}

void write_tensors(const std::string& path, const std::vector<NamedTensor>& tensors) {
  std::vector<weights::NamedTensor> views;
  for (const auto& [name, tensor] : tensors) {
    const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
    views.push_back({name, {weights::DType::kF32, tensor.sizes().vec(), {data, tensor.nbytes()}}});
  }
  weights::write_safetensors(path, std::move(views));
}

void write_new_file(const std::string& path, std::string_view content) {
  FileWriter writer(path);
  writer.write(content);
  writer.close();
}

fs::path trash_of(const fs::path& checkpoint) {
  return checkpoint.parent_path() / (std::string(kTrashPrefix) + checkpoint.filename().string());
}

// Renamed first, so that a crash in the middle of deleting never leaves half a checkpoint
// under a good name.
void remove_checkpoint(const Found& checkpoint) {
  const fs::path trash = trash_of(checkpoint.directory);
  std::error_code error;
  fs::remove_all(trash, error);
  fs::rename(checkpoint.directory, trash, error);
  if (!error) fs::remove_all(trash, error);
  if (error) log::warn(fmt::format("could not remove {}: {}", checkpoint.directory, error.message()));
}

// Puts a complete checkpoint into its place; an older one of the same step is whole, under one
// name or the other, until the new one is there.
void put_in_place(const fs::path& temporary, const fs::path& target) {
  const fs::path trash = trash_of(target);
  fs::remove_all(trash);
  if (fs::exists(target)) fs::rename(target, trash);
  fs::rename(temporary, target);
  sync_directory(target.parent_path().string());
  std::error_code ignored;
  fs::remove_all(trash, ignored);
}

void remove_older(const std::string& run_directory, const Retention& retention) {
  if (!retention.newest) return;
  std::int64_t kept = 0;
  for (const Found& found : list_checkpoints(run_directory)) {
    if (kept++ < *retention.newest || found.step == retention.best_step) continue;
    remove_checkpoint(found);
  }
}

void remove_leftovers(const std::string& run_directory) {
  for (const auto& entry : fs::directory_iterator(run_directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".tmp-") || name.starts_with(kTrashPrefix)) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
  }
}

void write(const std::string& run_directory, const Snapshot& snapshot) {
  const fs::path target = directory_of(run_directory, snapshot.step);
  const fs::path temporary = fs::path(run_directory) / fmt::format(".tmp-{}-{}", snapshot.step, getpid());
  try {
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    write_tensors((temporary / "model.safetensors").string(), snapshot.model);
    write_tensors((temporary / kOptimizerName).string(), snapshot.optimizer);
    for (const auto& [name, content] : snapshot.files) write_new_file((temporary / name).string(), content);
    write_new_file((temporary / kManifestName).string(), make_manifest(temporary.string()));
    sync_directory(temporary.string());
    put_in_place(temporary, target);
  } catch (const fs::filesystem_error& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw StorageError(fmt::format("{} was not saved: {}", target.string(), e.code().message()));
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  remove_older(run_directory, snapshot.retention);
}

}  // namespace

struct Store::Impl {
  std::string run_directory;
  std::thread writer;
  std::exception_ptr failure;
};

Store::Store(std::string run_directory) : impl_(new Impl{std::move(run_directory), {}, {}}) {
  remove_leftovers(impl_->run_directory);
}

Store::~Store() {
  try {
    wait();
  } catch (const std::exception& e) {
    log::error(e.what());
  }
}

void Store::save(const Snapshot& snapshot, const std::function<void()>& before_writing) {
  wait();
  Snapshot copy{snapshot.step, {}, {}, snapshot.files, snapshot.retention};
  const auto shortage = memory::attempt(
      device::Device{},
      [&] {
        copy.model = on_host(snapshot.model);
        copy.optimizer = on_host(snapshot.optimizer);
      },
      [&] {
        copy.model.clear();
        copy.optimizer.clear();
      });
  const bool is_on_host = snapshot.model.empty() || snapshot.model.front().tensor.is_cpu();
  if (shortage && !is_on_host) {
    throw StorageError(
        fmt::format("{} was not saved: {}.", directory_of(impl_->run_directory, snapshot.step), shortage->message));
  }
  if (before_writing) before_writing();
  if (shortage) {  // no room for the copy: training waits for the disk
    write(impl_->run_directory, snapshot);
    return;
  }
  try {
    impl_->writer = std::thread([impl = impl_.get(), copy = std::move(copy)] {
      try {
        write(impl->run_directory, copy);
      } catch (...) {
        impl->failure = std::current_exception();
      }
    });
  } catch (const std::system_error&) {  // no more threads to be had
    write(impl_->run_directory, snapshot);
  }
}

void Store::wait() {
  if (impl_->writer.joinable()) impl_->writer.join();
  if (impl_->failure) std::rethrow_exception(std::exchange(impl_->failure, nullptr));
}

bool Store::is_writing() const {
  return impl_->writer.joinable();
}

void Store::prune(const Retention& retention) {
  wait();
  remove_older(impl_->run_directory, retention);
}

std::string directory_of(const std::string& run_directory, std::int64_t step) {
  return (fs::path(run_directory) / fmt::format("{}{}", kPrefix, step)).string();
}

std::vector<Found> list_checkpoints(const std::string& run_directory) {
  std::vector<Found> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !entry.is_directory(error)) continue;
    std::int64_t step = 0;
    const char* first = name.data() + kPrefix.size();
    const char* last = name.data() + name.size();
    const auto [end, code] = std::from_chars(first, last, step);
    if (code != std::errc() || end != last || directory_of(run_directory, step) != entry.path()) continue;
    result.push_back({entry.path().string(), step});
  }
  std::sort(result.begin(), result.end(), [](const Found& a, const Found& b) { return a.step > b.step; });
  return result;
}

void restore_replaced(const std::string& run_directory) {
  std::error_code error;
  std::vector<fs::path> trashed;
  for (const auto& entry : fs::directory_iterator(run_directory, error)) {
    if (entry.path().filename().string().starts_with(kTrashPrefix)) trashed.push_back(entry.path());
  }
  for (const fs::path& trash : trashed) {
    const fs::path target = trash.parent_path() / trash.filename().string().substr(kTrashPrefix.size());
    if (fs::exists(target) || !fs::exists(trash / kManifestName)) continue;
    try {
      verify(trash.string());
      fs::rename(trash, target, error);
    } catch (const Error&) {
      // half deleted: what it was removed for is there
    }
  }
}

std::optional<Found> newest_good(const std::string& run_directory, std::vector<std::string>& skipped) {
  for (const Found& found : list_checkpoints(run_directory)) {
    try {
      verify(found.directory);
      return found;
    } catch (const Error& e) {
      const std::string_view what = e.what();
      skipped.push_back(fmt::format("{} It is passed over.", what.substr(0, what.find('\n'))));
    }
  }
  return std::nullopt;
}

std::vector<NamedTensor> read_optimizer(const std::string& directory) {
  const weights::SafetensorsFile file((fs::path(directory) / kOptimizerName).string());
  std::vector<NamedTensor> result;
  for (const auto& [name, view] : file.tensors()) {
    if (view.dtype != weights::DType::kF32) {
      throw CheckpointError(fmt::format("{}: {} is not F32", directory, name));
    }
    at::Tensor tensor = at::empty(view.shape, at::kFloat);
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<std::byte*>(tensor.mutable_data_ptr()));
    result.push_back({name, tensor});
  }
  return result;
}

void publish_model(const std::string& checkpoint_directory, const std::string& run_directory) {
  std::vector<std::string> names = weights::tokenizer_files(checkpoint_directory);
  names.insert(names.end(), {"config.json", "README.md", "trainer_state.json", "model.safetensors"});
  for (const std::string& name : names) {
    const fs::path source = fs::path(checkpoint_directory) / name;
    const bool is_needed = name == "config.json" || name == "model.safetensors";
    if (!is_needed && !fs::exists(source)) continue;
    const fs::path temporary = fs::path(run_directory) / (".tmp-" + name);
    std::error_code error;
    fs::remove(temporary, error);
    fs::create_hard_link(source, temporary, error);
    if (error) fs::copy_file(source, temporary, error);  // a file system without links
    if (!error) fs::rename(temporary, fs::path(run_directory) / name, error);
    // Between two names of one file rename() does nothing: an earlier process had come this far.
    std::error_code ignored;
    fs::remove(temporary, ignored);
    if (error) throw StorageError(fmt::format("{} was not written to {}: {}", name, run_directory, error.message()));
  }
  sync_directory(run_directory);
}

}  // namespace bertft::checkpoint
