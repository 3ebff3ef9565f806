#include "report/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bertft/report/observers.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "report/format.h"

namespace bertft::report {
namespace {

constexpr double kRedrawIntervalS = 0.1;
constexpr double kSilenceLimitS = 30;
constexpr int kBarWidth = 10;

// On most processors an invalid operation gives a NaN whose sign bit is set, which prints as -nan.
double without_sign_of_nan(double value) {
  return std::isnan(value) ? std::abs(value) : value;
}

std::int64_t percent(std::int64_t done, std::int64_t total) {
  return total > 0 ? 100 * done / total : 0;
}

// "12.3" out of an evaluation's metrics; empty when there is no such key.
std::string metric_text(const Json& metrics, const char* key, int digits = 1) {
  const auto found = metrics.find(key);
  return found != metrics.end() && found->is_number() ? fmt::format("{:.{}f}", found->get<double>(), digits) : "";
}

class Console final : public Observer {
 public:
  Console(Screen screen, Clock clock) : screen_(std::move(screen)), clock_(std::move(clock)) {
    started_s_ = last_event_s_ = last_line_s_ = clock_();
  }
  ~Console() override { screen_.set_status_line(""); }

  void on(const RunStarted& event) override {
    total_steps_ = event.total_steps;
    eval_interval_ = event.eval_interval;
    step_ = evaluated_step_ = event.first_step;
    started_s_ = last_event_s_ = clock_();
    throughput_.resume(started_s_);
    say(two_columns(event.rows));
    draw_training();
  }

  void on(const StepProgress& event) override {
    const double now_s = clock_();
    if (screen_.is_terminal) {
      if (redraw_is_due(now_s)) draw_training();
    } else if (line_is_due(now_s)) {
      say({fmt::format("step={} done={} total={}", event.step, event.done, event.total)});
    }
  }

  void on(const StepFinished& event) override {
    const double now_s = clock_();
    throughput_.step_finished(now_s, event.num_features);
    note(event);
    if (screen_.is_terminal) {
      if (redraw_is_due(now_s) || step_ == total_steps_) draw_training();
    } else if (line_is_due(now_s)) {
      say({progress_line("batch_loss", loss_)});  // no point of the curve, only a sign of life
    }
  }

  void on(const LogDue& event) override {
    note(event);
    peak_memory_bytes_ = event.peak_memory_bytes;
    say({progress_line("loss", loss_)});
    draw_training();
  }

  void on(const EvaluationProgress& event) override {
    const double now_s = clock_();
    if (!evaluation_) evaluation_ = {now_s, event.done};
    const double passed_s = now_s - evaluation_->started_s;
    const double per_s = passed_s > 0 ? static_cast<double>(event.done - evaluation_->first_done) / passed_s : 0;
    if (screen_.is_terminal) {
      if (redraw_is_due(now_s)) draw_evaluation(event, per_s);
    } else if (line_is_due(now_s)) {
      say({fmt::format("eval done={} total={} features_s={}", event.done, event.total, rate_text(per_s))});
    }
  }

  void on(const Evaluated& event) override {
    std::string line = fmt::format("eval @ {}   exact {}  f1 {}", with_thousands(event.step),
                                   metric_text(event.metrics, "exact"), metric_text(event.metrics, "f1"));
    if (const std::string loss = metric_text(event.metrics, "loss", 3); !loss.empty()) line += "  loss " + loss;
    const std::string answerable = metric_text(event.metrics, "HasAns_f1");
    const std::string no_answer = metric_text(event.metrics, "NoAns_f1");
    if (!answerable.empty() && !no_answer.empty()) {
      line += fmt::format("   (answerable f1 {}, no-answer {})", answerable, no_answer);
    }
    if (event.is_best) line += "   best so far";
    evaluation_s_ = event.runtime_s;
    evaluated_step_ = event.step;
    say({line});
    end_pause();
    draw_training();  // the evaluation's line would stand for as long as saving takes
  }

