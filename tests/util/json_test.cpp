#include "bertft/util/json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "message_of.h"
#include "real_data.h"

namespace bertft {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  return message_of<DataError>([&] { parse_json(text, "f.json", limits); });
}

TEST(ParseJson, KeepsTheOrderOfMembers) {
  EXPECT_EQ(parse_json(R"( {"z": 1, "a": [true, null, "x", -2, 1.5, {}]} )", "f").dump(),
            R"({"z":1,"a":[true,null,"x",-2,1.5,{}]})");
}

TEST(ParseJson, SkipsAByteOrderMark) {
  EXPECT_EQ(parse_json("\xEF\xBB\xBF[1]", "f").dump(), "[1]");
  EXPECT_THAT(refusal("\xEF\xBB\xBF[x]"), StartsWith("f.json:1:2: error: "));
}

TEST(ParseJson, PointsAtTheDuplicateKey) {
  EXPECT_EQ(refusal("{\"a\": 1,\n \"b\": {\"a\": 1}, \"a\": 2}"), "f.json:2:17: error: duplicate key 'a'");
  EXPECT_EQ(refusal(R"({"q\"":1, "q\"": 2})"), "f.json:1:11: error: duplicate key 'q\"'");
  EXPECT_EQ(refusal(R"({"":1,"":2})"), "f.json:1:7: error: duplicate key ''");
  EXPECT_EQ(refusal(R"({"a":1,"\u0061":2})"), "f.json:1:8: error: duplicate key 'a'");
}

TEST(ParseJson, AllowsTheSameKeyInDifferentObjects) {
  EXPECT_EQ(refusal(R"([{"a":1},{"a":{"a":2}}])"), "accepted");
}

TEST(ParseJson, ReadsManyMembersInLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i) text += fmt::format("{}\"key{}\":{}", i == 0 ? "" : ",", i, i);
  EXPECT_EQ(parse_json(text + "}", "f").size(), 100000u);
}

TEST(ParseJson, CountsColumnsInCodePoints) {
  EXPECT_THAT(refusal("[\"日本\", x]"), StartsWith("f.json:1:8: error: "));
}

TEST(ParseJson, RefusesNestingBeyondTheLimit) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(refusal(deep), "accepted");
  EXPECT_EQ(refusal("[" + deep + "]"), "f.json:1:65: error: nested deeper than 64 levels");
  EXPECT_EQ(refusal("{\"a\":[1]}", {.max_depth = 1}), "f.json:1:6: error: nested deeper than 1 levels");
  EXPECT_THAT(refusal(std::string(1000000, '[')), StartsWith("f.json:1:65: error: nested deeper"));
}

TEST(ParseJson, RefusesMoreBytesThanExpected) {
  EXPECT_EQ(refusal("[1,2,3]", {.max_bytes = 6}), "f.json: 7 bytes; at most 6 are expected of this file");
}

TEST(ParseJson, RefusesNulBytesWhereverTheyAre) {
  EXPECT_THAT(refusal(std::string("123\0", 4)), StartsWith("f.json:1:4: error: a NUL byte"));
  EXPECT_THAT(refusal(std::string("{}\0garbage", 10)), StartsWith("f.json:1:3: error: a NUL byte"));
  EXPECT_THAT(refusal(std::string("[\"a\0b\"]", 7)), StartsWith("f.json:1:4: error: a NUL byte"));
}

TEST(ParseJson, RefusesBytesBehindTheDocument) {
  EXPECT_THAT(refusal("{} x"), StartsWith("f.json:1:4: error: "));
  EXPECT_THAT(refusal("[1]]"), StartsWith("f.json:1:4: error: "));
}

TEST(ParseJson, RefusesInvalidUtf8AndLoneSurrogates) {
  EXPECT_THAT(refusal("[\"a\xFF\"]"), StartsWith("f.json:1:4: error: "));
  EXPECT_THAT(refusal(R"(["\ud800"])"), HasSubstr("surrogate"));
}

TEST(ParseJson, RefusesNumbersThatOverflow) {
  EXPECT_THAT(refusal("[1e9999]"), HasSubstr("number overflow"));
}

