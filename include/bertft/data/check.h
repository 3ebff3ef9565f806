#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/data/options.h"
#include "bertft/data/tokens.h"
#include "bertft/util/json.h"

namespace bertft::data {

/// Something a reader of the file should know, tied to a question where it concerns one.
struct Finding {
  enum class Kind {
    kMisaligned,         // an answer's text does not stand at its answer_start
    kEmptyAnswer,        // an answer of nothing but white space
    kEmptyQuestion,      // the same of a question: its windows hold the context alone
    kEmptyContext,       // the same of a question's context: one window without context tokens
    kDuplicateQuestion,  // the same text on the same context under another id
    kContradiction,      // is_impossible with answers, or neither
    kNoRoom,             // the question leaves no room for its context
  };
  Kind kind;
  std::string question_id;  // empty when it concerns a context
  std::string message;      // one line, such as "answer 'Denver' is not at 12; it stands at 14"
};

/// How many windows a data set makes and how long they are, in tokens with [CLS] and [SEP].
/// Quantiles are by nearest rank.
struct WindowSummary {
  struct Bucket {
    std::uint32_t first_length, last_length;
    std::uint64_t num_windows;
  };

  std::int64_t max_seq_length = 0, doc_stride = 0;
  std::uint64_t num_windows = 0;
  std::uint64_t num_labelled = 0;  // windows that hold the first answer
  std::uint64_t num_tokens = 0;
  double unknown_share = 0;  // of the texts' tokens
  double mean_length = 0;
  std::uint32_t p5 = 0, p50 = 0, p95 = 0, max_length = 0;
  std::vector<Bucket> histogram;
};

/// What `data check` says about a file.
struct DataCheck {
  Dataset::Form form{};
  std::string version, sha256;
  std::uint64_t num_articles = 0, num_paragraphs = 0, num_questions = 0;
  std::uint64_t num_answerable = 0, num_unanswerable = 0, num_answers = 0;
  std::vector<Finding> findings;
  std::optional<WindowSummary> windows;

  Json to_json() const;
  /// For people, in lines of at most 80 columns; of each kind of finding the first few.
  std::string to_text() const;
};

/// Counts, and what there is to find but kNoRoom, in file order.
DataCheck check_data(const Dataset& dataset);

/// Also counts the windows; questions that leave no room for their context become findings
/// (kNoRoom) instead of errors.
///
/// throws ConfigError as make_features
DataCheck check_data(const Dataset& dataset, Tokens tokens, const DataOptions& options);

}  // namespace bertft::data
