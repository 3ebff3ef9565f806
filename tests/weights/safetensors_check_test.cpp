#include "weights/safetensors_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "message_of.h"
#include "real_data.h"
#include "weights/bytes.h"
#include "weights/dtype.h"

namespace bertft::weights {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Keeps the bytes that the views point into.
struct Checked {
  explicit Checked(std::string file) : bytes(std::move(file)), table(check_safetensors(as_bytes(bytes), "x")) {}

  std::string data_of(const std::string& name) const {
    const auto data = table.tensors.at(name).bytes;
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }

  std::string bytes;
  TensorTable table;
};

TEST(SafetensorsCheck, ReadsDTypeShapeAndBytes) {
  const Checked file(safetensors(R"({"a":{"dtype":"I16","shape":[1,2],"data_offsets":[0,4]}})", "abcd"));
  const TensorView& tensor = file.table.tensors.at("a");
  EXPECT_EQ(tensor.dtype, DType::kI16);
  EXPECT_THAT(tensor.shape, ElementsAre(1, 2));
  EXPECT_EQ(tensor.num_elements(), 2);
  EXPECT_EQ(file.data_of("a"), "abcd");
}

TEST(SafetensorsCheck, ReadsAFileWithoutTensors) {
  EXPECT_THAT(Checked(safetensors("{}")).table.tensors, IsEmpty());
}

TEST(SafetensorsCheck, ReadsMetadata) {
  const Checked file(safetensors(R"({"__metadata__":{"format":"pt","__metadata__":"","dtype":"F32"}})"));
  EXPECT_THAT(file.table.metadata, ElementsAre(Pair("__metadata__", ""), Pair("dtype", "F32"), Pair("format", "pt")));
}

TEST(SafetensorsCheck, ReadsAScalar) {
  const Checked file(safetensors(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", "abcd"));
  EXPECT_THAT(file.table.tensors.at("a").shape, IsEmpty());
  EXPECT_EQ(file.table.tensors.at("a").num_elements(), 1);
}

TEST(SafetensorsCheck, ReadsEmptyTensorsThatShareAnOffset) {
  const Checked file(safetensors(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
                                 R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("c":{"dtype":"F64","shape":[3,0],"data_offsets":[4,4]},)"
                                 R"("d":{"dtype":"F64","shape":[0,9223372036854775807,2],"data_offsets":[0,0]}})",
                                 "abcd"));
  EXPECT_EQ(file.table.tensors.size(), 4U);
  EXPECT_EQ(file.table.tensors.at("d").num_elements(), 0);
}

TEST(SafetensorsCheck, ReadsTensorsInAnyOrderOfTheHeader) {
  const Checked file(safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                                 R"("b":{"data_offsets":[0,2],"shape":[2],"dtype":"U8"}})",
                                 "xyz"));
  EXPECT_EQ(file.data_of("a"), "z");
  EXPECT_EQ(file.data_of("b"), "xy");
}

TEST(SafetensorsCheck, AcceptsWhiteSpaceBehindTheHeaderAndWithin) {
  EXPECT_NO_THROW(Checked(safetensors("{ \n\t}  \t\r\n  ")));
}

TEST(SafetensorsCheck, ReadsEscapedAndForeignNames) {
  const Checked file(
      safetensors("{\"\\u00e9\\n\\\"\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                  "\"\xF0\x9F\x98\x80\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                  "\"\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"));
  EXPECT_TRUE(file.table.tensors.contains("\xC3\xA9\n\""));
  EXPECT_TRUE(file.table.tensors.contains("\xF0\x9F\x98\x80"));
  EXPECT_TRUE(file.table.tensors.contains(""));
}

TEST(SafetensorsCheck, ReadsTenThousandTensors) {
  std::string header = "{";
  for (int i = 0; i < 10'000; ++i) {
    header +=
        fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i, i, i + 1);
  }
  EXPECT_EQ(Checked(safetensors(header + "}", std::string(10'000, 'x'))).table.tensors.size(), 10'000U);
}

TEST(SafetensorsCheck, RefusesAHundredThousandTensorsAtTheLimit) {
  std::string header = R"({"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  for (int i = 0; i < 100'000; ++i)
    header += fmt::format(R"(,"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i);
  EXPECT_THAT(message_of<WeightsError>([&] { Checked(safetensors(header + "}")); }),
              testing::HasSubstr("tensor-limit"));
}

TEST(SafetensorsCheck, RefusesDeepNestingWithoutRecursion) {
  const std::string header = R"({"a":{"dtype":"U8","shape":)" + std::string(9'000'000, '[');
  EXPECT_THAT(message_of<WeightsError>([&] { Checked(safetensors(header)); }), testing::HasSubstr("rule: shape"));
}

TEST(SafetensorsCheck, EscapesAndCutsNamesInMessages) {
  const std::string name = "\\u001b[31m" + std::string(1'000, 'n');
  const std::string message = message_of<WeightsError>([&] { Checked(safetensors("{\"" + name + "\":1}")); });
  EXPECT_THAT(message, testing::HasSubstr("rule"));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 700U);
}

// Every change of one byte is either refused or leaves a table within the file.
TEST(SafetensorsCheck, SurvivesEverySingleByteMutation) {
  const std::string valid =
      safetensors(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}} )",
                  "0123456789ab");
  for (std::size_t at = 0; at < valid.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = valid;
      bytes[at] = static_cast<char>(value);
      try {
        for (const auto& [name, tensor] : check_safetensors(as_bytes(bytes), "x").tensors) {
          ASSERT_EQ(byte_count(tensor.dtype, tensor.shape), tensor.bytes.size());
          ASSERT_GE(tensor.bytes.data(), as_bytes(bytes).data());
          ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), as_bytes(bytes).data() + bytes.size());
        }
      } catch (const WeightsError&) {
        continue;  // refused: fine
      }
    }
  }
}