TEST(ParseJson, GuessesWhatAForeignFileIs) {
  EXPECT_THAT(refusal(""), HasSubstr("1:1: error: "));
  EXPECT_THAT(refusal(" \n"), HasSubstr("The file is empty."));
  EXPECT_THAT(refusal("\xEF\xBB\xBF"), HasSubstr("The file is empty."));
  EXPECT_THAT(refusal("{\"a\": [1, 2"), HasSubstr("cut off?"));
  EXPECT_THAT(refusal("{'a': 1}"), HasSubstr("Python's repr"));
  EXPECT_THAT(refusal("{\"a\": None}"), HasSubstr("Python's repr"));
  EXPECT_THAT(refusal("[True]"), HasSubstr("Python's repr"));
  EXPECT_THAT(refusal("[1, 2,]"), HasSubstr("Remove the comma"));
  EXPECT_THAT(refusal("{\"a\": 1,\n}"), HasSubstr("Remove the comma"));
  EXPECT_THAT(refusal("<!DOCTYPE html><html>"), HasSubstr("a web page"));
  EXPECT_THAT(refusal("version https://git-lfs.github.com/spec/v1\noid"), HasSubstr("Git LFS"));
  EXPECT_THAT(refusal("\xFF\xFE{"), HasSubstr("UTF-16"));
  EXPECT_THAT(refusal(std::string("\xFF\xFE{\0}\0", 6)), HasSubstr("UTF-16"));
  EXPECT_THAT(refusal("[NaN]"), HasSubstr("no NaN"));
  EXPECT_THAT(refusal("[-Infinity]"), HasSubstr("no NaN"));
  EXPECT_THAT(refusal("// x\n[1]"), HasSubstr("no comments"));
  EXPECT_THAT(refusal("{\"a\":1}\n{\"a\":2}\n"), HasSubstr("JSON lines"));
}

TEST(ParseJson, NeverPrintsControlCharactersOrLongTexts) {
  const std::string text = refusal("[\"" + std::string(5000, 'x') + "\x1b[31m\"]");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 500u);
}

TEST(LineAndColumn, CountsFromOne) {
  EXPECT_EQ(line_and_column("ab\ncd", 0), "1:1");
  EXPECT_EQ(line_and_column("ab\ncd", 2), "1:3");
  EXPECT_EQ(line_and_column("ab\ncd", 3), "2:1");
  EXPECT_EQ(line_and_column("ab\ncd", 5), "2:3");
  EXPECT_EQ(line_and_column("ab\ncd", 99), "2:3");
  EXPECT_EQ(line_and_column("\n\né😀x", 8), "3:3");
}

// The suite's verdicts (y_ accept, n_ refuse) hold but for what this program refuses on top.
TEST(JsonTestSuite, VerdictsHoldButForDuplicateKeys) {
  if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  const std::set<std::string> refused_by_our_rules = {"y_object_duplicated_key.json",
                                                      "y_object_duplicated_key_and_value.json"};
  int num_files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*data_directory() / "corpora/JSONTestSuite/test_parsing")) {
    const std::string file = entry.path().filename();
    const std::string verdict = refusal(read_file(entry.path()));
    ++num_files;
    if (file.starts_with("n_") || refused_by_our_rules.contains(file)) {
      EXPECT_NE(verdict, "accepted") << file;
    } else if (file.starts_with("y_")) {
      EXPECT_EQ(verdict, "accepted") << file;
    }
  }
  EXPECT_EQ(num_files, 318);
}

TEST(Members, AreAbsentWhenMissingOrNull) {
  const Json object = parse_json(R"({"n": null})", "f");
  EXPECT_EQ(integer_member(object, "x", "f"), std::nullopt);
  EXPECT_EQ(integer_member(object, "n", "f"), std::nullopt);
  EXPECT_EQ(string_member(object, "n", "f"), std::nullopt);
}

TEST(Members, AreReadByType) {
  const Json object = parse_json(R"({"i": -3, "d": 0.5, "s": "x", "b": true})", "f");
  EXPECT_EQ(integer_member(object, "i", "f"), -3);
  EXPECT_EQ(number_member(object, "i", "f"), -3.0);
  EXPECT_EQ(number_member(object, "d", "f"), 0.5);
  EXPECT_EQ(string_member(object, "s", "f"), "x");
  EXPECT_EQ(bool_member(object, "b", "f"), true);
}