  void on(const SavingCheckpoint& event) override {
    const std::string waited =
        event.blocked_s ? fmt::format(" (training waited {})", duration_text(*event.blocked_s)) : "";
    say({fmt::format("saving {}{}", printable(event.directory), waited)});
    end_pause();
  }

  void on(const SavingFailed& event) override {
    if (!event.ends_run) screen_.warn(event.reason);
  }

  void on(const Notice& event) override { screen_.warn(event.line); }

  void on(const RunFinished& event) override {
    screen_.set_status_line("");
    const double per_s = event.runtime_s > 0 ? static_cast<double>(event.num_features) / event.runtime_s : 0;
    const std::string peak = event.peak_memory_bytes > 0 ? memory_text(event.peak_memory_bytes) : "memory not measured";
    Rows rows = {{event.outcome,
                  fmt::format("step {}/{}, {}, {} features/s, peak {}", with_thousands(event.step),
                              with_thousands(total_steps_), duration_text(event.runtime_s), rate_text(per_s), peak)}};
    rows.insert(rows.end(), event.rows.begin(), event.rows.end());
    for (const std::string& line : two_columns(rows)) screen_.result(line);
  }

 private:
  // Where the first event of an evaluation found it.
  struct Evaluation {
    double started_s;
    std::int64_t first_done;
  };

  // What a step and a log have in common.
  template <class Event>
  void note(const Event& event) {
    step_ = event.step;
    epoch_ = event.epoch;
    learning_rate_ = event.learning_rate;
    loss_ = without_sign_of_nan(event.loss);
    grad_norm_ = without_sign_of_nan(event.grad_norm);
  }

  void say(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) screen_.info(line);
    last_line_s_ = clock_();
  }

  // Evaluation and saving are no part of the training speed.
  void end_pause() {
    evaluation_.reset();
    last_event_s_ = clock_();
    throughput_.resume(last_event_s_);
  }

  bool redraw_is_due(double now_s) const { return now_s - last_drawn_s_ >= kRedrawIntervalS; }

  // Also when waiting for the next event, as long in coming as this one, would be too long.
  bool line_is_due(double now_s) {
    const double between_events_s = now_s - last_event_s_;
    last_event_s_ = now_s;
    return now_s - last_line_s_ + between_events_s > kSilenceLimitS;
  }

  std::optional<double> seconds_left() const {
    const std::optional<double> per_step = throughput_.seconds_per_step();
    if (!per_step) return std::nullopt;
    return *per_step * static_cast<double>(std::max<std::int64_t>(total_steps_ - step_, 0)) +
           evaluation_s_ * static_cast<double>(evaluations_left());
  }

  // The one of the step just done may be to come.
  std::int64_t evaluations_left() const {
    if (!eval_interval_ || evaluated_step_ >= total_steps_) return 0;
    const std::int64_t done_at = std::max(evaluated_step_, step_ - 1);
    return total_steps_ / *eval_interval_ - done_at / *eval_interval_ + (total_steps_ % *eval_interval_ == 0 ? 0 : 1);
  }

  std::string progress_line(std::string_view loss_name, std::optional<double> loss) const {
    std::string line = fmt::format("step={} epoch={:.2f}", step_, epoch_);
    if (loss) line += fmt::format(" {}={:.4g}", loss_name, *loss);
    if (grad_norm_) line += fmt::format(" grad_norm={:.3g}", *grad_norm_);
    line += fmt::format(" lr={:.2g}", learning_rate_);
    if (const auto rate = throughput_.features_per_s()) line += " features_s=" + rate_text(*rate);
    if (peak_memory_bytes_ > 0) {
      line += fmt::format(" mem_gib={:.1f}", static_cast<double>(peak_memory_bytes_) / (1 << 30));
    }
    if (const auto left = seconds_left()) line += fmt::format(" eta_s={:.0f}", *left);
    return line;
  }