TEST(SafetensorsCheck, RefusesEveryTruncation) {
  const std::string valid = safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "01234567");
  for (std::size_t size = 0; size < valid.size(); ++size) {
    EXPECT_THROW(Checked(valid.substr(0, size)), WeightsError) << size << " bytes";
  }
}

TEST(SafetensorsCheck, RefusesInvalidJsonOfTheTestSuiteAsHeader) {
  if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  int num_files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*data_directory() / "corpora/JSONTestSuite/test_parsing")) {
    if (!entry.path().filename().string().starts_with("n_")) continue;
    EXPECT_THROW(Checked(safetensors(read_file(entry.path()))), WeightsError) << entry.path();
    ++num_files;
  }
  EXPECT_EQ(num_files, 188);
}

TEST(DTypes, HaveTheNamesAndSizesOfTheFormat) {
  EXPECT_EQ(name_of(DType::kBF16), "BF16");
  EXPECT_EQ(size_of(DType::kBF16), 2U);
  for (int i = 0; i <= static_cast<int>(DType::kBool); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_named(name_of(dtype)), dtype);
    if (dtype != DType::kBool) {
      EXPECT_TRUE(name_of(dtype).ends_with(std::to_string(8 * size_of(dtype))));
    }
  }
}

std::int64_t non_finite(DType dtype, const void* data, std::size_t size) {
  return count_non_finite({dtype, {}, {static_cast<const std::byte*>(data), size}});
}

TEST(NonFiniteValues, AreCountedInFloats) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  const double f64[] = {0, -0.0, 3.4e38, -3.4e38, 5e-324, kInf, -kInf, kNan, -kNan, 3.5e38, -1e308};
  EXPECT_EQ(non_finite(DType::kF64, f64, sizeof f64), 6) << "the last two as float32";
  const float f32[] = {
      0, 3.4e38F, -3.4e38F, 1e-45F, static_cast<float>(kInf), -static_cast<float>(kInf), static_cast<float>(kNan)};
  EXPECT_EQ(non_finite(DType::kF32, f32, sizeof f32), 3);
}

TEST(NonFiniteValues, AreCountedInEveryBFloat16) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto bf16 = static_cast<std::uint16_t>(bits);
    const std::uint32_t wide = bits << 16;  // the float of the same value
    float value = 0;
    std::memcpy(&value, &wide, sizeof value);
    ASSERT_EQ(non_finite(DType::kBF16, &bf16, sizeof bf16), std::isfinite(value) ? 0 : 1) << bits;
  }
}

TEST(NonFiniteValues, AreCountedInHalfs) {
  const std::uint16_t f16[] = {0x0000, 0x8000, 0x7BFF, 0xFBFF, 0x0001, 0x7C00, 0xFC00, 0x7E00, 0x7C01};
  EXPECT_EQ(non_finite(DType::kF16, f16, sizeof f16), 4);
}

TEST(NonFiniteValues, AreFoundInUnalignedBytesAndNotInIntegers) {
  const std::string bytes = std::string("x\0\0\xC0\x7F", 5);
  EXPECT_EQ(non_finite(DType::kF32, bytes.data() + 1, 4), 1);
  EXPECT_EQ(non_finite(DType::kI32, bytes.data() + 1, 4), 0);
}

}  // namespace
}  // namespace bertft::weights