TEST(Members, IntegersKeepTheirWholeRange) {
  const Json object = parse_json(R"({"low": -9223372036854775808, "high": 9223372036854775807})", "f");
  EXPECT_EQ(integer_member(object, "low", "f"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(integer_member(object, "high", "f"), std::numeric_limits<std::int64_t>::max());
}

TEST(Members, IntegersAreNeverConvertedSilently) {
  for (const char* value : {"1.9", "1.0", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "true",
                            "\"1\"", "[1]", "{}"}) {
    const Json object = parse_json(fmt::format("{{\"k\": {}}}", value), "f");
    EXPECT_THROW(integer_member(object, "k", "f"), DataError) << value;
  }
}

TEST(Members, RefusalsNameFileKeyAndValue) {
  const Json object = parse_json(R"({"k": "a\nb", "a": [1], "x": 2.0})", "f");
  EXPECT_EQ(message_of<DataError>([&] { integer_member(object, "k", "c.json"); }),
            "c.json: 'k' is the string 'a\\nb'; expected an integer");
  EXPECT_EQ(message_of<DataError>([&] { integer_member(object, "x", "c.json"); }),
            "c.json: 'x' is 2.0; expected an integer");
  EXPECT_EQ(message_of<DataError>([&] { bool_member(object, "a", "c.json"); }),
            "c.json: 'a' is an array; expected true or false");
  EXPECT_EQ(message_of<DataError>([&] { bool_member(Json::array(), "a", "c.json"); }),
            "c.json: expected an object with the key 'a'");
}

// Literal expectations below were printed by CPython 3.11's json.dumps.
TEST(PythonJson, OneLineFormUsesSpacedSeparators) {
  const Json value = parse_json(R"({"a": [1, 2.0, "x"], "b": {}, "c": [], "d": null, "e": true})", "f");
  EXPECT_EQ(python_json(value, -1), R"({"a": [1, 2.0, "x"], "b": {}, "c": [], "d": null, "e": true})");
}

TEST(PythonJson, IndentedFormBreaksLinesWithoutTrailingBlanks) {
  const Json value = parse_json(R"({"a": [1, {"b": []}], "c": {}})", "f");
  EXPECT_EQ(python_json(value, 4),
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": []\n        }\n    ],\n    \"c\": {}\n}");
  EXPECT_EQ(python_json(value, 0), "{\n\"a\": [\n1,\n{\n\"b\": []\n}\n],\n\"c\": {}\n}");
}

TEST(PythonJson, EscapesEverythingBeyondAscii) {
  EXPECT_EQ(python_json(Json("\"\\/\b\f\n\r\t\x01\x1f\x7f é日😀 "), -1),
            R"("\"\\/\b\f\n\r\t\u0001\u001f\u007f \u00e9\u65e5\ud83d\ude00 ")");
  EXPECT_EQ(python_json(Json(std::string("\0", 1)), -1), R"("\u0000")");
  EXPECT_EQ(python_json(parse_json(R"({"ß": 1})", "f"), -1), R"({"\u00df": 1})");
}

TEST(PythonJson, PrintsIntegersAndSpecialFloats) {
  EXPECT_EQ(python_json(Json(std::numeric_limits<std::int64_t>::min()), -1), "-9223372036854775808");
  EXPECT_EQ(python_json(Json(std::numeric_limits<std::uint64_t>::max()), -1), "18446744073709551615");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(python_json(Json(kInfinity), -1), "Infinity");
  EXPECT_EQ(python_json(Json(-kInfinity), -1), "-Infinity");
  EXPECT_EQ(python_json(Json(std::numeric_limits<double>::quiet_NaN()), -1), "NaN");
}

TEST(PythonJson, FloatsEqualPythonsRepr) {
  std::istringstream lines(read_file(BERTFT_FIXTURES "/util/python_floats.txt"));
  std::string header, bits, repr;
  std::getline(lines, header);
  int num_floats = 0;
  while (lines >> bits >> repr) {
    const auto value = std::bit_cast<double>(std::stoull(bits, nullptr, 16));
    EXPECT_EQ(python_json(Json(value), -1), repr) << bits;
    ++num_floats;
  }
  EXPECT_EQ(num_floats, 300);
}

}  // namespace
}  // namespace bertft
