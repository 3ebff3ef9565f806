// Byte strings that break one rule of the format each.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "bertft/util/error.h"
#include "message_of.h"
#include "weights/bytes.h"
#include "weights/safetensors_check.h"

namespace bertft::weights {
namespace {

struct Malformed {
  std::string name;
  std::string rule;
  std::string bytes;
};

constexpr const char* kEightBytes = "01234567";

// A header of one tensor with the values given as JSON.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"({{"a":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
}

std::string two(std::string_view first_offsets, std::string_view second_offsets) {
  return fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                     R"("b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                     first_offsets, second_offsets);
}

std::string metadata(std::string_view json) {
  return fmt::format(R"({{"__metadata__":{}}})", json);
}

// Collects the cases of one rule; each gets the data of `data`.
class Table {
 public:
  void rule(std::string rule, std::string data = "") {
    rule_ = std::move(rule);
    data_ = std::move(data);
  }
  void header(std::string_view name, std::string_view header) { file(name, safetensors(header, data_)); }
  void file(std::string_view name, std::string bytes) {
    cases_.push_back({std::string(name), rule_, std::move(bytes)});
  }
  std::vector<Malformed> take() { return std::move(cases_); }

 private:
  std::string rule_, data_;
  std::vector<Malformed> cases_;
};

void add_framing(Table& table) {
  table.rule("length-prefix");
  for (std::size_t size = 0; size < 8; ++size) table.file(fmt::format("only {} bytes", size), std::string(size, '\2'));

  table.rule("header-limit");
  table.file("one byte over 10 MB", safetensors("{}", "", 10'000'001));
  table.file("4 GB", safetensors("{}", "", std::uint64_t{1} << 32));
  table.file("2 to the 63", safetensors("{}", "", std::uint64_t{1} << 63));
  table.file("all bits set", safetensors("{}", "", ~std::uint64_t{0}));
  table.file("text instead of a length", "        {}");

  table.rule("header-inside-file");
  table.file("no header at all", safetensors("", "", 2));
  table.file("one byte short", safetensors("{}", "", 3));
  table.file("10 MB of which two are there", safetensors("{}", "", 10'000'000));

  table.rule("header-start");
  table.header("empty header", "");
  table.header("space first", " {}");
  table.header("newline first", "\n{}");
  table.header("tab first", "\t{}");
  table.header("byte order mark first", "\xEF\xBB\xBF{}");
  table.header("NUL first", std::string("\0{}", 3));
  table.header("list", "[]");
  table.header("null", "null");
  table.header("number", "1");
  table.header("string", "\"{}\"");
  table.header("closing brace", "}");

  table.rule("header-utf8");
  table.header("byte FF in a name", "{\"\xFF\":1}");
  table.header("overlong NUL", "{\"\xC0\x80\":1}");
  table.header("encoded surrogate", "{\"\xED\xA0\x80\":1}");
  table.header("cut sequence", "{\"\xE2\x82\":1}");
  table.header("beyond U 10FFFF", "{\"\xF5\x80\x80\x80\":1}");
  table.header("lone continuation outside a string", "{}\x80");
  table.header("in metadata", metadata("{\"k\":\"\xFE\"}"));
}

void add_json(Table& table) {
  table.rule("header-json");
  table.header("unclosed", "{");
  table.header("closed twice", "{}}");
  table.header("word behind", "{} x");
  table.header("comma behind", "{},");
  table.header("second object behind", "{}{}");
  table.header("NUL behind", std::string("{}\0", 3));
  table.header("garbage behind a NUL", std::string("{}\0{\"a\":1}", 10));
  table.header("NUL in a name", std::string("{\"\0\":1}", 7));
  table.header("name without value", R"({"a"})");
  table.header("colon without value", R"({"a":})");
  table.header("name without quotes", "{a:1}");
  table.header("single quotes", "{'a':1}");
  table.header("trailing comma", R"({"__metadata__":{},})");
  table.header("missing comma", R"({"__metadata__":{}"a":1})");
  table.header("missing colon", R"({"a" 1})");
  table.header("comment", "{/* nothing */}");
  table.header("raw newline in a name", "{\"a\nb\":1}");
  table.header("unknown escape", R"({"\x61":1})");
  table.header("escaped half surrogate", R"({"\ud800":1})");
  table.header("unclosed string", R"({"a)");
  table.header("NaN", R"({"a":NaN})");
  table.header("leading zero", one(R"("U8")", "[01]", "[0,1]"));
  table.header("plus sign", one(R"("U8")", "[+1]", "[0,1]"));
  table.header("number beyond a double", one(R"("U8")", "[1e999]", "[0,1]"));
  table.header("unclosed list", R"({"a":{"dtype":"U8","shape":[1)");
  table.header("list closed by a brace", R"({"a":{"dtype":"U8","shape":[1}})");
}

