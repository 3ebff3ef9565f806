#include "bertft/util/code_point_index.h"

#include <gtest/gtest.h>

#include <string>

#include "bertft/util/text.h"

namespace bertft {
namespace {

// Of every code point, and behind the end.
void expect_true_offsets(const std::string& text) {
  const CodePointIndex index(text);
  for (std::size_t i = 0; i <= count_code_points(text) + 2; ++i) {
    ASSERT_EQ(index.byte_offset(i), byte_offset_of(text, i)) << i << " of " << testing::PrintToString(text);
  }
  EXPECT_EQ(index.byte_offset(std::uint64_t{1} << 63), text.size());
}

TEST(CodePointIndex, TellsWhereEachCodePointBegins) {
  expect_true_offsets("");
  expect_true_offsets("a");
  expect_true_offsets("\u00e9");
  expect_true_offsets(std::string(1000, 'a'));
  // Of one to four bytes, at all places in a block.
  std::string text;
  for (int i = 0; i < 300; ++i) text += i % 7 == 0 ? "\U0001F600" : i % 3 == 0 ? "\u20ac" : i % 2 == 0 ? "\u00e9" : "a";
  for (std::size_t lead = 0; lead < 64; ++lead) expect_true_offsets(std::string(lead, 'b') + text);
  expect_true_offsets(std::string(64, 'b') + std::string(100, '\n') + "\u00e9");
}

}  // namespace
}  // namespace bertft
