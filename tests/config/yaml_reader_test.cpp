// What a configuration file may look like, before any key is understood.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/helpers.h"

namespace bertft::config {
namespace {

TEST(YamlReader, TakesAFlatMapInBlockOrFlowForm) {
  EXPECT_EQ(resolve_yaml("# a comment\n---\nseed: 7  # another\n").options.train.seed, 7);
  EXPECT_EQ(resolve_yaml("{seed: 7}").options.train.seed, 7);
  EXPECT_EQ(resolve_yaml("\xEF\xBB\xBFseed: 7\r\n").options.train.seed, 7);
  EXPECT_EQ(resolve_yaml("%YAML 1.2\n---\nseed: 7\n...\n").options.train.seed, 7);
  EXPECT_EQ(resolve_yaml("'seed': 7").options.train.seed, 7);
}

TEST(YamlReader, RefusesDuplicateKeysWithBothLines) {
  EXPECT_EQ(refusal_of_yaml("seed: 1\ntf32: true\nseed: 2\n"),
            "a.yaml:3:1: error: duplicate key 'seed' (first on line 1); keep one");
}

TEST(YamlReader, RefusesAnchorsAndAliases) {
  const std::string text =
      ": error: anchors and aliases (& and *) are not supported; write the value out, or put a text "
      "that begins so in quotes\n";
  EXPECT_EQ(refusal_of_yaml("seed: &s 1\ndata_seed: *s\n"), "a.yaml:1:7" + text + "a.yaml:2:12" + text + "2 errors");
  EXPECT_EQ(refusal_of_yaml("train_file: *.json\n"), "a.yaml:1:13" + text.substr(0, text.size() - 1));
  EXPECT_EQ(refusal_of_yaml("a: &a [*a]\n"),
            "a.yaml:1:1: error: unknown key 'a'; 'bert-finetune --help all' lists all keys\na.yaml:1:4" + text +
                "a.yaml:1:8" + text + "3 errors");
}

TEST(YamlReader, RefusesTags) {
  EXPECT_EQ(refusal_of_yaml("seed: !!int 3"),
            "a.yaml:1:7: error: tags (!) are not supported; the key decides how its value is read");
}

TEST(YamlReader, RefusesASecondDocument) {
  EXPECT_EQ(refusal_of_yaml("seed: 1\n---\nseed: 2\n"),
            "a.yaml:2:1: error: a second document starts here; a configuration file holds one");
  EXPECT_EQ(refusal_of_yaml("  seed: 1\ntf32: true\n"),
            "a.yaml:2:1: error: this line does not fit the map above; every key begins in the same column, with ': ' "
            "behind it");
}

TEST(YamlReader, RefusesRootsThatAreNotAMap) {
  EXPECT_EQ(refusal_of_yaml("- seed: 1\n"), "a.yaml:1:1: error: expected lines of the form 'key: value', found a list");
  EXPECT_EQ(refusal_of_yaml("seed 3\n"), "a.yaml:1:1: error: expected lines of the form 'key: value', found 'seed 3'");
  EXPECT_EQ(refusal_of_yaml("seed:3\n"),
            "a.yaml:1:1: error: expected lines of the form 'key: value', found 'seed:3'; a space must follow the ':'");
  EXPECT_EQ(refusal_of_yaml("null\n"), "a.yaml:1:1: error: expected lines of the form 'key: value', found nothing");
}

TEST(YamlReader, RefusesAFileThatSaysNothing) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---"}) {
    EXPECT_EQ(refusal_of_yaml(text), "a.yaml:1:1: error: expected lines of the form 'key: value', found nothing")
        << text;
  }
}

TEST(YamlReader, RefusesKeysThatAreNoWords) {
  EXPECT_EQ(refusal_of_yaml("? [a]\n: 1\n"), "a.yaml:1:3: error: expected the name of an option before the ':'");
  EXPECT_EQ(refusal_of_yaml(": 1\n"), "a.yaml:1:1: error: expected the name of an option before the ':'");
}

TEST(YamlReader, NamesThePlaceOfASyntaxError) {
  EXPECT_EQ(refusal_of_yaml("run_name: a: b\n"),
            "a.yaml:1:12: error: a ':' cannot stand here; put a text that holds ': ' in quotes, and begin every key in "
            "the same column");
  EXPECT_EQ(refusal_of_yaml("seed: 1\n\ttf32: true\n"),
            "a.yaml:2:1: error: a tab cannot begin a line; every key begins in the first column");
  EXPECT_EQ(refusal_of_yaml("seed: 1\n\t# comment\ntf32: true\n"),
            "a.yaml:2:1: error: a tab cannot begin a line; every key begins in the first column");
  EXPECT_EQ(refusal_of_yaml("\tseed: 1\n"),
            "a.yaml:1:1: error: a tab cannot begin a line; every key begins in the first column");
  EXPECT_EQ(refusal_of_yaml("seed: 1 #\n tf32: true\n"),
            "a.yaml:2:2: error: this line does not fit the map above; every key begins in the same column, with ': ' "
            "behind it");
  EXPECT_EQ(refusal_of_yaml("output_dir: \"runs\""), "accepted");
  EXPECT_EQ(refusal_of_yaml("output_dir: \"runs"), "a.yaml:1:18: error: the closing quote of this text is missing");
}

