#include "bertft/data/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "bertft/util/text.h"
#include "data/cutting.h"
#include "data/findings.h"

namespace bertft::data {
namespace {

struct KindName {
  Finding::Kind kind;
  const char* key;           // in JSON
  std::string_view heading;  // for people
};
constexpr std::array kKinds{
    KindName{Finding::Kind::kMisaligned, "misaligned", "misaligned answers"},
    KindName{Finding::Kind::kEmptyAnswer, "empty_answer", "empty answers"},
    KindName{Finding::Kind::kEmptyQuestion, "empty_question", "empty questions"},
    KindName{Finding::Kind::kEmptyContext, "empty_context", "empty contexts"},
    KindName{Finding::Kind::kDuplicateQuestion, "duplicate_question", "duplicate questions"},
    KindName{Finding::Kind::kContradiction, "contradiction", "contradictions"},
    KindName{Finding::Kind::kNoRoom, "no_room", "questions too long"},
};
constexpr std::uint32_t kNumBuckets = 8;
constexpr std::size_t kShownFindings = 5;
constexpr std::size_t kBarColumns = 40;

std::string_view form_name(Dataset::Form form) {
  switch (form) {
    case Dataset::Form::kNested:
      return "nested";
    case Dataset::Form::kFlat:
      return "flat";
    case Dataset::Form::kLines:
      return "lines";
  }
  return {};
}

// Of sorted lengths, the one that `percent` of them do not exceed.
std::uint32_t quantile(const std::vector<std::uint32_t>& sorted, std::size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

WindowSummary summarize(const Features& features, const DataOptions& options) {
  WindowSummary summary{.max_seq_length = options.max_seq_length, .doc_stride = options.doc_stride, .histogram = {}};
  const auto width = static_cast<std::uint32_t>((options.max_seq_length + kNumBuckets - 1) / kNumBuckets);
  for (std::uint32_t i = 0; i < kNumBuckets; ++i) summary.histogram.push_back({i * width + 1, (i + 1) * width, 0});

  std::vector<std::uint32_t> lengths;
  lengths.reserve(features.windows.size());
  for (const Window& window : features.windows) {
    const std::uint32_t length = features.length(window);
    lengths.push_back(length);
    summary.num_tokens += length;
    summary.num_labelled += window.end_label > 0;
    ++summary.histogram[(length - 1) / width].num_windows;
  }
  summary.num_windows = lengths.size();
  summary.unknown_share = features.tokens.unknown_share();
  if (lengths.empty()) return summary;
  std::sort(lengths.begin(), lengths.end());
  summary.mean_length = static_cast<double>(summary.num_tokens) / static_cast<double>(lengths.size());
  summary.p5 = quantile(lengths, 5);
  summary.p50 = quantile(lengths, 50);
  summary.p95 = quantile(lengths, 95);
  summary.max_length = lengths.back();
  return summary;
}

std::string count_line(std::string_view what, std::uint64_t n, std::string_view more = "") {
  return fmt::format("  {:<20} {:>11}{}{}\n", what, with_thousands(n), more.empty() ? "" : "   ", more);
}

// What goes on in further lines stands two columns deeper.
std::string indented(std::string_view line, std::size_t indent) {
  return std::string(indent, ' ') + wrapped(line, indent, indent + 2) + "\n";
}

std::string findings_text(const std::vector<Finding>& findings) {
  if (findings.empty()) return "  nothing to report\n";
  std::string text;
  for (const auto& [kind, key, heading] : kKinds) {
    std::size_t num_of_kind = 0;
    std::string shown;
    for (const Finding& finding : findings) {
      if (finding.kind != kind || ++num_of_kind > kShownFindings) continue;
      const std::string who = finding.question_id.empty() ? "" : printable(finding.question_id, 60) + ": ";
      shown += indented(who + finding.message, 4);
    }
    if (num_of_kind == 0) continue;
    text += count_line(heading, num_of_kind) + shown;
    if (num_of_kind > kShownFindings) {
      text += fmt::format("    and {} more; --json lists all\n", with_thousands(num_of_kind - kShownFindings));
    }
  }
  return text;
}

std::string windows_text(const WindowSummary& summary) {
  std::string text =
      count_line("windows", summary.num_windows,
                 fmt::format("max_seq_length {}, doc_stride {}", summary.max_seq_length, summary.doc_stride));
  text += count_line("  with the answer", summary.num_labelled);
  text += count_line("tokens", summary.num_tokens, fmt::format("{:.1f} % unknown", 100 * summary.unknown_share));
  if (summary.num_windows == 0) return text;
  text += fmt::format("  length: mean {:.1f}, 5 % {}, median {}, 95 % {}, longest {}\n", summary.mean_length,
                      summary.p5, summary.p50, summary.p95, summary.max_length);
  std::uint64_t most = 1;
  for (const auto& bucket : summary.histogram) most = std::max(most, bucket.num_windows);
  for (const auto& [first, last, num_windows] : summary.histogram) {
    const std::string bar((num_windows * kBarColumns + most - 1) / most, '#');
    text += fmt::format("  {:>9}-{:<9} {:>12}{}{}\n", first, last, with_thousands(num_windows),
                        bar.empty() ? "" : "   ", bar);
  }
  return text;
}

Json windows_json(const WindowSummary& summary) {
  Json histogram = Json::array();
  for (const auto& [first, last, num_windows] : summary.histogram) {
    histogram.push_back({{"from", first}, {"to", last}, {"windows", num_windows}});
  }
  return {{"max_seq_length", summary.max_seq_length},
          {"doc_stride", summary.doc_stride},
          {"windows", summary.num_windows},
          {"with_answer", summary.num_labelled},
          {"tokens", summary.num_tokens},
          {"unknown_share", summary.unknown_share},
          {"length",
           {{"mean", summary.mean_length},
            {"p5", summary.p5},
            {"p50", summary.p50},
            {"p95", summary.p95},
            {"max", summary.max_length}}},
          {"histogram", histogram}};
}

}  // namespace

Json DataCheck::to_json() const {
  Json by_kind = Json::object();
  for (const auto& [kind, key, heading] : kKinds) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
      if (finding.kind != kind) continue;
      Json entry = {{"message", finding.message}};
      if (!finding.question_id.empty()) entry["id"] = finding.question_id;
      list.push_back(std::move(entry));
    }
    by_kind[key] = std::move(list);
  }
  Json json = {{"form", form_name(form)},
               {"version", version},
               {"sha256", sha256},
               {"articles", num_articles},
               {"paragraphs", num_paragraphs},
               {"questions", num_questions},
               {"answerable", num_answerable},
               {"unanswerable", num_unanswerable},
               {"answers", num_answers},
               {"findings", std::move(by_kind)}};
  if (windows) json["windows"] = windows_json(*windows);
  return json;
}

