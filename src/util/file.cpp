#include "bertft/util/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "bertft/util/descriptor.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft {
namespace {

constexpr std::size_t kPathBytesInMessages = 4096;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::string_view kTemporaryPrefix = ".tmp-";

[[noreturn]] void fail_input(const std::string& path, const std::string& what) {
  throw InputError(fmt::format("cannot read '{}': {}", printable(path, kPathBytesInMessages), what));
}

[[noreturn]] void fail_storage(const char* action, const std::string& path, int error) {
  throw StorageError(
      fmt::format("cannot {} '{}': {}", action, printable(path, kPathBytesInMessages), system_reason(error)));
}

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// The blobs of the hub's cache are reached by links, which a copy without them leaves dangling.
std::string why_not_opened(const std::string& path, int error) {
  std::error_code none;
  const std::filesystem::path target = std::filesystem::read_symlink(path, none);
  if (error != ENOENT || none) return system_reason(error);
  return fmt::format("it is a link to '{}', which is not there", printable(target.string()));
}

int open_for_reading(const std::string& path, struct stat& status, int flags = 0) {
  if (path.find('\0') != std::string::npos) fail_input(path, "the name holds a NUL byte");
  const int fd = open_retrying(path.c_str(), O_RDONLY | flags);
  if (fd < 0) fail_input(path, why_not_opened(path, errno));
  if (::fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
    const int error = S_ISDIR(status.st_mode) ? EISDIR : errno;
    ::close(fd);
    fail_input(path, system_reason(error));
  }
  return fd;
}

// A FIFO would wait for its other end.
int open_regular_file(const std::string& path, struct stat& status) {
  const int fd = open_for_reading(path, status, O_NONBLOCK);
  if (S_ISREG(status.st_mode)) return fd;
  ::close(fd);
  fail_input(path, "it is not a regular file");
}

// How many bytes it read, 0 at the end.
std::size_t read_some(int fd, const std::string& path, char* to, std::size_t size) {
  while (true) {
    const ssize_t got = ::read(fd, to, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) fail_input(path, system_reason(errno));
  }
}

// Calls `take` with the bytes of a regular file, piece by piece. Read and not mapped: where the disk fails, read() says
// so.
template <class Take>
void for_each_piece(const std::string& path, const Take& take) {
  struct stat status{};
  const Descriptor file(open_regular_file(path, status));
  std::vector<char> piece(kPieceBytes);
  while (const std::size_t got = read_some(file.get(), path, piece.data(), piece.size())) {
    take(std::string_view(piece.data(), got));
  }
}

int sync_retrying(int fd) {
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  return result;
}

void write_all(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_storage("write to", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }

  void add(const void* bytes, std::size_t size) { require(EVP_DigestUpdate(context_.get(), bytes, size)); }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
    return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
  }

