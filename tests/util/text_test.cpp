#include "bertft/util/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace bertft {
namespace {

std::string utf8(char32_t code_point) {
  std::string out;
  append_utf8(out, code_point);
  return out;
}

TEST(Printable, KeepsOrdinaryTextOfAnyScript) {
  EXPECT_EQ(printable("naïve 日本 😀 'x' \\ \""), "naïve 日本 😀 'x' \\ \"");
}

TEST(Printable, EscapesWhatWouldMoveTheCursorOrHideText) {
  EXPECT_EQ(printable("a\nb\tc\rd\x1b[31me\x7f"), "a\\nb\\tc\\rd\\x1b[31me\\x7f");
  EXPECT_EQ(printable(utf8(0x85) + utf8(0x2028) + utf8(0x202E) + utf8(0x2066)), "\\u0085\\u2028\\u202e\\u2066");
  EXPECT_EQ(printable(utf8(0x61C) + utf8(0x200E) + utf8(0x200F)), "\\u061c\\u200e\\u200f");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Printable, ShowsInvalidBytesAsHex) {
  EXPECT_EQ(printable("a\xFF\xC3(\xE2\x82"), "a\\xff\\xc3(\\xe2\\x82");
  EXPECT_EQ(printable("\xC3\xA9\x80"), "é\\x80");
  EXPECT_EQ(printable("\xC2\x9B\x80"), printable("\xC2\x9B") + "\\x80");
}

TEST(Printable, CutsOnACodePointBorder) {
  EXPECT_EQ(printable("äöü", 6), "äöü");
  EXPECT_EQ(printable("äöü", 5), "äö...");
  EXPECT_EQ(printable("äöü", 4), "äö...");
  EXPECT_EQ(printable(std::string(1000, 'x')), std::string(300, 'x') + "...");
}

TEST(Printable, DoesNotCutInsideAnEscape) {
  EXPECT_EQ(printable("ab\x01", 4), "ab...");
}

TEST(FindInvalidUtf8, AcceptsEveryScalarValue) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    ASSERT_EQ(find_invalid_utf8(utf8(c)), std::nullopt) << std::hex << static_cast<unsigned>(c);
  }
}

// The classes of ill-formed sequences of the Unicode standard, chapter 3.9.
TEST(FindInvalidUtf8, RefusesOverlongSurrogatesAndBeyondTheLastPlane) {
  for (const char* bytes : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xBF", "\xFE", "\xFF"}) {
    EXPECT_EQ(find_invalid_utf8(std::string("ab") + bytes), 2u) << printable(bytes);
  }
}

TEST(FindInvalidUtf8, FindsACutSequenceAtTheEndAndBehindLongAscii) {
  EXPECT_EQ(find_invalid_utf8("0123456789abcdef\xE2\x82"), 16u);
  EXPECT_EQ(find_invalid_utf8(std::string(1001, 'a') + "\xF0\x9F\x98" + std::string(100, 'b')), 1001u);
}

TEST(CodePoints, RoundTripThroughUtf8) {
  for (const char32_t c :
       {U'\0', U'a', U'\x7f', U'\x80', U'\u07ff', U'\u0800', U'\uffff', U'\U00010000', U'\U0010ffff'}) {
    const std::string bytes = utf8(c) + "x";
    std::size_t pos = 0;
    EXPECT_EQ(next_code_point(bytes, pos), c);
    EXPECT_EQ(pos, bytes.size() - 1);
  }
}

TEST(CodePoints, AreCountedAndFoundByOffset) {
  const std::string text = "aé日😀z";
  EXPECT_EQ(count_code_points(text), 5u);
  EXPECT_EQ(byte_offset_of(text, 0), 0u);
  EXPECT_EQ(byte_offset_of(text, 2), 3u);
  EXPECT_EQ(byte_offset_of(text, 4), 10u);
  EXPECT_EQ(byte_offset_of(text, 5), text.size());
  EXPECT_EQ(byte_offset_of(text, 99), text.size());
  EXPECT_EQ(count_code_points(""), 0u);
}

