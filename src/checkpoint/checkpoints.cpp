#include "bertft/checkpoint/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "bertft/tokenizer/files.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "checkpoint/leftovers.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> kDescriptions{"config.json", "README.md"};  // small files that may be edited

// By a link where the file system has them: only the weights are worth one, and who edits a small file in its
// place must not damage the checkpoint.
void link_or_copy(const std::string& source, const std::string& target) {
  const std::string temporary = unused_name_beside(target);
  std::error_code error;
  fs::create_hard_link(source, temporary, error);
  if (error) copy_file_durably(source, temporary);
  fs::rename(temporary, target, error);
  // Between two names of one file rename() does nothing: an earlier process had come this far.
  std::error_code ignored;
  fs::remove(temporary, ignored);
  if (error) throw StorageError(fmt::format("cannot replace '{}': {}", target, error.message()));
  sync_directory(fs::path(target).parent_path().string());
}

// Of whatever has the name of a checkpoint, what `takes` takes, newest first.
template <class Takes>
std::vector<Found> list_if(const std::string& run_directory, const Takes& takes) {
  std::vector<Found> result;
  for (const fs::path& entry : entries_of(run_directory)) {
    const std::optional<std::int64_t> step = step_of(entry.filename().string());
    if (step && takes(entry.string())) result.push_back({entry.string(), *step});
  }
  std::sort(result.begin(), result.end(), [](const Found& a, const Found& b) { return a.step > b.step; });
  return result;
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

std::string directory_of(const std::string& run_directory, std::int64_t step) {
  return (fs::path(run_directory) / fmt::format("{}{}", kCheckpointPrefix, step)).string();
}

std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kCheckpointPrefix)) return std::nullopt;
  std::int64_t step = 0;
  const auto [end, code] = std::from_chars(name.data() + kCheckpointPrefix.size(), name.data() + name.size(), step);
  const bool is_canonical = code == std::errc() && step >= 0 && fmt::format("{}{}", kCheckpointPrefix, step) == name;
  return is_canonical ? std::optional(step) : std::nullopt;
}

std::vector<Found> list_checkpoints(const std::string& run_directory) {
  return list_if(run_directory, is_directory);
}

void restore_replaced(const std::string& run_directory) {
  for (const fs::path& trash : entries_of(run_directory)) {
    const std::string name = trash.filename().string();
    if (!name.starts_with(kTrashPrefix) || !is_there(trash / kManifestName)) continue;
    const fs::path target = trash.parent_path() / name.substr(kTrashPrefix.size());
    if (is_there(target)) continue;
    try {
      verify(trash.string());
    } catch (const CheckpointError&) {
      continue;  // half deleted: what it was removed for is there
    }
    std::error_code error;
    fs::rename(trash, target, error);
    if (error)
      throw StorageError(fmt::format("{} cannot be given its name back: {}", target.string(), error.message()));
    sync_directory(run_directory);
  }
}

std::optional<Found> first_good(const std::vector<Found>& candidates,
                                const std::function<void(const std::string& directory)>& check,
                                std::vector<std::string>& skipped) {
  for (const Found& candidate : candidates) {
    try {
      check(candidate.directory);
      return candidate;
    } catch (const OtherFormatError&) {
      throw;
    } catch (const CheckpointError& e) {
      const std::string_view fact = first_line(e.what());
      skipped.push_back(fmt::format("{}{} It is passed over.", fact, fact.ends_with('.') ? "" : "."));
    }
  }
  return std::nullopt;
}

std::vector<Found> list_own_checkpoints(const std::string& run_directory) {
  return list_if(run_directory, [](const std::string& path) { return is_directory(path) && is_ours(path); });
}

std::vector<Found> list_foreign_names(const std::string& run_directory) {
  return list_if(run_directory, [](const std::string& path) { return !is_ours(path); });
}

std::optional<Found> newest_good(const std::string& run_directory, std::vector<std::string>& skipped) {
  return first_good(list_checkpoints(run_directory), verify, skipped);
}

void copy_checkpoint(const std::string& checkpoint_directory, const std::string& target) {
  try {
    const DirectoryAside aside(target);
    for (const std::string& name : files_of(checkpoint_directory)) {
      const fs::path file = fs::path(checkpoint_directory) / name, copy = aside.path() / name;
      file.extension() == ".safetensors" ? link_or_copy(file, copy) : copy_file_durably(file, copy);
    }
    sync_directory(aside.path());
    put_in_place(aside.path(), target);
  } catch (const fs::filesystem_error& e) {
    throw StorageError(fmt::format("cannot make '{}': {}", target, e.code().message()));
  }
}

void withdraw_model(const std::string& run_directory) {
  const auto remove = [&](const char* name) { fs::remove(fs::path(run_directory) / name); };
  remove(kWeightsName);
  remove(kStateName);
  std::ranges::for_each(kDescriptions, remove);
  std::ranges::for_each(tokenizer::kTokenizerFiles, remove);
}

void publish_model(const std::string& checkpoint_directory, const std::string& run_directory,
                   const std::string& trainer_state) {
  const fs::path from(checkpoint_directory), to(run_directory);
  const auto publish = [&](const char* name) {
    if (is_there(from / name)) write_file_atomically(to / name, read_file(from / name));
  };
  std::ranges::for_each(tokenizer::kTokenizerFiles, publish);
  std::ranges::for_each(kDescriptions, publish);
  link_or_copy(from / kWeightsName, to / kWeightsName);
  write_file_atomically(to / kStateName, trainer_state);
}

}  // namespace bertft::checkpoint