 private:
  static void require(bool done) {
    if (!done) throw Error("SHA-256 is not available in this system's OpenSSL library");
  }

  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

bool is_there(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

std::string read_file(const std::string& path, std::uint64_t max_bytes) {
  struct stat status{};
  const Descriptor file(open_for_reading(path, status));
  const auto fail_too_large = [&] {
    fail_input(path, fmt::format("it is larger than the {} bytes expected at most", with_thousands(max_bytes)));
  };
  const auto expected = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  if (expected > max_bytes) fail_too_large();

  // Pipes have no size and files may grow while they are read, so the end is where read() says.
  std::string content;
  std::size_t size = 0;
  content.resize(static_cast<std::size_t>(expected) + 1);
  while (true) {
    if (size == content.size()) content.resize(size + kPieceBytes);
    const std::size_t got = read_some(file.get(), path, content.data() + size, content.size() - size);
    if (got == 0) break;
    size += got;
    if (size > max_bytes) fail_too_large();
  }
  content.resize(size);
  return content;
}

MappedFile::MappedFile(const std::string& path) {
  struct stat status{};
  const Descriptor file(open_regular_file(path, status));
  if (status.st_size == 0) return;
  void* mapping = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapping == MAP_FAILED) fail_input(path, system_reason(errno));
  data_ = static_cast<const std::byte*>(mapping);
  size_ = static_cast<std::size_t>(status.st_size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileWriter::FileWriter(std::string path, std::string name_in_messages)
    : path_(std::move(path)), name_(std::move(name_in_messages)) {
  fd_ = open_retrying(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
  if (fd_ < 0) fail_storage("create", name_, errno);
}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

void FileWriter::write(std::string_view bytes) {
  constexpr std::size_t kSmall = std::size_t{1} << 20;
  if (pending_.size() + bytes.size() > kSmall) write_pending();
  if (bytes.size() > kSmall) {
    write_all(fd_, name_, bytes);
  } else {
    pending_ += bytes;
  }
}

void FileWriter::write_pending() {
  write_all(fd_, name_, pending_);
  pending_.clear();
}

void FileWriter::close() {
  write_pending();
  if (sync_retrying(fd_) != 0) fail_storage("flush", name_, errno);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 && errno != EINTR) {
    const int error = errno;
    ::unlink(path_.c_str());
    fail_storage("close", name_, error);
  }
}

FileReplacement::FileReplacement(std::string path)
    : path_(std::move(path)), temporary_(unused_name_beside(path_)), writer_(temporary_, path_) {}

FileReplacement::~FileReplacement() {
  if (owns_temporary_) ::unlink(temporary_.c_str());
}

void FileReplacement::close() {
  writer_.close();
  owns_temporary_ = true;
}

void FileReplacement::replace() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_storage("replace", path_, errno);
  owns_temporary_ = false;
  sync_directory(directory_of(path_));
}

AppendFile::AppendFile(std::string path) : path_(std::move(path)) {
  fd_ = open_retrying(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd_ < 0) fail_storage("append to", path_, errno);
}

AppendFile::~AppendFile() {
  ::close(fd_);
}

void AppendFile::append(std::string_view bytes) {
  const off_t size_before = ::lseek(fd_, 0, SEEK_END);
  try {
    write_all(fd_, path_, bytes);
  } catch (const StorageError&) {
    // A pipe or a terminal has no size to go back to.
    [[maybe_unused]] const int taken_back = size_before >= 0 ? ::ftruncate(fd_, size_before) : 0;
    throw;
  }
}

void AppendFile::sync() {
  if (sync_retrying(fd_) != 0) fail_storage("flush", path_, errno);
}

void copy_file_durably(const std::string& source, const std::string& target) {
  FileWriter writer(target);
  for_each_piece(source, [&](std::string_view piece) { writer.write(piece); });
  writer.close();
}

// The process id tells apart two processes, the counter two threads, and a file left behind by a killed
// process of the same id is stepped over.
std::string unused_name_beside(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  struct stat status{};
  std::string name;
  do {
    name = fmt::format("{}/{}{}-{}", directory_of(path), kTemporaryPrefix, ::getpid(), counter++);
  } while (::lstat(name.c_str(), &status) == 0);  // what may not be looked at is for open() to say
  return name;
}

bool is_temporary_name(std::string_view name) {
  if (!name.starts_with(kTemporaryPrefix)) return false;
  name.remove_prefix(kTemporaryPrefix.size());
  return std::ranges::count(name, '-') == 1 && name.find_first_not_of("0123456789-") == name.npos &&
         !name.starts_with('-') && !name.ends_with('-');
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  FileReplacement replacement(path);
  replacement.write(bytes);
  replacement.close();
  replacement.replace();
}

void sync_directory(const std::string& directory) {
  const Descriptor opened(open_retrying(directory.c_str(), O_RDONLY | O_DIRECTORY));
  if (opened.get() < 0) {
    if (errno == EACCES) return;  // it may be written to all the same
    fail_storage("open", directory, errno);
  }
  const bool synced = sync_retrying(opened.get()) == 0;
  if (!synced && errno != EINVAL && errno != ENOTSUP && errno != EROFS) fail_storage("flush", directory, errno);
}

void secure_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    // open() takes the lowest free number, and all below this one are in use by now.
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_hex(std::string_view bytes) {
  return sha256_hex(std::as_bytes(std::span(bytes)));
}

std::string sha256_of_file(const std::string& path) {
  Sha256 hash;
  for_each_piece(path, [&](std::string_view piece) { hash.add(piece.data(), piece.size()); });
  return hash.hex();
}

}  // namespace bertft
