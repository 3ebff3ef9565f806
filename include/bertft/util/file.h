#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bertft {

/// Whether `path` names anything, be it a link that leads nowhere or a place that may not be
/// looked at: reading it then says what is wrong, where "it is not there" would be untrue.
bool is_there(const std::string& path);

/// Whether a name that stands in a file leads nowhere but to a file beside it.
bool is_plain_file_name(std::string_view name);

/// Guards against surprises, not against need.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 30;

/// The whole file.
/// throws InputError: missing, a directory, unreadable, or larger than max_bytes
std::string read_file(const std::string& path, std::uint64_t max_bytes = kMaxFileBytes);

/// A file mapped read-only for as long as the object lives. An empty file maps to no bytes.
/// throws InputError: missing, unreadable, not a regular file
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A new file written piece by piece, small ones together; close() flushes it to the device. Without close() the
/// destructor removes it. throws StorageError with the path, or another name for it, and the system's reason.
class FileWriter {
 public:
  explicit FileWriter(std::string path) : FileWriter(path, path) {}
  FileWriter(std::string path, std::string name_in_messages);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  void close();

 private:
  void write_pending();

  std::string path_, name_, pending_;
  int fd_ = -1;
};

/// What will stand at `path`, which keeps what it has until then, whatever happens: a temporary file beside it, fsync,
/// rename, fsync of the directory. Without replace() the destructor removes it. throws StorageError, which names `path`
class FileReplacement {
 public:
  explicit FileReplacement(std::string path);
  ~FileReplacement();

  void write(std::string_view bytes) { writer_.write(bytes); }
  /// All of it is on the device when this returns: what is left can hardly fail.
  void close();
  /// After close().
  void replace();

 private:
  std::string path_, temporary_;
  FileWriter writer_;
  bool owns_temporary_ = false;  // from close() on; before, the writer does
};

/// A file that grows line by line and is readable at any moment, also after a kill: every
/// append is one write to the system, and one that a full disk took only in part is taken back.
/// Created when missing; what stands in it stays.
/// throws StorageError with the path and the system's reason
class AppendFile {
 public:
  explicit AppendFile(std::string path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view bytes);
  /// What was appended is on the device when this returns. throws StorageError
  void sync();

 private:
  std::string path_;
  int fd_ = -1;
};

/// A copy that is on the device when this returns; `target` must not exist. throws InputError, StorageError
void copy_file_durably(const std::string& source, const std::string& target);

/// Writes `bytes` so that `path` holds either the old or the new content. throws StorageError
void write_file_atomically(const std::string& path, std::string_view bytes);

/// A name beside `path` that nobody uses, for what takes path's place when it is whole.
std::string unused_name_beside(const std::string& path);

/// Whether a name without its directory is one of those, which a killed process leaves behind.
bool is_temporary_name(std::string_view name);

/// Makes a rename or an unlink inside `directory` durable, or a folder made there; file systems without
/// it are tolerated, and folders that may not be read.
void sync_directory(const std::string& directory);

/// For the start of main. Opens /dev/null on each of the descriptors 0 to 2 that is closed, so
/// that no file of ours takes the place of stderr, and ignores SIGPIPE and SIGXFSZ, so that a
/// closed pipe and a file-size limit arrive as write errors.
void secure_standard_streams();

/// Lower-case hex SHA-256.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view bytes);
std::string sha256_of_file(const std::string& path);

}  // namespace bertft
