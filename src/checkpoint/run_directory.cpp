#include "bertft/checkpoint/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "checkpoint/leftovers.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockName = "run.lock";
constexpr std::uint64_t kMaxLockBytes = 4096;
constexpr std::string_view kReplacingName = ".replacing";  // there while an earlier run is being removed

// The nearest folder that is there, from `path` upwards.
fs::path existing_ancestor(fs::path path) {
  std::error_code ignored;
  while (!path.empty() && !fs::exists(path, ignored)) path = path.parent_path();
  return path.empty() ? fs::path(".") : path;
}

// Makes the folder, and its place in each folder above that was not there.
void make_durably(const std::string& path) {
  const fs::path wanted = fs::absolute(path);
  const fs::path there = existing_ancestor(wanted);
  std::error_code error;
  fs::create_directories(wanted, error);
  if (error) throw OutputError(fmt::format("output_dir {} cannot be made: {}.", path, error.message()));
  for (fs::path made = wanted; made != there; made = made.parent_path()) sync_directory(made.parent_path().string());
}

// Permissions lie (read-only mounts, network file systems): only writing shows it.
void check_writable(const fs::path& folder, const std::string& wanted) {
  const std::string probe = unused_name_beside((folder / kLockName).string());
  const int fd = open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw OutputError(fmt::format("output_dir {} cannot be written: {}.\nChoose another with --output-dir DIR.", wanted,
                                  system_reason(errno)));
  }
  close(fd);
  unlink(probe.c_str());
}

// A probe that was made for the run to come is no run.
bool is_empty_but_for_probe(const fs::path& folder) {
  std::error_code error;
  const fs::directory_iterator entries(folder, error);
  if (error) throw OutputError(fmt::format("output_dir {} cannot be read: {}.", folder.string(), error.message()));
  return std::all_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name == kLockName || name == kProbeName || is_leftover(name);
  });
}

bool holds_run_of_ours(const fs::path& folder) {
  std::error_code unknown;  // in a folder that may be listed but not entered
  return fs::exists(folder / kLockName, unknown) || fs::exists(folder / kStoredConfig, unknown) ||
         !list_own_checkpoints(folder.string()).empty();
}

[[noreturn]] void fail_to_make(const std::string& path, const std::string& why,
                               std::string_view advice = "Choose another with --output-dir DIR.") {
  throw OutputError(fmt::format("output_dir {} cannot be made: {}.\n{}", printable(path), why, advice));
}

// Of a path at which nothing stands.
void check_place(const fs::path& wanted) {
  std::error_code error;
  const std::string path = wanted.string();
  const fs::path ancestor = existing_ancestor(fs::absolute(wanted));
  if (!fs::is_directory(ancestor, error)) fail_to_make(path, ancestor.string() + " is a file");
  for (fs::path part = wanted; !part.empty() && part != part.root_path(); part = part.parent_path()) {
    if (!fs::is_symlink(part, error) || fs::exists(part, error)) continue;
    fail_to_make(
        path,
        fmt::format("{} is a link to {}, which is not there", part.string(), fs::read_symlink(part, error).string()),
        "Make that directory, or choose another with --output-dir DIR.");
  }
  check_writable(ancestor, path);
}

// Of a path at which something stands.
void check_existing(const fs::path& wanted, Existing existing) {
  std::error_code error;
  const std::string path = wanted.string();
  if (!fs::is_directory(wanted, error)) {
    throw OutputError(
        fmt::format("output_dir {} is a file, not a directory.\nChoose another with --output-dir DIR.", path));
  }
  if (fs::exists(wanted / kManifestName, error) && is_ours(path)) {
    throw OutputError(fmt::format(
        "output_dir {} is a checkpoint, which the run would replace.\nName the directory of its run, or another, with "
        "--output-dir DIR.",
        path));
  }
  if (!is_empty_but_for_probe(wanted)) {
    if (!holds_run_of_ours(wanted)) {
      throw OutputError(fmt::format(
          "output_dir {} is not empty and holds no run of this program.\nChoose another with --output-dir DIR.", path));
    }
    if (existing == Existing::kRefuse) {
      throw OutputError(fmt::format(
          "output_dir {} exists and is not empty.\n"
          "Go on with its run by --resume auto, replace it by --overwrite, or choose another with --output-dir DIR.",
          path));
    }
  }
  check_writable(wanted, path);
}