std::string DataCheck::to_text() const {
  std::string text = indented(fmt::format("SQuAD data, {} form{}{}", form_name(form),
                                          version.empty() ? "" : ", version ", printable(version, 40)),
                              2);
  if (num_articles > 0) text += count_line("articles", num_articles);  // rows need not name theirs
  text += count_line("paragraphs", num_paragraphs);
  text += count_line("questions", num_questions);
  text += count_line("  answerable", num_answerable);
  text += count_line("  unanswerable", num_unanswerable);
  text += count_line("answers", num_answers);
  if (windows) text += windows_text(*windows);
  return text + findings_text(findings);
}

DataCheck check_data(const Dataset& dataset) {
  DataCheck check;
  check.form = dataset.form;
  check.version = dataset.version;
  check.sha256 = dataset.sha256;
  check.num_articles = dataset.num_articles;
  check.num_paragraphs = dataset.contexts.size();
  check.num_questions = dataset.questions.size();
  check.num_answerable = dataset.num_answerable();
  check.num_unanswerable = check.num_questions - check.num_answerable;
  for (const Question& question : dataset.questions) check.num_answers += question.answers.size();
  check.findings = findings_of(dataset);
  return check;
}

DataCheck check_data(const Dataset& dataset, Tokens tokens, const DataOptions& options) {
  DataCheck check = check_data(dataset);
  const auto note = [&](std::uint32_t question_idx, const std::string& what) {
    check.findings.push_back({Finding::Kind::kNoRoom, dataset.questions[question_idx].id, what});
  };
  check.windows = summarize(cut_features(dataset, std::move(tokens), options, Purpose::kEvaluation, note), options);
  return check;
}

}  // namespace bertft::data