  void draw_training() {
    const double now_s = clock_();
    const std::string total = with_thousands(total_steps_);
    std::vector<Field> fields = {{0, fmt::format("step  {:>{}}/{}", with_thousands(step_), total.size(), total)},
                                 {0, fmt::format("{}%", percent(step_, total_steps_))}};
    if (loss_) fields.push_back({1, fmt::format("loss {:.3f}", *loss_)});
    if (grad_norm_) fields.push_back({4, fmt::format("|g| {:.2g}", *grad_norm_)});
    if (learning_rate_ > 0) fields.push_back({5, fmt::format("lr {:.2g}", learning_rate_)});
    if (const auto rate = throughput_.features_per_s()) fields.push_back({2, rate_text(*rate) + " features/s"});
    if (peak_memory_bytes_ > 0) fields.push_back({3, "peak " + memory_text(peak_memory_bytes_)});
    fields.push_back({6, "elapsed " + clock_text(now_s - started_s_)});
    if (const auto left = seconds_left()) fields.push_back({1, "left " + clock_text(*left)});
    draw(std::move(fields), step_, total_steps_, now_s);
  }

  void draw_evaluation(const EvaluationProgress& event, double per_s) {
    const std::string total = with_thousands(event.total);
    std::vector<Field> fields = {{0, fmt::format("eval  {:>{}}/{}", with_thousands(event.done), total.size(), total)},
                                 {0, fmt::format("{}%", percent(event.done, event.total))}};
    if (per_s > 0) {
      fields.push_back({2, rate_text(per_s) + " features/s"});
      fields.push_back({1, "left " + clock_text(static_cast<double>(event.total - event.done) / per_s)});
    }
    draw(std::move(fields), event.done, event.total, clock_());
  }

  void draw(std::vector<Field> fields, std::int64_t done, std::int64_t total, double now_s) {
    if (!screen_.is_terminal) return;
    if (screen_.shows_blocks && total > 0) {
      fields.push_back({7, block_bar(static_cast<double>(done) / static_cast<double>(total), kBarWidth)});
    }
    // Some terminals wrap as soon as the last column is used.
    screen_.set_status_line(fit_fields(std::move(fields), screen_.columns() - 1));
    last_drawn_s_ = now_s;
  }

  Screen screen_;
  Clock clock_;
  Throughput throughput_;
  std::int64_t total_steps_ = 0, step_ = 0;
  std::optional<std::int64_t> eval_interval_;
  std::int64_t evaluated_step_ = 0;  // no evaluation of it, nor of one before it, is to come
  double evaluation_s_ = 0;          // of the last one
  double epoch_ = 0, learning_rate_ = 0;
  std::optional<double> loss_, grad_norm_;
  std::uint64_t peak_memory_bytes_ = 0;
  double started_s_ = 0, last_drawn_s_ = 0, last_line_s_ = 0, last_event_s_ = 0;
  std::optional<Evaluation> evaluation_;  // while one is going on
};

int terminal_columns() {
  constexpr int kUsual = 80;
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

// By the environment, as the C library would choose: setlocale() would change how numbers print.
bool locale_is_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string name = to_lower_ascii(value);
    return name.ends_with("utf-8") || name.ends_with("utf8");
  }
  return false;
}

}  // namespace

std::unique_ptr<Observer> make_console(Screen screen, Clock clock) {
  return std::make_unique<Console>(std::move(screen), std::move(clock));
}

std::unique_ptr<Observer> make_console() {
  return make_console(Screen{.is_terminal = log::stderr_is_terminal(),
                             .shows_blocks = locale_is_utf8(),
                             .columns = terminal_columns,
                             .info = log::info,
                             .warn = log::warn,
                             .result = log::result,
                             .set_status_line = log::set_status_line},
                      steady_seconds);
}

}  // namespace bertft::report
