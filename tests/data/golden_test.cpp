// Real data sets against figures of transformers 5.17.0 and tokenizers 0.23.3.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "bertft/data/check.h"
#include "bertft/data/features.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "real_data.h"
#include "temporary_directory.h"

namespace bertft::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int32_t kMaxSeqLength = 384;

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
    data_ = *data_directory();
  }

  std::string squad(const std::string& name) const { return data_ / "squad" / name; }

  /// The uncased tokenizer, from a model directory made for the test.
  std::unique_ptr<tokenizer::Tokenizer> uncased() const {
    const TemporaryDirectory model;
    model.write("vocab.txt", read_file(data_ / "vocab" / "bert-base-uncased-vocab.txt"));
    model.write("tokenizer_config.json", R"({"do_lower_case": true})");
    return tokenizer::load_tokenizer(model.path());
  }

  fs::path data_;
};

// First 16 digits of the SHA-256 over all windows, as int32.
struct Hashes {
  std::size_t num_windows;
  std::string ids, labels, offsets;
  bool operator==(const Hashes&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Hashes& hashes) {
  return out << hashes.num_windows << ' ' << hashes.ids << ' ' << hashes.labels << ' ' << hashes.offsets;
}

std::string hash(const std::vector<std::int32_t>& values) {
  return sha256_hex(std::as_bytes(std::span(values))).substr(0, 16);
}

enum class LabelRule { kCorrected, kRunQa };

// run_qa.py pads to max_seq_length: where its quirk takes our closing [SEP] for the start,
// it takes the last pad.
std::string hash_of_labels(const Features& features, LabelRule rule) {
  std::vector<std::int32_t> labels;
  for (const Window& window : features.windows) {
    const bool at_last_pad = rule == LabelRule::kRunQa && window.start_label == features.length(window) - 1;
    labels.push_back(at_last_pad ? kMaxSeqLength - 1 : static_cast<std::int32_t>(window.start_label));
    labels.push_back(static_cast<std::int32_t>(window.end_label));
  }
  return hash(labels);
}

// Padded likewise: ids with [PAD], offsets with -1, -1 as everywhere outside the context.
Hashes hashes_of(const Features& features) {
  constexpr std::uint32_t kPad = 0;  // of every vocabulary here
  std::vector<std::int32_t> ids, offsets;
  for (const Window& window : features.windows) {
    const std::size_t end = ids.size() + kMaxSeqLength;
    const auto append = [&](std::uint32_t id, std::int32_t begin_offset, std::int32_t end_offset) {
      ids.push_back(static_cast<std::int32_t>(id));
      offsets.insert(offsets.end(), {begin_offset, end_offset});
    };
    append(features.tokens.special.cls, -1, -1);
    for (const auto& token : features.question_tokens(window)) append(token.id, -1, -1);
    append(features.tokens.special.sep, -1, -1);
    for (const auto& token : features.context_tokens(window)) {
      append(token.id, static_cast<std::int32_t>(token.char_begin), static_cast<std::int32_t>(token.char_end));
    }
    append(features.tokens.special.sep, -1, -1);
    while (ids.size() < end) append(kPad, -1, -1);
  }
  return {features.windows.size(), hash(ids), hash_of_labels(features, LabelRule::kRunQa), hash(offsets)};
}

Features as_run_qa(TokenizedDataset read) {
  DataOptions options;
  options.fix_last_token_label = false;
  return make_features(read.dataset, std::move(read.tokens), options, Purpose::kTraining);
}

TEST_F(Golden, FeaturesOfTrainMiniEqualRunQa) {
  const Features features = as_run_qa(read_and_tokenize(squad("squad-v2.0-train-mini.json"), *uncased()));
  EXPECT_EQ(hashes_of(features), (Hashes{696, "ba2c99e3888ef211", "7c476701921e67df", "b76e067b78065257"}));
}

TEST_F(Golden, FeaturesOfTheDevSetEqualRunQa) {
  TokenizedDataset read = read_and_tokenize(squad("squad-v2.0-dev.json"), *uncased());
  EXPECT_EQ(read.dataset.num_articles, 35u);
  EXPECT_EQ(read.dataset.contexts.size(), 1204u);
  EXPECT_EQ(read.dataset.questions.size(), 11873u);
  EXPECT_EQ(read.dataset.sha256, "af99b43b11a15174ed2c07a94e7b6f983edc257ddeabf624fdd38ba62911b20b");
  const Features features = as_run_qa(std::move(read));
  EXPECT_EQ(hashes_of(features), (Hashes{12134, "74e5b3e81ec9c4ee", "98e9db018a4759bb", "f516ebee3adf0508"}));
}

TEST_F(Golden, FeaturesOfTheWholeTrainSetEqualRunQa) {
  const fs::path file = folder_of("BERTFT_UNPACKED_DIR").value_or("") / "squad-v2.0-train-rebuilt.json";
  if (!fs::exists(file)) GTEST_SKIP() << "no squad-v2.0-train-rebuilt.json in BERTFT_UNPACKED_DIR";
  const auto tokenizer = uncased();
  Features features = as_run_qa(read_and_tokenize(file, *tokenizer));
  EXPECT_EQ(hashes_of(features), (Hashes{130101, "3ac54ceaa7e8e888", "cf855770be01f1ae", "b8d40730df190097"}));

  const Dataset dataset = read_dataset(file);
  EXPECT_EQ(dataset.questions.size(), 128703u);
  features = make_features(dataset, *tokenizer, {}, Purpose::kTraining);
  EXPECT_EQ(hash_of_labels(features, LabelRule::kCorrected), "717762ff13d01acc");
  const auto num_labelled = std::count_if(features.windows.begin(), features.windows.end(),
                                          [](const Window& window) { return window.end_label > 0; });
  EXPECT_EQ(num_labelled, 87003);
}

struct WindowCount {
  const char* file;
  std::uint64_t num_questions, num_unanswerable, num_windows;
};

TEST_F(Golden, OtherFilesHaveTheKnownNumberOfWindows) {
  const auto tokenizer = uncased();
  for (const auto& [file, num_questions, num_unanswerable, num_windows] :
       {WindowCount{"squad-v1.1-dev.json", 10570, 0, 10784},
        WindowCount{"squad-v2.0-train-10k.json", 10305, 4794, 10562},
        WindowCount{"squad-v2.0-dev-1k.json", 1215, 542, 1222}, WindowCount{"squad-v2.0-tiny.json", 51, 26, 51}}) {
    auto [dataset, tokens] = read_and_tokenize(squad(file), *tokenizer);
    const DataCheck check = check_data(dataset, std::move(tokens), {});
    EXPECT_EQ(check.num_questions, num_questions) << file;
    EXPECT_EQ(check.num_unanswerable, num_unanswerable) << file;
    EXPECT_EQ(check.windows->num_windows, num_windows) << file;
    const auto is_misaligned = [](const Finding& finding) { return finding.kind == Finding::Kind::kMisaligned; };
    EXPECT_EQ(std::count_if(check.findings.begin(), check.findings.end(), is_misaligned), 0) << file;
  }
}

TEST_F(Golden, OffsetsAreInOrderAndWithinTheContext) {
  const Dataset dataset = read_dataset(data_ / "qa-extra" / "xquad.th.json");
  const Features features = make_features(dataset, *uncased(), {}, Purpose::kEvaluation);
  for (const Window& window : features.windows) {
    const std::size_t num_chars = count_code_points(dataset.contexts[features.context_of[window.question_idx]]);
    std::uint32_t previous = 0;
    for (const auto& token : features.context_tokens(window)) {
      ASSERT_LE(previous, token.char_begin);
      ASSERT_LT(token.char_begin, token.char_end);
      ASSERT_LE(token.char_end, num_chars);
      previous = token.char_begin;
    }
  }
}

TEST_F(Golden, IntegerIdsAndLongContextsAreRead) {
  const Dataset dataset = read_dataset(data_ / "qa-extra" / "covid-qa-ccby.json");
  EXPECT_EQ(dataset.questions.size(), 1045u);
  EXPECT_EQ(dataset.questions.front().id.find_first_not_of("0123456789"), std::string::npos);
  for (const Question& question : dataset.questions) EXPECT_TRUE(question.answers.front().aligned) << question.id;
  const Features features = make_features(dataset, *uncased(), {}, Purpose::kTraining);
  EXPECT_GT(features.windows.size(), 20 * dataset.questions.size());
}

TEST_F(Golden, EveryMisalignedAnswerIsReported) {
  const Dataset dataset = read_dataset(data_ / "qa-extra" / "covid-qa-ccby-misaligned.json");
  ASSERT_EQ(dataset.questions.size(), 190u);
  std::set<std::string> reported;
  const std::vector<Finding> findings = check_data(dataset).findings;
  for (const Finding& finding : findings) {
    if (finding.kind == Finding::Kind::kMisaligned) reported.insert(finding.question_id);
  }
  EXPECT_EQ(reported.size(), 190u);
}

#ifndef BERTFT_SANITIZED  // sanitizers take memory of their own

// The highest resident set so far, in bytes.
std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

TEST_F(Golden, ReadingTakesLessThanEightTimesTheFile) {
  std::ofstream("/proc/self/clear_refs") << 5;  // starts the measure anew
  const std::uint64_t before = peak_memory();
  read_dataset(squad("squad-v2.0-dev.json"));
  EXPECT_LT(peak_memory() - before, 8 * fs::file_size(squad("squad-v2.0-dev.json")));
}

#endif

TEST_F(Golden, ShiftedAnswersAreAllReported) {
  std::string text = read_file(squad("squad-v2.0-tiny.json"));
  const std::string key = "\"answer_start\": ";
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    text.insert(at + key.size(), 1, '1');  // 12 becomes 112
  }
  const Dataset shifted = read_dataset_from(text, "shifted");
  const DataCheck check = check_data(shifted);
  EXPECT_EQ(check.findings.size(), check.num_answers);
}

}  // namespace
}  // namespace bertft::data
