#include "bertft/util/foreign_file.h"

#include <algorithm>
#include <array>
#include <string>

#include "bertft/util/text.h"

namespace bertft {
namespace {

using namespace std::string_view_literals;
using Kind = ForeignFile::Kind;

constexpr std::string_view kUnpack = "unpack it first";
constexpr std::string_view kSave = "save it as UTF-8";

struct Magic {
  std::string_view bytes;
  ForeignFile file;
};
constexpr std::array kMagics{
    Magic{"version https://git-lfs"sv,
          {Kind::kLfsPointer, "a Git LFS pointer, not the file itself", "fetch its content with git lfs pull"}},
    Magic{"PK\x03\x04"sv, {Kind::kArchive, "a zip archive", kUnpack}},
    Magic{"\x1f\x8b"sv, {Kind::kArchive, "a gzip archive", kUnpack}},
    Magic{"\xFD\x37zXZ\0"sv, {Kind::kArchive, "an xz archive", kUnpack}},
    Magic{"\x28\xB5\x2F\xFD"sv, {Kind::kArchive, "a zstd archive", kUnpack}},
    Magic{"7z\xBC\xAF\x27\x1C"sv, {Kind::kArchive, "a 7z archive", kUnpack}},
    Magic{"\xFF\xFE"sv, {Kind::kUtf16, "UTF-16 text", kSave}},
    Magic{"\xFE\xFF"sv, {Kind::kUtf16, "UTF-16 text", kSave}},
    Magic{"PAR1"sv, {Kind::kTable, "a Parquet table", kTableAdvice}},
    Magic{"ARROW1"sv, {Kind::kTable, "an Arrow table", kTableAdvice}},
    Magic{"\xFF\xFF\xFF\xFF"sv, {Kind::kTable, "an Arrow stream, as save_to_disk() writes", kTableAdvice}},
};
constexpr std::size_t kTarMagicOffset = 257;

// "BZh", the block size, and the digits of pi that begin each block; words begin with "BZh" too.
bool is_bzip2(std::string_view bytes) {
  return bytes.starts_with("BZh") && bytes.size() > 4 && bytes.substr(4).starts_with("1AY&SY");
}

bool is_tar(std::string_view bytes) {
  if (bytes.size() <= kTarMagicOffset) return false;
  const std::string_view magic = bytes.substr(kTarMagicOffset);
  return magic.starts_with("ustar\0"sv) || magic.starts_with("ustar ");
}

bool is_web_page(std::string_view text) {
  text = text.substr(0, 512);
  text.remove_prefix(std::min(text.find_first_not_of("\xEF\xBB\xBF \t\r\n"), text.size()));
  const std::string start = to_lower_ascii(text.substr(0, 14));
  return start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<?xml");
}

}  // namespace

std::optional<ForeignFile> recognise_foreign_file(std::string_view bytes) {
  if (is_web_page(bytes)) return ForeignFile{Kind::kWebPage, "a web page", "the download went wrong; fetch it again"};
  for (const Magic& magic : kMagics) {
    if (bytes.starts_with(magic.bytes)) return magic.file;
  }
  if (is_bzip2(bytes)) return ForeignFile{Kind::kArchive, "a bzip2 archive", kUnpack};
  if (is_tar(bytes)) return ForeignFile{Kind::kArchive, "a tar archive", kUnpack};
  return std::nullopt;
}

}  // namespace bertft
