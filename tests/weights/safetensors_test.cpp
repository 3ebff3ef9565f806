#include "bertft/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "message_of.h"
#include "temporary_directory.h"
#include "weights/bytes.h"

namespace bertft::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TensorToWrite named(std::string name, DType dtype, std::vector<std::int64_t> shape, std::string_view data) {
  return {std::move(name), dtype, std::move(shape), {as_bytes(data)}};
}

std::string text_of(const TensorView& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

std::string refusal_of(std::string_view content) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("model.safetensors", content);
  return message_of<WeightsError>([&] { SafetensorsFile{path}; });
}

TEST(SafetensorsFile, IsReadAndStaysValidWhenMoved) {
  const TemporaryDirectory directory;
  SafetensorsFile file(directory.write(
      "a", safetensors(R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "hi")));
  const TensorView& view = file.tensors().at("a");
  const SafetensorsFile moved = std::move(file);
  EXPECT_EQ(text_of(view), "hi");
  EXPECT_THAT(moved.metadata(), ElementsAre(Pair("k", "v")));
}

TEST(SafetensorsFile, MissingOrADirectoryIsAnInputError) {
  const TemporaryDirectory directory;
  EXPECT_THROW(SafetensorsFile(directory / "none"), InputError);
  EXPECT_THROW(SafetensorsFile{directory.path()}, InputError);
}

TEST(SafetensorsFile, NamesItsPathAndTheRuleWhenDamaged) {
  const std::string message = refusal_of(safetensors("{}", "x"));
  EXPECT_THAT(message, HasSubstr("model.safetensors: the last tensor ends at 0; 1 bytes follow"));
  EXPECT_THAT(message, HasSubstr("rule: data-end"));
}

struct Foreign {
  const char* what;
  std::string content;
  const char* advice;
};

TEST(SafetensorsFile, RecognisesForeignFilesByTheirFirstBytesAndAdvises) {
  const std::string tar = "model/config.json" + std::string(240, '\0') + "ustar  ";
  const std::vector<Foreign> foreign_files{
      Foreign{"an empty file", "", "fetch it again"},
      Foreign{"a PyTorch checkpoint", std::string("PK\3\4\0\0\x08\x08\0\0", 10) + "archive/data.pkl", "torch.load"},
      Foreign{"a zip archive", std::string("PK\3\4\x14\0\0\0", 8) + "model/config.json", "Unpack"},
      Foreign{"a Python pickle", std::string("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."), "torch.load"},
      Foreign{"a Python pickle", std::string("\x80\4\x95\x10\0\0\0\0\0\0\0}\x94.", 14), "torch.load"},
      Foreign{"a GGUF file", std::string("GGUF\3\0\0\0{\0\0\0\0\0\0\0", 16), "safetensors version"},
      Foreign{"an HDF5 file", "\x89HDF\r\n\x1a\n and more", "from_tf=True"},
      Foreign{"a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
              "git lfs pull"},
      Foreign{"a web page", "<!DOCTYPE html><html>", "hf download"},
      Foreign{"a web page", "\n  <HTML lang=\"en\">", "hf download"},
      Foreign{"a gzip archive", std::string("\x1f\x8b\x08\0\0\0\0\0\0\3", 10), "Unpack"},
      Foreign{"an xz archive", std::string("\xFD\x37zXZ\0\0\4", 8), "Unpack"},
      Foreign{"a zstd archive", "\x28\xB5\x2F\xFD$ and more", "Unpack"},
      Foreign{"a tar archive", tar, "Unpack"},
      Foreign{"a JSON document", R"({"error": "Repository not found"})", "give the directory"}};
  for (const auto& [what, content, advice] : foreign_files) {
    const std::string message = refusal_of(content);
    EXPECT_THAT(message, HasSubstr(std::string("this is ") + what));
    EXPECT_THAT(message, HasSubstr(advice)) << what;
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << what;
  }
}

