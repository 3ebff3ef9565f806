#include "report/metrics_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "bertft/report/observers.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"

namespace bertft::report {
namespace {

bool belongs_to_resumed_run(std::string_view line, std::int64_t resumed_step) {
  try {
    const Json object = parse_json(line, "metrics.jsonl");
    const std::optional<std::int64_t> step = integer_member(object, "step", "metrics.jsonl");
    return step && *step <= resumed_step && string_member(object, "kind", "metrics.jsonl") != "finish";
  } catch (const DataError&) {
    return false;  // half of a line, or blocks that a power loss left empty
  }
}

// The lines to go on from, as they are.
std::string kept_lines(const std::string& path, std::optional<std::int64_t> resumed_step) {
  std::string kept;
  if (!resumed_step || !std::filesystem::exists(path)) return kept;
  const std::string before = read_file(path);
  std::string_view rest = before;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end + 1);
    if (belongs_to_resumed_run(line, *resumed_step)) kept += line;
    rest.remove_prefix(line.size());
  }
  return kept;
}

AppendFile open_metrics(const std::string& path, std::optional<std::int64_t> resumed_step) {
  write_file_atomically(path, kept_lines(path, resumed_step));
  return AppendFile(path);
}

class MetricsFile final : public Observer {
 public:
  MetricsFile(const std::string& path, std::optional<std::int64_t> resumed_step, Clock clock)
      : file_(open_metrics(path, resumed_step)), clock_(std::move(clock)), started_s_(clock_()) {
    throughput_.resume(started_s_);
  }

  void on(const RunStarted&) override {
    started_s_ = clock_();
    throughput_.resume(started_s_);
  }

  void on(const StepFinished& event) override { throughput_.step_finished(clock_(), event.num_features); }

  void on(const LogDue& event) override {
    append({{"kind", "log"},
            {"step", event.step},
            {"epoch", event.epoch},
            {"loss", event.loss},
            {"grad_norm", event.grad_norm},
            {"learning_rate", event.learning_rate}},
           {{"features_per_s", or_null(throughput_.features_per_s())}, {"peak_memory_bytes", event.peak_memory_bytes}});
  }

  void on(const Evaluated& event) override {
    append({{"kind", "eval"},
            {"step", event.step},
            {"epoch", event.epoch},
            {"metrics", event.metrics},
            {"num_features", event.num_features},
            {"is_best", event.is_best}},
           {{"runtime_s", event.runtime_s}});
    throughput_.resume(clock_());
  }

  void on(const SavingCheckpoint& event) override {
    const std::string name = std::filesystem::path(event.directory).filename();
    append({{"kind", "checkpoint"}, {"step", event.step}, {"name", name}}, {{"blocked_s", or_null(event.blocked_s)}});
    // Before the checkpoint is on the disk: who goes on from it finds the lines up to it.
    do_or_warn(has_warned_of_sync_, [&] { file_.sync(); });
    throughput_.resume(clock_());
  }

  void on(const SavingFailed& event) override {
    append({{"kind", "checkpoint_failed"}, {"step", event.step}, {"reason", event.reason}}, Json::object());
  }

  void on(const RunFinished& event) override {
    std::optional<double> features_per_s;
    if (event.runtime_s > 0) features_per_s = static_cast<double>(event.num_features) / event.runtime_s;
    append({{"kind", "finish"}, {"step", event.step}, {"outcome", event.outcome}},
           {{"runtime_s", event.runtime_s},
            {"num_features", event.num_features},
            {"features_per_s", or_null(features_per_s)},
            {"peak_memory_bytes", event.peak_memory_bytes}});
  }

 private:
  void append(Json line, Json timing) {
    timing["elapsed_s"] = clock_() - started_s_;
    line["timing"] = std::move(timing);
    // Bytes of a file name need not be UTF-8.
    waiting_ += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    do_or_warn(has_warned_, [&] {
      file_.append(waiting_);
      waiting_.clear();  // what the disk does not take waits for the next line
    });
  }

  // No reason to stop training, and told once until it succeeds again.
  template <class Work>
  static void do_or_warn(bool& has_warned, const Work& work) {
    try {
      work();
      has_warned = false;
    } catch (const StorageError& error) {
      if (!std::exchange(has_warned, true)) log::warn(fmt::format("{}; training goes on", error.what()));
    }
  }

  AppendFile file_;
  std::string waiting_;  // lines that the disk did not take yet
  bool has_warned_ = false, has_warned_of_sync_ = false;
  Clock clock_;
  Throughput throughput_;
  double started_s_;
};

}  // namespace

std::unique_ptr<Observer> make_metrics_file(const std::string& run_directory, std::optional<std::int64_t> resumed_step,
                                            Clock clock) {
  return std::make_unique<MetricsFile>(run_directory + "/metrics.jsonl", resumed_step, std::move(clock));
}

std::unique_ptr<Observer> make_metrics_file(const std::string& run_directory,
                                            std::optional<std::int64_t> resumed_step) {
  return make_metrics_file(run_directory, resumed_step, steady_seconds);
}

}  // namespace bertft::report