TEST(YamlReader, NamesTheLineThatLacksItsColonOrTheSpaceBehindIt) {
  const std::string form = "error: expected lines of the form 'key: value', found ";
  EXPECT_EQ(refusal_of_yaml("seed:4\ntf32: true\n"), "a.yaml:1:1: " + form + "'seed:4'; a space must follow the ':'");
  EXPECT_EQ(refusal_of_yaml("tf32: true\nseed 4\nbf16: true\n"), "a.yaml:2:1: " + form + "'seed 4'");
  EXPECT_EQ(refusal_of_yaml("tf32: true\nseed=4\nbf16: true\n"), "a.yaml:2:1: " + form + "'seed=4'");
  EXPECT_EQ(refusal_of_yaml("seed:4  # note: x\ntf32: true\n"),
            "a.yaml:1:1: " + form + "'seed:4'; a space must follow the ':'");
  EXPECT_EQ(refusal_of_yaml("tf32: true\nseed:4\n\n# note\nbf16: true\n"),
            "a.yaml:2:1: " + form + "'seed:4'; a space must follow the ':'");
  EXPECT_EQ(refusal_of_yaml("tf32: true\nseed 4  # note: x\nbf16: true\n"), "a.yaml:2:1: " + form + "'seed 4'");
  EXPECT_EQ(refusal_of_yaml("seed:4\n\ntf32: true\n"), "a.yaml:1:1: " + form + "'seed:4'; a space must follow the ':'");
}

TEST(YamlReader, BlamesNoLineAboveASecondColon) {
  for (const char* above : {"---", "output_dir:\n  /a/b", "run_name: my\n  long name", "train_file:\n  - a.json",
                            "seed: 1\n# http://a.b", "seed: 1\n  # http://a.b", "report_to: [\nnone\n]",
                            "train_file: \"a\nb c\"", "run_name: 'a\n\nb c'", "\t# comment\nseed: 1"}) {
    EXPECT_THAT(refusal_of_yaml(std::string(above) + "\nlogging_dir: a: b\n"),
                testing::HasSubstr(":15: error: a ':' cannot stand here"))
        << above;
  }
}

TEST(YamlReader, ReportsWhatCameBeforeASyntaxErrorToo) {
  EXPECT_EQ(refusal_of_yaml("seed: x\noutput_dir: @runs\n"),
            "a.yaml:1:7: error: seed: expected a non-negative integer, got 'x'\n"
            "a.yaml:2:13: error: no text begins so; put it in quotes\n2 errors");
}

TEST(YamlReader, SaysNothingOfAValueThatASyntaxErrorMayHaveChanged) {
  EXPECT_EQ(refusal_of_yaml("learning_rate: 3e-5\n num_train_epochs: 2\n"),
            "a.yaml:2:18: error: a ':' cannot stand here; put a text that holds ': ' in quotes, and begin every key in "
            "the same column");
  EXPECT_EQ(refusal_of_yaml("seed: [1, 2\nbf16: true\n"),
            "a.yaml:2:5: error: a ',' or the closing ']' of a list is missing");
  EXPECT_EQ(refusal_of_yaml("seed: x\nseed: [\n"),
            "a.yaml:1:7: error: seed: expected a non-negative integer, got 'x'\n"
            "a.yaml:2:1: error: duplicate key 'seed' (first on line 1); keep one\n"
            "a.yaml:3:1: error: a ',' or the closing ']' of a list is missing\n3 errors");
  EXPECT_EQ(refusal_of_yaml("seed: {a\n"), "a.yaml:2:1: error: a ',' or the closing '}' of a map is missing");
  EXPECT_EQ(refusal_of_yaml("seed: \"abc\nbf16: true\n"),
            "a.yaml:1:7: error: the closing quote of this text is missing");
}

TEST(YamlReader, SaysWhatIsWrongWithAFileInJson) {
  EXPECT_EQ(refusal_of_yaml("{\n  \"seed\": 3,\n  \"bf16\": true\n"),
            "a.yaml:4:1: error: a ',' or the closing '}' of a map is missing");
  EXPECT_EQ(refusal_of_yaml("{\n  \"seed\": 3\n  \"bf16\": true\n}\n"),
            "a.yaml:3:9: error: a ',' or the closing '}' of a map is missing");
  EXPECT_EQ(refusal_of_yaml("{\n\t\"seed\": 3\n\t\"bf16\": true\n}\n"),
            "a.yaml:3:8: error: a ',' or the closing '}' of a map is missing");
  for (const char* half : {R"({"a": "\ud83d.json"})", R"({"a": "\ude00\ud83d"})", R"({"a": "\\ud83d\ude00"})"}) {
    EXPECT_THAT(refusal_of_yaml(half), testing::HasSubstr("write the character itself"));
  }
}