TEST(SafetensorsFile, IsNotMistakenForAnArchiveWhenItsLengthBeginsLikeOne) {
  const TemporaryDirectory directory;
  for (const std::size_t length : {0x0280UL, 0x088B1FUL}) {  // a pickle's and gzip's first bytes
    const std::string header = "{}" + std::string(length - 2, ' ');
    EXPECT_NO_THROW(SafetensorsFile(directory.write("x", safetensors(header))));
    EXPECT_THAT(refusal_of(safetensors(header, "?")), HasSubstr("data-end"));
  }
}

// Written by the Python package safetensors 0.8.0 (serialize).
TEST(WriteSafetensors, EqualsTheReferenceWriterByteForByte) {
  const TemporaryDirectory directory;
  const std::string name = "a\"\\\x01\x7f\xE2\x80\xA8\xC3\xA9\n/";
  write_safetensors(directory / "x", {named(name, DType::kU8, {}, "\1"), named("z", DType::kF32, {0, 3}, ""),
                                      named("y", DType::kF32, {0}, ""), named("b", DType::kI64, {1}, "12345678"),
                                      named("c", DType::kBF16, {1, 2}, "abcd"), named("d", DType::kF16, {1}, "ef")});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("y":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"z":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},)"
      R"("c":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]},"d":{"dtype":"F16","shape":[1],"data_offsets":[12,14]},)"
      "\"a\\\"\\\\\\u0001\x7f\xE2\x80\xA8\xC3\xA9\\n/\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[14,15]}}";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_file(directory / "x"), safetensors(header + padding, "12345678abcdef\1"));
}

TEST(WriteSafetensors, JoinsTheParts) {
  const TemporaryDirectory directory;
  const std::string_view data = "abcdefgh";
  write_safetensors(directory / "whole", {named("a", DType::kF32, {2}, data)});
  write_safetensors(directory / "cut", {{"a", DType::kF32, {2}, {as_bytes("ab"), as_bytes(""), as_bytes("cdefgh")}}});
  EXPECT_EQ(read_file(directory / "cut"), read_file(directory / "whole"));
}

TEST(WriteSafetensors, AddsMetadataAndKeepsTheCallersFormat) {
  const TemporaryDirectory directory;
  write_safetensors(directory / "x", {}, {{"step", "7"}});
  EXPECT_THAT(SafetensorsFile(directory / "x").metadata(), ElementsAre(Pair("format", "pt"), Pair("step", "7")));
  write_safetensors(directory / "y", {}, {{"format", "np"}});
  EXPECT_THAT(SafetensorsFile(directory / "y").metadata(), ElementsAre(Pair("format", "np")));
}

// The case of the reference's bug 762: its writer once wrote zeros when saving over its source.
TEST(WriteSafetensors, CanReplaceTheFileItsBytesAreMappedFrom) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors", data(100'000, 'x');
  write_safetensors(path, {named("a", DType::kU8, {100'000}, data)});
  const std::string before = read_file(path);
  const SafetensorsFile file(path);
  write_safetensors(directory / "new", {{"a", DType::kU8, {100'000}, {file.tensors().at("a").bytes}}});
  std::filesystem::rename(directory / "new", path);
  EXPECT_EQ(text_of(file.tensors().at("a")), data);
  EXPECT_EQ(read_file(path), before);
}

TEST(WriteSafetensors, RefusesWhatCannotBeReadBack) {
  const TemporaryDirectory directory;
  const std::string path = directory / "x";
  const auto write = [&](std::vector<TensorToWrite> tensors) { write_safetensors(path, std::move(tensors)); };
  EXPECT_THROW(write({named("a", DType::kU8, {1}, "x"), named("a", DType::kF32, {1}, "abcd")}), ShapeError);
  EXPECT_THROW(write({named("a", DType::kF32, {1}, "abc")}), ShapeError);
  EXPECT_THROW(write({named("\xFF", DType::kU8, {1}, "x")}), ShapeError);
  EXPECT_THROW(write({named("__metadata__", DType::kU8, {1}, "x")}), ShapeError);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(WriteSafetensors, ReportsAPathThatCannotBeWritten) {
  const TemporaryDirectory directory;
  EXPECT_THROW(write_safetensors(directory / "none/x", {}), StorageError);
}

}  // namespace
}  // namespace bertft::weights
