// Files that are no SQuAD data, and SQuAD data with anything in its fields: one clear
// message each, never a crash.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "data/squad_text.h"
#include "data/white_space.h"
#include "real_data.h"

namespace bertft::data {
namespace {

namespace fs = std::filesystem;

class WildFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
    corpora_ = *data_directory() / "corpora";
  }

  std::vector<fs::path> json_test_suite() const {
    std::vector<fs::path> files;
    for (const char* folder : {"test_parsing", "test_transform"}) {
      for (const auto& entry : fs::directory_iterator(corpora_ / "JSONTestSuite" / folder)) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
      }
    }
    EXPECT_EQ(files.size(), 340u);
    return files;
  }

  fs::path corpora_;
};

void expect_one_clear_message(const std::string& message, const std::string& what) {
  EXPECT_TRUE(message.starts_with("data.json:")) << what << ": " << message;
  EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 2) << what;
  EXPECT_LT(message.size(), 600u) << what;
  const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; };
  EXPECT_TRUE(std::none_of(message.begin(), message.end(), is_control)) << what;
}

TEST_F(WildFiles, OfTheJsonTestSuiteAreRefusedWithOneClearMessage) {
  for (const fs::path& file : json_test_suite()) expect_one_clear_message(refusal(read_file(file)), file);
}

TEST_F(WildFiles, AsAMemberNobodyReadsAreAcceptedWhenTheyAreJson) {
  for (const fs::path& file : json_test_suite()) {
    const std::string name = file.filename();
    const std::string message =
        refusal(R"({"data":[{"id":"a","context":"c","question":"q","answers":[]}],"other":)" + read_file(file) + "}");
    if (name.starts_with("y_")) {
      EXPECT_EQ(message, "accepted") << name;
    }
    if (!name.starts_with("n_")) continue;
    EXPECT_TRUE(message.find(": error: not JSON: ") != std::string::npos ||
                message.find(": nested deeper than ") != std::string::npos)
        << name << ": " << message;
  }
}

TEST_F(WildFiles, ValuesInEveryFieldAreReadOrRefused) {
  for (const fs::path& file : json_test_suite()) {
    const std::string value = read_file(file);
    for (const std::string& text : {document(value, R"({"id":"a","question":"q","answers":[]})"),
                                    document(R"("c")", R"({"id":)" + value + R"(,"question":"q","answers":[]})"),
                                    document(R"("c")", R"({"id":"a","question":)" + value + R"(,"answers":[]})"),
                                    with_answers(R"("c")", R"([{"text":"c","answer_start":)" + value + "}]"),
                                    with_answers(R"("c")", R"([{"answer_start":0,"text":)" + value + "}]")}) {
      const std::string message = refusal(text);
      if (message != "accepted") expect_one_clear_message(message, file);
    }
  }
}

TEST_F(WildFiles, NaughtyStringsAreReadVerbatimInEveryField) {
  const Json strings = parse_json(read_file(corpora_ / "naughty-strings" / "blns.json"), "blns.json");
  ASSERT_EQ(strings.size(), 515u);
  for (const Json& value : strings) {
    const std::string quoted = value.dump(), text = value.get<std::string>();
    if (text.empty()) continue;  // an empty id is refused
    const Dataset dataset = read(document(quoted, R"({"id":)" + quoted + R"(,"question":)" + quoted +
                                                      R"(,"answers":[{"answer_start":0,"text":)" + quoted + "}]}"));
    EXPECT_EQ(dataset.contexts[0], text);
    EXPECT_EQ(dataset.questions[0].id, text);
    EXPECT_EQ(dataset.questions[0].text, text);
    EXPECT_EQ(dataset.questions[0].answers[0].text, text);
    EXPECT_EQ(dataset.questions[0].answers[0].aligned, !lstrip(text).empty()) << text;
  }
}

}  // namespace
}  // namespace bertft::data