TEST(YamlReader, ReadsACharacterInTwoEscapesOfJson) {
  const auto train_file = [](const std::string& json) { return *resolve_yaml(json).options.data.train_file; };
  EXPECT_TRUE(train_file(R"({"train_file": "/a\ud83d\ude00\n\\ud83d"})").ends_with("/a\U0001f600\n\\ud83d"));
  EXPECT_TRUE(train_file("\xEF\xBB\xBF"
                         R"({"train_file": "/\ud83d\ude00"})")
                  .ends_with("/\U0001f600"));
  EXPECT_TRUE(train_file(R"({"train_file": "/\u00e9"})").ends_with("/\u00e9"));
}

TEST(YamlReader, RefusesATextThatNeverEnds) {
  EXPECT_EQ(refusal_of_yaml("output_dir: \"runs\n"), "a.yaml:1:13: error: the closing quote of this text is missing");
  EXPECT_EQ(refusal_of_yaml("output_dir: 'it''s\n"), "a.yaml:1:13: error: the closing quote of this text is missing");
  EXPECT_EQ(refusal_of_yaml("output_dir: 'C:\\runs\\'"), "accepted");
  EXPECT_EQ(refusal_of_yaml("output_dir: 'it''s'\ntrain_file: \"a\\\"b\"\n"), "accepted");
}

TEST(YamlReader, CountsColumnsInCodePoints) {
  EXPECT_EQ(refusal_of_yaml("{output_dir: 'été', seed: x}"),
            "a.yaml:1:27: error: seed: expected a non-negative integer, got 'x'");
  EXPECT_EQ(refusal_of_yaml("{seéd: 1, ü: 2, seed: ü, tf32: x}"),
            "a.yaml:1:2: error: unknown key 'seéd'; did you mean 'seed'?\n"
            "a.yaml:1:11: error: unknown key 'ü'; 'bert-finetune --help all' lists all keys\n"
            "a.yaml:1:23: error: seed: expected a non-negative integer, got 'ü'\n"
            "a.yaml:1:32: error: tf32: expected true or false, got 'x'\n4 errors");
  EXPECT_EQ(refusal_of_yaml("\xEF\xBB\xBFseed: x"),
            "a.yaml:1:7: error: seed: expected a non-negative integer, got 'x'");
}

TEST(YamlReader, RefusesBytesThatAreNoText) {
  EXPECT_EQ(refusal_of_yaml("seed: 1\nété: \xff\n"), "a.yaml:2:6: error: not UTF-8 text");
  EXPECT_EQ(refusal_of_yaml(std::string("seed: 1\0", 8)), "a.yaml:1:8: error: a NUL byte; this is not a text file");
  EXPECT_EQ(refusal_of_yaml("\xff\xfes\0e\0"), "a.yaml:1:1: error: the file is UTF-16 text; save it as UTF-8");
}

TEST(YamlReader, RefusesDeepNesting) {
  EXPECT_EQ(refusal_of_yaml("seed: " + std::string(5000, '[')), "a.yaml:1:1: error: nested too deeply");
}

TEST(YamlReader, AMebibyteOnOneLineIsRefusedInNoTime) {
  std::string yaml = "{a: &b 1";
  for (int i = 0; yaml.size() < 1'000'000; ++i) yaml += ", a" + std::to_string(i) + ": *b";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(refusal_of_yaml(yaml + "}"), "accepted");
  yaml = "{a: 1";
  for (int i = 0; yaml.size() < 1'000'000; ++i) yaml += ", a" + std::to_string(i) + ": 1";
  EXPECT_NE(refusal_of_yaml(yaml + "}"), "accepted");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));  // linear: under one second
}

TEST(YamlReader, EscapesControlCharactersOfUserText) {
  EXPECT_EQ(refusal_of_yaml("\"a\\e[31m\": 1\n"),
            "a.yaml:1:1: error: unknown key 'a\\x1b[31m'; 'bert-finetune --help all' lists all keys");
}

TEST(YamlReader, ReadsOnBehindAnAlias) {
  const std::string text = refusal_of_yaml("seed: &s 1\ndata_seed: *s\ntf32: x\n");
  EXPECT_NE(text.find("a.yaml:3:7: error: tf32: expected true or false, got 'x'\n3 errors"), std::string::npos) << text;
}

}  // namespace
}  // namespace bertft::config
