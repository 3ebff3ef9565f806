#include "bertft/util/foreign_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace bertft {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

TEST(ForeignFile, IsRecognisedByItsFirstBytes) {
  using Kind = ForeignFile::Kind;
  const struct {
    std::string bytes;
    Kind kind;
    const char* what;
  } files[] = {
      {"<!DOCTYPE html>\n", Kind::kWebPage, "web page"},
      {"\xEF\xBB\xBF\n <HTML>", Kind::kWebPage, "web page"},
      {"<?xml version=\"1.0\"?><Error>", Kind::kWebPage, "web page"},
      {"version https://git-lfs.github.com/spec/v1\n", Kind::kLfsPointer, "Git LFS"},
      {"PK\x03\x04", Kind::kArchive, "zip"},
      {"\x1f\x8b\x08", Kind::kArchive, "gzip"},
      {"\xFD\x37zXZ\0"s, Kind::kArchive, "xz"},
      {"\x28\xB5\x2F\xFD", Kind::kArchive, "zstd"},
      {"BZh91AY&SY", Kind::kArchive, "bzip2"},
      {"7z\xBC\xAF\x27\x1C", Kind::kArchive, "7z"},
      {std::string(257, 'x') + "ustar\0"s, Kind::kArchive, "tar"},
      {"\xFF\xFE{\0"s, Kind::kUtf16, "UTF-16"},
      {"\xFE\xFF\0{"s, Kind::kUtf16, "UTF-16"},
      {"PAR1\x15\4", Kind::kTable, "Parquet"},
      {"ARROW1\0\0"s, Kind::kTable, "Arrow"},
  };
  for (const auto& [bytes, kind, what] : files) {
    const auto found = recognise_foreign_file(bytes);
    ASSERT_TRUE(found) << what;
    EXPECT_EQ(found->kind, kind) << what;
    EXPECT_THAT(std::string(found->what), HasSubstr(what));
  }
}

TEST(ForeignFile, IsNotSeenInFilesOfOurOwnKinds) {
  const std::string mustard = std::string(256, 'x') + "mustard\n";
  for (const std::string& bytes :
       {""s, mustard, "BZhang\n"s, "{\"data\": []}"s, "<pad>\n<unk>\n"s, "[PAD]\n"s, "P"s, "PAR"s, "version: 2"s}) {
    EXPECT_FALSE(recognise_foreign_file(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace bertft