TEST(Nearest, FindsATypoWithinTheDistance) {
  const std::vector<std::string_view> keys = {"learning_rate", "weight_decay", "warmup_steps", "seed"};
  EXPECT_EQ(nearest("learing_rate", keys), "learning_rate");
  EXPECT_EQ(nearest("weigth_decay", keys), "weight_decay");
  EXPECT_EQ(nearest("warmupsteps", keys), "warmup_steps");
  EXPECT_EQ(nearest("batch_size", keys), std::nullopt);
  EXPECT_EQ(nearest("", keys), std::nullopt);
}

TEST(Nearest, CountsASwapOfNeighboursAsOneEdit) {
  EXPECT_EQ(nearest("sede", {"seed"}), "seed");
  EXPECT_EQ(nearest("ca", {"abc"}), std::nullopt);  // 3 under optimal string alignment
}

TEST(Nearest, PrefersTheCloserThenTheFirst) {
  EXPECT_EQ(nearest("abcd", {"abxy", "abcx", "abcy"}), "abcx");
  EXPECT_EQ(nearest("abcd", {"abcx", "abcd"}), "abcd");
}

TEST(Nearest, DoesNotProposeAWordThatSharesNothing) {
  EXPECT_EQ(nearest("lr", {"fp"}), std::nullopt);
}

TEST(OnlyOneBeginningWith, IsNothingWhereSeveralBeginSo) {
  EXPECT_EQ(only_one_beginning_with("num_t", {"num_train_epochs", "seed"}), "num_train_epochs");
  EXPECT_EQ(only_one_beginning_with("eval", {"eval_steps", "eval_strategy"}), std::nullopt);
  EXPECT_EQ(only_one_beginning_with("x", {"seed"}), std::nullopt);
}

TEST(ToLowerAscii, LeavesEverythingButAToZ) {
  EXPECT_EQ(to_lower_ascii("LayerNorm.BIAS 12 @[`{"), "layernorm.bias 12 @[`{");
  EXPECT_EQ(to_lower_ascii("\u00c4\xff"), "\u00c4\xff");
}

TEST(MemoryText, IsInBinaryUnits) {
  EXPECT_EQ(memory_text(0), "0 MiB");
  EXPECT_EQ(memory_text(std::uint64_t{312} << 10), "312 KiB");
  EXPECT_EQ(memory_text(std::uint64_t{13} << 17), "1.6 MiB");
  EXPECT_EQ(memory_text(std::uint64_t{812} << 20), "812 MiB");
  EXPECT_EQ(memory_text(std::uint64_t{15} << 29), "7.5 GiB");
}

TEST(Wrapped, BreaksAtBlanksAndCountsCodePoints) {
  const std::string word = "äöü";
  std::string text = word;
  for (int i = 0; i < 19; ++i) text += " " + word;  // 79 columns
  EXPECT_EQ(wrapped(text, 1, 4), text);
  EXPECT_EQ(wrapped(text, 2, 4), text.substr(0, text.rfind(' ')) + "\n    " + word);
  EXPECT_EQ(wrapped("", 2, 4), "");
}

TEST(Wrapped, BreaksAWordThatIsWiderThanThePage) {
  const std::string indent(60, ' '), full(20, 'a');
  EXPECT_EQ(wrapped(std::string(35, 'a'), 70, 60), "aaaaaaaaaa\n" + indent + full + "\n" + indent + "aaaaa");
}

TEST(Counted, HasASingular) {
  EXPECT_EQ(counted(0, "step"), "0 steps");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(std::size_t{2000}, "step"), "2,000 steps");
}

TEST(WithThousands, GroupsFromTheRight) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(-999), "-999");
  EXPECT_EQ(with_thousands(-123456), "-123,456");
  EXPECT_EQ(with_thousands(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

}  // namespace
}  // namespace bertft
