#include "bertft/checkpoint/store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <future>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/memory/shortage.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "bertft/weights/safetensors.h"
#include "checkpoint/leftovers.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

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

std::span<const std::byte> row_of(const at::Tensor& table, std::int64_t row) {
  const float* begin = table.const_data_ptr<float>() + row * table.size(1);
  return std::as_bytes(std::span(begin, static_cast<std::size_t>(table.size(1))));
}

// The whole table from the rows that are held and those aside.
weights::TensorToWrite whole_table(const std::string& name, const at::Tensor& held, const PartialTable& table) {
  const std::int64_t num_rows = held.size(0) + table.aside.size(0);
  weights::TensorToWrite whole{name, weights::DType::kF32, {num_rows, held.size(1)}, {}};
  std::int64_t num_held = 0;
  for (std::int64_t row = 0; row < num_rows; ++row) {
    const bool is_held = num_held < held.size(0) && table.rows[static_cast<std::size_t>(num_held)] == row;
    whole.parts.push_back(is_held ? row_of(held, num_held) : row_of(table.aside, row - num_held));
    num_held += is_held ? 1 : 0;
  }
  return whole;
}

// `table`: to be written whole in place of the tensor of its name.
void write_tensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                   const std::optional<PartialTable>& table = std::nullopt) {
  std::vector<weights::TensorToWrite> to_write;
  std::vector<at::Tensor> held;  // copies of a GPU's
  for (const auto& [name, given] : tensors) {
    const at::Tensor& tensor = held.emplace_back(given.detach().cpu());
    if (table && table->name == name) {
      to_write.push_back(whole_table(name, tensor, *table));
    } else {
      const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
      const auto dtype = tensor.scalar_type() == at::kInt ? weights::DType::kI32 : weights::DType::kF32;
      to_write.push_back({name, dtype, tensor.sizes().vec(), {{data, tensor.nbytes()}}});
    }
  }
  weights::write_safetensors(path, std::move(to_write));
}

void write_new_file(const std::string& path, std::string_view content) {
  FileWriter writer(path);
  writer.write(content);
  writer.close();
}

std::string reason_of(const std::exception& error) {
  if (const auto shortage = memory::shortage_of(error)) return shortage->message;
  const auto* of_files = dynamic_cast<const fs::filesystem_error*>(&error);
  return of_files != nullptr ? of_files->code().message() : error.what();
}

// Only warns where it cannot: what was saved is there.
void remove_older(const std::string& run_directory, std::int64_t step, const Retention& retention) {
  const auto try_to = [](const auto& work) {
    try {
      work();
    } catch (const std::exception& e) {
      log::warn(fmt::format("older checkpoints were not removed: {}", reason_of(e)));
    }
  };
  if (!retention.newest) return;
  std::int64_t kept = 0;
  try_to([&] {
    for (const Found& found : list_own_checkpoints(run_directory)) {
      // A later one is damaged, or training would have gone on from it.
      if (found.step > step) continue;
      if (kept++ < *retention.newest || found.step == retention.best_step) continue;
      try_to([&] { remove_checkpoint(found.directory); });
    }
  });
}

std::uint64_t bytes_of(const std::vector<NamedTensor>& tensors) {
  std::uint64_t sum = 0;
  for (const NamedTensor& named : tensors) sum += named.tensor.nbytes();
  return sum;
}

std::uint64_t model_bytes_of(const Snapshot& snapshot) {
  return bytes_of(snapshot.model) + (snapshot.table ? snapshot.table->aside.nbytes() : 0);
}

// To end a line with, where a full disk is why `bytes` were not written.
std::string what_is_missing(const std::string& run_directory, std::uint64_t bytes) {
  const auto free = free_bytes(run_directory);
  if (!free || *free >= bytes) return "";
  return fmt::format("; it takes {}, and {} of disk are left", memory_text(bytes), memory_text(*free));
}