void add_names(Table& table) {
  table.rule("unique-names", kEightBytes);
  const std::string a = R"("a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]})";
  table.header("same tensor twice", "{" + a + "," + a + "}");
  table.header("same name two tensors", "{" + a + R"(,"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})");
  table.header("same name once escaped", "{" + a + R"(,"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}})");
  table.header("metadata twice", R"({"__metadata__":{},)" + a + R"(,"__metadata__":{}})");
  table.header("metadata key twice", metadata(R"({"format":"pt","format":"tf"})"));
  table.header("dtype twice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}})");
  table.header("shape twice", R"({"a":{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}})");
  table.header("offsets twice", R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"data_offsets":[0,8]}})");

  table.rule("tensor-limit");
  std::string many = "{";
  for (int i = 0; i <= 10'000; ++i) {
    many += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i == 0 ? "" : ",", i);
  }
  table.header("10001 tensors", many + "}");

  table.rule("metadata-strings");
  for (const char* value : {"null", "true", "1", "-1", "1.5", "[]", "{}", R"(["pt"])"}) {
    table.header(fmt::format("value {}", value), metadata(fmt::format(R"({{"format":{}}})", value)));
  }
  for (const char* value : {"null", "false", "1", "-1", "1.5", "[]", R"("pt")"}) {
    table.header(fmt::format("metadata is {}", value), metadata(value));
  }
}

void add_entries(Table& table) {
  table.rule("tensor-entry", kEightBytes);
  for (const char* value : {"null", "true", "1", "-1", "1.5", "[]", R"("F32")", "[[[[[[[[[[]]]]]]]]]]"}) {
    table.header(fmt::format("tensor is {}", value), fmt::format(R"({{"a":{}}})", value));
  }
  table.header("empty entry", R"({"a":{}})");
  table.header("no dtype", R"({"a":{"shape":[8],"data_offsets":[0,8]}})");
  table.header("no shape", R"({"a":{"dtype":"U8","data_offsets":[0,8]}})");
  table.header("no offsets", R"({"a":{"dtype":"U8","shape":[8]}})");
  table.header("unknown key", R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"strides":[1]}})");
  table.header("key in capitals", R"({"a":{"DTYPE":"U8","shape":[8],"data_offsets":[0,8]}})");

  table.rule("dtype", kEightBytes);
  for (const char* dtype : {"\"f32\"", "\"F32 \"", "\"\"", "\"FLOAT\"", "\"F8_E4M3\"", "\"F4\"", "\"C64\"", "\"F128\"",
                            "\"F32\\u0000\"", "null", "3", "-3", "0.5", "true", "[\"F32\"]", "{\"F32\":1}"}) {
    table.header(fmt::format("dtype {}", dtype), one(dtype, "[2]", "[0,8]"));
  }

  table.rule("shape", kEightBytes);
  for (const char* shape : {"2", "\"2\"", "null", "true", "{}", "[-2]", "[2.0]", "[\"2\"]", "[null]", "[[2]]", "[true]",
                            "[{}]", "[-0]", "[1e2]", "[9223372036854775808]", "[18446744073709551616]"}) {
    table.header(fmt::format("shape {}", shape), one(R"("F32")", shape, "[0,8]"));
  }
  table.header("product of 2 to the 64", one(R"("U8")", "[4294967296,4294967296]", "[0,8]"));
  table.header("product that wraps to 8", one(R"("U8")", "[4611686018427387904,4,8]", "[0,8]"));
  table.header("bytes of 2 to the 64", one(R"("F64")", "[2305843009213693952]", "[0,8]"));
  table.header("overflow before a zero", one(R"("U8")", "[4611686018427387904,4,0]", "[0,0]"));
}