// False, and errno says why, when another holds it for longer than check_not_in_use() does.
bool take_lock(int fd) {
  constexpr int kTries = 10;
  for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK || i == kTries) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Who holds the lock, for those who find it taken; nobody, when it is given back.
void sign_lock(int fd, const std::string& owner) {
  const bool is_written = ftruncate(fd, 0) == 0 && pwrite(fd, owner.data(), owner.size(), 0) >= 0;
  if (!is_written) log::debug(fmt::format("run.lock cannot be written: {}", system_reason(errno)));
}

std::string this_process() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("process {} on {}\n", getpid(), host.data());
}

[[noreturn]] void fail_as_in_use(const std::string& path) {
  std::string owner;
  try {
    owner = read_file((fs::path(path) / kLockName).string(), kMaxLockBytes);
  } catch (const InputError&) {  // it has just gone, or may not be read
  }
  const std::string_view line = first_line(owner);
  throw OutputError(
      fmt::format("output_dir {} is in use by another run{}.\nWait for it, or choose another with --output-dir DIR.",
                  path, line.empty() ? "" : fmt::format(" ({})", printable(line))));
}

}  // namespace

void check_run_directory(const std::string& path, Existing existing) {
  std::error_code error;
  if (fs::exists(path, error)) return check_existing(path, existing);
  if (error) fail_to_make(path, error.message());  // a name too long, a loop of links, a folder that may not be entered
  check_place(path);
}

void check_not_in_use(const std::string& path) {
  const Descriptor lock(open((fs::path(path) / kLockName).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (lock.get() < 0) return;
  if (flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) fail_as_in_use(path);
}

std::optional<std::uint64_t> free_bytes(const std::string& path) {
  std::error_code error;
  const fs::space_info space = fs::space(existing_ancestor(fs::absolute(path)), error);
  return error ? std::nullopt : std::optional<std::uint64_t>(space.available);
}

bool was_run_directory(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::path(path) / kLockName, ignored);
}

RunDirectory::RunDirectory(std::string path, Existing existing)
    : path_(std::move(path)), existing_(existing), is_new_(!is_there(path_)), has_new_lock_(!was_run_directory(path_)) {
  check_run_directory(path_, existing);
  make_durably(path_);
  const std::string lock = (fs::path(path_) / kLockName).string();
  lock_.emplace(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (lock_->get() < 0) throw OutputError(fmt::format("{} cannot be opened: {}.", lock, system_reason(errno)));
  if (take_lock(lock_->get())) {
    check_run_directory(path_, existing);  // again: another run may have begun and ended since
    sign_lock(lock_->get(), this_process());
  } else {
    if (errno == EWOULDBLOCK) fail_as_in_use(path_);
    // Some network file systems know no locks.
    log::warn(fmt::format("{} cannot be locked ({}): start no second run there", path_, system_reason(errno)));
  }
}

void RunDirectory::undo() {
  std::error_code ignored;
  const fs::path directory(path_);
  if (has_new_lock_) fs::remove(directory / kLockName, ignored);
  if (!is_new_) return;
  fs::remove(directory / kProbeName, ignored);
  fs::remove(directory, ignored);
}

void RunDirectory::remove_replaced_run(const std::function<void()>& remove_records) {
  const std::string mark = (fs::path(path_) / kReplacingName).string();
  const bool replaces = std::exchange(existing_, Existing::kContinue) == Existing::kOverwrite;
  if (!replaces && !is_there(mark)) return;
  write_file_atomically(mark, "");
  for (const Found& checkpoint : list_own_checkpoints(path_)) remove_checkpoint(checkpoint.directory);
  remove_leftovers(path_);  // of which restore_replaced() would make checkpoints again
  withdraw_model(path_);
  remove_records();
  sync_directory(path_);
  fs::remove(mark);
}

RunDirectory::~RunDirectory() {
  sign_lock(lock_->get(), "");  // the lock itself goes with the descriptor
}

}  // namespace bertft::checkpoint