// Writes what a checkpoint begins with, the model and the small files, into a temporary directory, for `finish` to go
// on with. `bytes`: of all that is written. throws StorageError, whatever went wrong: training can go on without
void write(const std::string& run_directory, const Snapshot& snapshot, const std::string& what, std::uint64_t bytes,
           const std::function<void(const fs::path& temporary)>& finish) {
  try {
    const DirectoryAside aside(directory_of(run_directory, snapshot.step));
    write_tensors((aside.path() / kWeightsName).string(), snapshot.model, snapshot.table);
    for (const auto& [name, content] : snapshot.files) write_new_file((aside.path() / name).string(), content);
    finish(aside.path());
  } catch (const std::exception& e) {
    throw StorageError(
        fmt::format("{} was not saved: {}{}", what, reason_of(e), what_is_missing(run_directory, bytes)));
  }
}

void write_checkpoint(const std::string& run_directory, const Snapshot& snapshot) {
  const std::string target = directory_of(run_directory, snapshot.step);
  const std::uint64_t bytes = model_bytes_of(snapshot) + bytes_of(snapshot.optimizer);
  write(run_directory, snapshot, target, bytes, [&](const fs::path& temporary) {
    write_tensors((temporary / kOptimizerName).string(), snapshot.optimizer);
    write_new_file((temporary / kManifestName).string(), make_manifest(temporary.string()));
    sync_directory(temporary.string());
    put_in_place(temporary, target);
  });
  remove_older(run_directory, snapshot.step, snapshot.retention);
}

std::future_status state_of(const std::future<void>& writing) {
  return writing.wait_for(std::chrono::seconds(0));
}

}  // namespace

struct Store::Impl {
  std::string run_directory;
  std::future<void> writing;  // valid until somebody has asked for its end
};

Store::Store(std::string run_directory) : impl_(new Impl{std::move(run_directory), {}}) {
  remove_leftovers(impl_->run_directory);
}

Store::~Store() {
  try {
    wait();
  } catch (const std::exception& e) {
    log::error(e.what());
  }
}

void Store::save(const Snapshot& snapshot, const BeforeWriting& before_writing) {
  wait();
  Snapshot copy{snapshot.step, {}, {}, snapshot.files, snapshot.retention, snapshot.table};
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
  if (shortage && is_on_host) return save_and_wait(snapshot, before_writing);
  if (shortage) {
    throw StorageError(
        fmt::format("{} was not saved: {}.", directory_of(impl_->run_directory, snapshot.step), shortage->message));
  }
  before_writing(/*in_background=*/true);
  impl_->writing = std::async([impl = impl_.get(), held = std::move(copy)]() mutable {
    const Snapshot mine = std::move(held);  // so that it goes when this ends
    write_checkpoint(impl->run_directory, mine);
  });
  if (state_of(impl_->writing) == std::future_status::deferred) wait();  // no more threads to be had
}

void Store::save_and_wait(const Snapshot& snapshot, const BeforeWriting& before_writing) {
  wait();
  before_writing(/*in_background=*/false);
  write_checkpoint(impl_->run_directory, snapshot);
}

void Store::wait() {
  if (impl_->writing.valid()) impl_->writing.get();
}

void Store::notice_end() {
  if (impl_->writing.valid() && state_of(impl_->writing) == std::future_status::ready) wait();
}

bool Store::is_writing() const {
  return impl_->writing.valid();
}

void Store::publish(const Snapshot& snapshot) {
  wait();
  write(impl_->run_directory, snapshot, "the model", model_bytes_of(snapshot), [&](const fs::path& temporary) {
    publish_model(temporary.string(), impl_->run_directory, snapshot.files.at(kStateName));
  });
}

void Store::prune(std::int64_t step, const Retention& retention) {
  wait();
  remove_older(impl_->run_directory, step, retention);
}

std::vector<NamedTensor> read_optimizer(const std::string& directory) {
  const auto file = std::make_shared<const weights::SafetensorsFile>((fs::path(directory) / kOptimizerName).string());
  std::vector<NamedTensor> result;
  for (const auto& [name, view] : file->tensors()) {
    const bool is_integer = view.dtype == weights::DType::kI32;
    if (!is_integer && view.dtype != weights::DType::kF32) {
      throw CheckpointError(fmt::format("{}: {} is neither F32 nor I32", directory, name));
    }
    // The file is mapped read-only; from_blob knows no constant memory.
    auto* bytes = const_cast<std::byte*>(view.bytes.data());
    result.push_back({name, at::from_blob(bytes, view.shape, [file](void*) {}, is_integer ? at::kInt : at::kFloat)});
  }
  return result;
}

}  // namespace bertft::checkpoint
