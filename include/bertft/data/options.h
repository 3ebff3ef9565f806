#pragma once

// clang-format off: an option stands on one line, however long

#include <cstdint>
#include <optional>
#include <string>

#include "bertft/util/option.h"

namespace bertft::data {

/// What to do with an answer whose text does not stand at its answer_start.
enum class OnMisaligned { kSkip, kKeep, kError };
inline std::vector<OptionName<OnMisaligned>> option_names(OnMisaligned) {
  return {{OnMisaligned::kSkip, "skip"}, {OnMisaligned::kKeep, "keep"}, {OnMisaligned::kError, "error"}};
}

/// Which files, and how they become windows. Names and defaults follow run_qa.py.
struct DataOptions {
  std::optional<std::string> train_file;
  std::optional<std::string> validation_file;
  std::optional<std::string> test_file;
  std::int64_t max_seq_length = 384;
  std::int64_t doc_stride = 128;
  std::optional<bool> version_2_with_negative;
  std::optional<std::int64_t> max_train_samples;
  std::optional<std::int64_t> max_eval_samples;
  OnMisaligned on_misaligned = OnMisaligned::kSkip;
  bool fix_last_token_label = true;
};

/// What a window holds at least besides its texts: [CLS] question [SEP] context [SEP].
inline constexpr std::int64_t kNumSpecialTokens = 3;

/// Whether a window can begin behind the one before it.
inline bool windows_advance(const DataOptions& o) {
  return o.doc_stride < o.max_seq_length - kNumSpecialTokens;
}

template <class Visitor>
void visit(Visitor& v, DataOptions& o) {
  v.field("train_file", o.train_file, {.help = "training data: SQuAD JSON (v1.1, v2.0), its flat form, or JSON lines", .is_path = true, .is_free_to_change = true});
  v.field("validation_file", o.validation_file, {.help = "data for evaluation, same formats", .is_path = true, .is_free_to_change = true});
  v.field("test_file", o.test_file, {.help = "data for predict when no other is named", .is_path = true, .is_free_to_change = true});
  v.field("max_seq_length", o.max_seq_length, {.help = "longest window, with [CLS] and [SEP]; no longer than the tokenizer's model_max_length", .unit = "tokens", .at_least = 8, .at_most = 1e6, .aliases = {"max_length"}});
  v.field("doc_stride", o.doc_stride, {.help = "overlap of neighbouring windows (Google's doc_stride is a step)", .unit = "tokens", .at_least = 0});
  v.field("version_2_with_negative", o.version_2_with_negative, {.help = "some questions have no answer; recognised from the data when unset", .unset_name = "auto", .is_free_to_change = true, .stays_with_training = true});
  v.field("max_train_samples", o.max_train_samples, {.help = "use only the first questions of train_file, and of their windows as many, as run_qa does", .unit = "questions", .at_least = 1});
  v.field("max_eval_samples", o.max_eval_samples, {.help = "use only the first questions of validation_file, or of the file that eval and predict read", .unit = "questions", .at_least = 1, .stays_with_training = true});
  v.field("on_misaligned", o.on_misaligned, {.help = "answers whose text is not at answer_start: leave out of training, keep as run_qa does, or stop"});
  v.field("fix_last_token_label", o.fix_last_token_label, {.help = "label an answer that starts in a window's last context token by that token; false repeats run_qa's quirk"});
}

}  // namespace bertft::data
