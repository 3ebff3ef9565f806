#include "bertft/util/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "bertft/util/error.h"
#include "message_of.h"
#include "temporary_directory.h"

namespace bertft {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  std::string in(const std::string& name) const { return directory_ / name; }
  void put(const std::string& name, std::string_view bytes) const { AppendFile(in(name)).append(bytes); }

  TemporaryDirectory directory_;
};

// What `action` says as its exit status in a child process, for process-wide settings.
int exit_status_of(auto&& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(Files, AreReadWhole) {
  const std::string content = std::string("a\0b\r\n", 5) + std::string(100000, 'x');
  put("f", content);
  EXPECT_EQ(read_file(in("f")), content);
  put("empty", "");
  EXPECT_EQ(read_file(in("empty")), "");
}

TEST_F(Files, AreReadFromPipesToo) {
  const std::string content(3000000, 'p');
  ASSERT_EQ(::mkfifo(in("pipe").c_str(), 0600), 0);
  std::thread writer([&] { put("pipe", content); });
  EXPECT_EQ(read_file(in("pipe")), content);
  writer.join();
}

TEST_F(Files, ThatCannotBeReadAreNamedWithTheReason) {
  EXPECT_THAT(message_of<InputError>([&] { read_file(in("none")); }),
              AllOf(HasSubstr("cannot read '" + in("none") + "'"), HasSubstr("No such file")));
  EXPECT_THAT(message_of<InputError>([&] { read_file(directory_.path()); }), HasSubstr("Is a directory"));
  EXPECT_THAT(message_of<InputError>([&] { MappedFile mapped(directory_.path()); }), HasSubstr("Is a directory"));
  EXPECT_THAT(message_of<InputError>([&] { read_file(std::string("a\0b", 3)); }), HasSubstr("a\\x00b"));
  EXPECT_THROW(sha256_of_file(in("none")), InputError);
}

TEST_F(Files, BehindALinkThatLeadsNowhereAreThereButCannotBeRead) {
  EXPECT_FALSE(is_there(in("link")));
  EXPECT_FALSE(is_there(in("no/such/folder")));
  fs::create_symlink("../blobs/53aa", in("link"));
  EXPECT_TRUE(is_there(in("link")));
  EXPECT_THAT(message_of<InputError>([&] { read_file(in("link")); }),
              HasSubstr("it is a link to '../blobs/53aa', which is not there"));
}

TEST_F(Files, LargerThanTheLimitAreRefused) {
  put("f", "12345");
  EXPECT_EQ(read_file(in("f"), 5), "12345");
  EXPECT_THROW(read_file(in("f"), 4), InputError);
  EXPECT_THROW(read_file("/dev/zero", 1000), InputError);
}

TEST_F(Files, MapToTheirBytes) {
  put("f", "hello");
  put("empty", "");
  MappedFile first(in("f"));
  MappedFile second = std::move(first);
  EXPECT_EQ(second.text(), "hello");
  EXPECT_EQ(first.bytes().size(), 0u);
  first = MappedFile(in("empty"));
  EXPECT_EQ(first.text(), "");
  EXPECT_EQ(second.text(), "hello");
}

TEST_F(Files, MappedKeepTheirContentWhenReplaced) {
  put("f", "old");
  const MappedFile mapped(in("f"));
  write_file_atomically(in("f"), "new content");
  EXPECT_EQ(mapped.text(), "old");
  EXPECT_EQ(read_file(in("f")), "new content");
}

TEST_F(Files, ThatAreNotRegularAreNotMapped) {
  EXPECT_THAT(message_of<InputError>([] { MappedFile mapped("/dev/null"); }), HasSubstr("not a regular file"));
}

TEST_F(Files, WrittenPieceByPieceStayAfterClose) {
  {
    FileWriter writer(in("f"));
    writer.write("ab");
    writer.write("");
    writer.write("cd");
    writer.close();
  }
  EXPECT_EQ(read_file(in("f")), "abcd");
}

TEST_F(Files, WithoutCloseVanish) {
  {
    FileWriter(in("f")).write("half");
  }
  EXPECT_THAT(directory_.names(), testing::IsEmpty());
}

TEST_F(Files, AreNeverCreatedOverAnythingElse) {
  put("f", "mine");
  EXPECT_THROW(FileWriter writer(in("f")), StorageError);
  EXPECT_EQ(read_file(in("f")), "mine");
  fs::create_symlink(in("target"), in("link"));
  EXPECT_THROW(FileWriter writer(in("link")), StorageError);
  EXPECT_FALSE(fs::exists(in("target")));
}

TEST_F(Files, TakeTheirModeFromTheUmask) {
  const mode_t before = ::umask(027);
  write_file_atomically(in("f"), "x");
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(in("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(Files, AreReplacedWithoutLeftovers) {
  write_file_atomically(in("f"), "one");
  write_file_atomically(in("f"), "two");
  EXPECT_EQ(read_file(in("f")), "two");
  EXPECT_THAT(directory_.names(), testing::ElementsAre("f"));
}

TEST_F(Files, KeepTheOldContentWhenReplacingFails) {
  fs::create_directory(in("d"));
  EXPECT_THAT(message_of<StorageError>([&] { write_file_atomically(in("d"), "x"); }), HasSubstr("Is a directory"));
  EXPECT_THAT(directory_.names(), testing::ElementsAre("d"));
  EXPECT_THROW(write_file_atomically(in("missing/f"), "x"), StorageError);
}

// Nothing can be found out there about a name beside it either.
TEST_F(Files, UnderAPathThatIsTooLongAreRefused) {
  const std::string folder(5000, 'x');
  EXPECT_THROW(write_file_atomically(folder + "/name", "text"), StorageError);
}

TEST_F(Files, CanBeReplacedFromManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { write_file_atomically(in("f"), std::string(1000, static_cast<char>('a' + i))); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string content = read_file(in("f"));
  EXPECT_EQ(content, std::string(1000, content.front()));
  EXPECT_THAT(directory_.names(), testing::ElementsAre("f"));
}

TEST_F(Files, OnAFullDiskFailWithTheSystemsReason) {
  AppendFile full("/dev/full");
  EXPECT_THAT(message_of<StorageError>([&] { full.append("x"); }),
              AllOf(HasSubstr("'/dev/full'"), HasSubstr("No space left")));
}

// Whether `work` fails for want of room in a process whose files may have so many bytes.
bool is_too_much_for(rlim_t bytes, auto&& work) {
  return exit_status_of([&] {
           secure_standard_streams();
           const rlimit limit{bytes, bytes};
           ::setrlimit(RLIMIT_FSIZE, &limit);
           return message_of<StorageError>(work).find("File too large") == std::string::npos ? 1 : 0;
         }) == 0;
}

TEST_F(Files, TakeAnAppendBackThatFittedOnlyInPart) {
  put("f", "one\n");
  EXPECT_TRUE(is_too_much_for(6, [&] { put("f", "three\n"); }));
  EXPECT_EQ(read_file(in("f")), "one\n");
}

TEST_F(Files, BeyondTheFileSizeLimitLeaveNothingHalf) {
  put("f", "old");
  EXPECT_TRUE(is_too_much_for(1000, [&] { write_file_atomically(in("f"), std::string(5000, 'x')); }));
  EXPECT_EQ(read_file(in("f")), "old");
  EXPECT_THAT(directory_.names(), testing::ElementsAre("f"));
}

TEST_F(Files, GrowByAppending) {
  put("f", "a\n");
  put("f", "b\n");
  EXPECT_EQ(read_file(in("f")), "a\nb\n");
}

TEST(SecureStandardStreams, FillsClosedDescriptorsOnly) {
  EXPECT_EQ(exit_status_of([] {
              ::close(0);
              ::close(2);
              secure_standard_streams();
              const bool all_open = ::fcntl(0, F_GETFD) >= 0 && ::fcntl(1, F_GETFD) >= 0 && ::fcntl(2, F_GETFD) >= 0;
              return all_open && ::open("/dev/null", O_RDONLY) > 2 ? 0 : 1;
            }),
            0);
}

TEST(SecureStandardStreams, TurnsABrokenPipeIntoAWriteError) {
  EXPECT_EQ(exit_status_of([] {
              secure_standard_streams();
              int ends[2];
              if (::pipe(ends) != 0) return 2;
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : 1;
            }),
            0);
}

TEST(SyncDirectory, ToleratesFileSystemsWithoutIt) {
  EXPECT_NO_THROW(sync_directory("/proc/self"));
  EXPECT_THROW(sync_directory("/nonexistent-directory"), StorageError);
}

// FIPS 180-4 examples.
TEST(Sha256, EqualsThePublishedDigests) {
  EXPECT_EQ(sha256_hex(std::string_view("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(std::string_view("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_F(Files, HashAsTheirBytes) {
  put("f", std::string(1000000, 'a'));
  EXPECT_EQ(sha256_of_file(in("f")), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace bertft
