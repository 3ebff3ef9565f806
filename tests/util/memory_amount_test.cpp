#include "bertft/util/memory_amount.h"

#include <gtest/gtest.h>

#include <string>

namespace bertft {
namespace {

constexpr std::uint64_t kWhole = 4000;

double bytes_of(std::string_view text) {
  const auto amount = read_memory_amount(text);
  const auto* read = std::get_if<MemoryAmount>(&amount);
  return read != nullptr ? read->bytes_of(kWhole) : -1;
}

std::string wrong_with(std::string_view text) {
  const auto amount = read_memory_amount(text);
  const auto* wrong = std::get_if<std::string>(&amount);
  return wrong != nullptr ? *wrong : "nothing";
}

TEST(MemoryAmount, KnowsDecimalAndBinaryUnits) {
  EXPECT_EQ(bytes_of("7B"), 7);
  EXPECT_EQ(bytes_of("1KB"), 1e3);
  EXPECT_EQ(bytes_of("1KiB"), 1024);
  EXPECT_EQ(bytes_of("1MB"), 1e6);
  EXPECT_EQ(bytes_of("900MiB"), 900 * 0x1p20);
  EXPECT_EQ(bytes_of("1.5 GB"), 1.5e9);
  EXPECT_EQ(bytes_of("12GiB"), 12 * 0x1p30);
  EXPECT_EQ(bytes_of("1TB"), 1e12);
  EXPECT_EQ(bytes_of("1TiB"), 0x1p40);
}

TEST(MemoryAmount, TakesUnitsInAnyCaseBehindAnyNumberOfBlanks) {
  EXPECT_EQ(bytes_of("2gib"), 0x1p31);
  EXPECT_EQ(bytes_of("2 GIB"), 0x1p31);
  EXPECT_EQ(bytes_of("2   Gib"), 0x1p31);
}

TEST(MemoryAmount, TakesFractionsAndExponents) {
  EXPECT_EQ(bytes_of(".5KiB"), 512);
  EXPECT_EQ(bytes_of("1e3KB"), 1e6);
}

TEST(MemoryAmount, IsAShareOfTheWholeInPercent) {
  EXPECT_EQ(bytes_of("50%"), kWhole / 2);
  EXPECT_EQ(bytes_of("2.5 %"), kWhole / 40);
  EXPECT_EQ(bytes_of("200%"), 2 * kWhole);  // whether there is so much is for the caller to say
}

TEST(MemoryAmount, NeedsNoUnitToBeNothing) {
  for (const char* text : {"0", "0.0", "-0", "0GiB", "0%"}) EXPECT_EQ(bytes_of(text), 0) << text;
}

TEST(MemoryAmount, BeginsWithANumber) {
  for (const char* text : {"", " ", "GiB", "%", "auto", "+1GiB", " 1GiB", "nan GiB", "inf GiB", "1e999GiB", "-"}) {
    EXPECT_EQ(wrong_with(text), "that is no amount of memory") << text;
  }
}

TEST(MemoryAmount, IsNotNegative) {
  for (const char* text : {"-1GiB", "-1", "-5%", "-1 banana"}) {
    EXPECT_EQ(wrong_with(text), "that leaves no memory") << text;
  }
}

TEST(MemoryAmount, NeedsAUnit) {
  for (const char* text : {"12", "12 ", "0.1", "1e3"}) EXPECT_EQ(wrong_with(text), "it has no unit") << text;
}

TEST(MemoryAmount, KnowsNoOtherUnits) {
  EXPECT_EQ(wrong_with("12bananas"), "'bananas' is no unit of memory");
  EXPECT_EQ(wrong_with("0bananas"), "'bananas' is no unit of memory");
  for (const char* text : {"12GiBs", "12G", "12GiB ", "12GiB of it", "12%%", "1_000MiB", "1,5GiB", "0x10MiB"}) {
    EXPECT_NE(wrong_with(text).find("is no unit of memory"), std::string::npos) << text << ": " << wrong_with(text);
  }
}

TEST(MemoryAmount, PassesNoControlCharactersOrEndlessUnitsOn) {
  EXPECT_EQ(wrong_with("1\x1b[2J"), "'\\x1b[2J' is no unit of memory");
  EXPECT_EQ(wrong_with("1" + std::string(1000, 'x')), "'" + std::string(20, 'x') + "...' is no unit of memory");
}

}  // namespace
}  // namespace bertft