void add_offsets(Table& table) {
  table.rule("data-offsets", kEightBytes);
  for (const char* offsets :
       {"[]", "[0]", "[0,4,8]", "0", "\"0,8\"", "null", "true", "{}", "[-8,0]", "[0.0,8.0]", "[\"0\",\"8\"]",
        "[null,8]", "[[0,8]]", "[[0],[8]]", "[0,18446744073709551616]", "[8,0]", "[18446744073709551615,0]"}) {
    table.header(fmt::format("offsets {}", offsets), one(R"("F32")", "[2]", offsets));
  }

  table.rule("byte-count", kEightBytes);
  table.header("fewer bytes than the shape", one(R"("F32")", "[3]", "[0,8]"));
  table.header("more bytes than the shape", one(R"("F32")", "[1]", "[0,8]"));
  table.header("half a dtype", one(R"("F16")", "[2]", "[0,8]"));
  table.header("scalar of two elements", one(R"("F32")", "[]", "[0,8]"));
  table.header("empty tensor with bytes", one(R"("F32")", "[0,2]", "[0,8]"));
  table.header("tensor without bytes", one(R"("F32")", "[2]", "[8,8]"));
  table.header("nearly all of the address space", one(R"("U8")", "[8]", "[0,18446744073709551615]"));

  table.rule("no-overlap", kEightBytes);
  table.header("shared middle", two("[0,4]", "[2,6]"));
  table.header("same place", two("[0,4]", "[0,4]"));
  table.header("order reversed and shared", two("[3,7]", "[0,4]"));
  std::string attack = "{";
  for (int i = 0; i < 10; ++i) {
    attack += fmt::format(R"({}"t{}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", i == 0 ? "" : ",", i);
  }
  table.header("ten tensors on one place", attack + "}");
  table.header("empty tensor inside another", R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                                              R"("b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})");

  table.rule("no-gap", kEightBytes + std::string("89"));
  table.header("nothing at 0", one(R"("F32")", "[2]", "[2,10]"));
  table.header("hole between", two("[0,4]", "[6,10]"));
  table.header("hole before an empty tensor", one(R"("F32")", "[0]", "[4,4]"));

  table.rule("data-end", kEightBytes);
  table.header("one byte missing", one(R"("U8")", "[9]", "[0,9]"));
  table.header("one byte too many", one(R"("U8")", "[7]", "[0,7]"));
  table.header("data without tensors", "{}");
  table.header("metadata alone with data", metadata(R"({"format":"pt"})"));
  table.header("2 to the 62 bytes", one(R"("U8")", "[4611686018427387904]", "[0,4611686018427387904]"));
  table.rule("data-end", "012345");
  table.header("second tensor over the end", two("[0,4]", "[4,8]"));
  table.rule("data-end");
  table.header("no data", one(R"("F32")", "[2]", "[0,8]"));
}

std::vector<Malformed> all_malformed() {
  Table table;
  add_framing(table);
  add_json(table);
  add_names(table);
  add_entries(table);
  add_offsets(table);
  return table.take();
}

std::set<std::string> all_rules() {
  std::set<std::string> rules;
  for (const Malformed& malformed : all_malformed()) rules.insert(malformed.rule);
  return rules;
}

class SafetensorsRule : public testing::TestWithParam<std::string> {};

TEST_P(SafetensorsRule, IsNamedForEveryFileThatBreaksIt) {
  for (const auto& [name, rule, bytes] : all_malformed()) {
    if (rule != GetParam()) continue;
    const std::string message =
        message_of<WeightsError>([&] { check_safetensors(as_bytes(bytes), "bad.safetensors"); });
    EXPECT_THAT(message, testing::StartsWith("bad.safetensors: ")) << name;
    EXPECT_THAT(message, testing::HasSubstr("(safetensors rule: " + rule + ")")) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SafetensorsRule, testing::ValuesIn(all_rules()), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(MalformedSafetensors, AreAtLeastAHundred) {
  EXPECT_GE(all_malformed().size(), 100U);
}

}  // namespace
}  // namespace bertft::weights
