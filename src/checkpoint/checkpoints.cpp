#include "bertft/checkpoint/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "bertft/weights/model_directory.h"
#include "checkpoint/leftovers.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::string directory_of(const std::string& run_directory, std::int64_t step) {
  return (fs::path(run_directory) / fmt::format("{}{}", kCheckpointPrefix, step)).string();
}

std::vector<Found> list_checkpoints(const std::string& run_directory) {
  std::vector<Found> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kCheckpointPrefix) || !entry.is_directory(error)) continue;
    std::int64_t step = 0;
    const char* first = name.data() + kCheckpointPrefix.size();
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
    if (is_there(target) || !is_there(trash / kManifestName)) continue;
    try {
      verify(trash.string());
      fs::rename(trash, target, error);
    } catch (const Error&) {
      // half deleted: what it was removed for is there
    }
  }
}

std::optional<Found> first_good(const std::vector<Found>& candidates,
                                const std::function<void(const std::string& directory)>& check,
                                std::vector<std::string>& skipped) {
  for (const Found& candidate : candidates) {
    try {
      check(candidate.directory);
      return candidate;
    } catch (const Error& e) {
      const std::string_view fact = first_line(e.what());
      skipped.push_back(fmt::format("{}{} It is passed over.", fact, fact.ends_with('.') ? "" : "."));
    }
  }
  return std::nullopt;
}

std::optional<Found> newest_good(const std::string& run_directory, std::vector<std::string>& skipped) {
  return first_good(list_checkpoints(run_directory), verify, skipped);
}

void publish_model(const std::string& checkpoint_directory, const std::string& run_directory) {
  std::vector<std::string> names = weights::tokenizer_files(checkpoint_directory);
  names.insert(names.end(), kPublished.begin(), kPublished.end());
  for (const std::string& name : names) {
    const fs::path source = fs::path(checkpoint_directory) / name;
    const bool is_needed = name == "config.json" || name == "model.safetensors";
    if (!is_needed && !is_there(source)) continue;
    const fs::path temporary = fs::path(run_directory) / (std::string(kTemporaryPrefix) + name);
    std::error_code error;
    fs::remove(temporary, error);
    // Only the weights are worth a link: who edits a small file in its place must not damage the checkpoint.
    if (name == "model.safetensors") fs::create_hard_link(source, temporary, error);
    if (name != "model.safetensors" || error) copy_file_durably(source.string(), temporary.string());
    fs::rename(temporary, fs::path(run_directory) / name, error);
    // Between two names of one file rename() does nothing: an earlier process had come this far.
    std::error_code ignored;
    fs::remove(temporary, ignored);
    if (error) throw StorageError(fmt::format("{} was not written to {}: {}", name, run_directory, error.message()));
  }
  sync_directory(run_directory);
}

}  // namespace bertft::checkpoint
