#include "bertft/util/log.h"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"

namespace bertft::log {
namespace {

constexpr const char* kStampedPattern = "%Y-%m-%dT%H:%M:%SZ %l %v";

std::unique_ptr<spdlog::formatter> make_formatter(const char* pattern) {
  return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n");
}

// A line lost because nobody reads stderr, or because its disk is full, is no reason to stop
// training: whatever cannot be written is dropped.
void write_to_stderr(std::string_view bytes) {
  constexpr int kPatienceMs = 100;  // for a terminal that some other program made non-blocking
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    pollfd waiting{STDERR_FILENO, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&waiting, 1, kPatienceMs) <= 0) return;
  }
}

// spdlog has no level for results: they are critical inside, and look like info.
constexpr spdlog::level::level_enum kResult = spdlog::level::critical;

void format_as_shown(spdlog::formatter& formatter, const spdlog::details::log_msg& message,
                     spdlog::memory_buf_t& formatted) {
  spdlog::details::log_msg shown = message;
  if (shown.level == kResult) shown.level = spdlog::level::info;
  formatter.format(shown, formatted);
}

// Log lines scroll by above a status line that is redrawn in place.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(bool is_terminal) : is_terminal_(is_terminal) {
    set_formatter_(make_formatter(is_terminal ? "%v" : kStampedPattern));
  }

  void set_status_line(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (!is_terminal_ || line == status_line_) return;
    std::string bytes = status_line_.empty() ? "" : kEraseLine;
    bytes += line;
    status_line_ = line;
    write_to_stderr(bytes);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string bytes = status_line_.empty() ? "" : kEraseLine;
    if (message.level == spdlog::level::err) {
      // An error is the program's last word, in the form FILE:LINE:COL: error: that editors know.
      bytes.append(message.payload.data(), message.payload.size());
      bytes += '\n';
    } else {
      spdlog::memory_buf_t formatted;
      format_as_shown(*formatter_, message, formatted);
      if (is_terminal_ && message.level == spdlog::level::warn) bytes += "warning: ";
      bytes.append(formatted.data(), formatted.size());
    }
    bytes += status_line_;
    write_to_stderr(bytes);
  }

  void flush_() override {}  // nothing is kept back

  static constexpr const char* kEraseLine = "\r\x1b[K";
  bool is_terminal_;
  std::string status_line_;
};

constexpr std::string_view kErrorMark = "error: ";

class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : file_(std::move(path)) { set_formatter_(make_formatter(kStampedPattern)); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::details::log_msg shown = message;
    const std::string_view text(message.payload.data(), message.payload.size());
    if (text.starts_with(kErrorMark)) {  // the level says it already
      shown.payload = spdlog::string_view_t(text.data() + kErrorMark.size(), text.size() - kErrorMark.size());
    }
    spdlog::memory_buf_t formatted;
    format_as_shown(*formatter_, shown, formatted);
    file_.append({formatted.data(), formatted.size()});
  }

  void flush_() override {}

  AppendFile file_;
};

bool detect_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

constexpr std::size_t kMostWaiting = 1000;

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct Logging {
  bool is_terminal = detect_terminal();
  Level shown = Level::kInfo;
  std::shared_ptr<StderrSink> to_stderr = std::make_shared<StderrSink>(is_terminal);
  // What was said before there was a file.
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> waiting =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMostWaiting);
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks = std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger{"bert-finetune", sinks};

  Logging() {
    to_stderr->set_level(to_spdlog(shown));
    sinks->set_sinks({to_stderr, waiting});
    logger.set_level(spdlog::level::debug);
    // A log file on a full disk must not stop the run either; stderr has the line already.
    logger.set_error_handler([](const std::string&) {});
  }
};

Logging& logging() {
  static Logging instance;
  return instance;
}

// Paths and texts of the user's stand in messages: none may move the cursor or forge a line.
void write(spdlog::level::level_enum level, std::string_view message) {
  std::string text;
  for (std::size_t begin = 0; begin <= message.size();) {
    const std::size_t end = std::min(message.find('\n', begin), message.size());
    if (begin > 0) text += '\n';
    text += printable(message.substr(begin, end - begin), message.max_size());
    begin = end + 1;
  }
  logging().logger.log(level, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace

Level set_level(Level level) {
  logging().to_stderr->set_level(to_spdlog(level));
  if (level > Level::kInfo) logging().to_stderr->set_status_line("");
  return std::exchange(logging().shown, level);
}

void set_file(std::string_view path) {
  const auto file = std::make_shared<FileSink>(std::string(path));
  if (const auto waiting = std::exchange(logging().waiting, nullptr)) {
    try {
      for (const auto& message : waiting->last_raw()) file->log(message);
    } catch (const StorageError&) {  // as of lines to come
    }
  }
  logging().sinks->set_sinks({logging().to_stderr, file});
}

void debug(std::string_view line) {
  write(spdlog::level::debug, line);
}
void info(std::string_view line) {
  write(spdlog::level::info, line);
}
void warn(std::string_view line) {
  write(spdlog::level::warn, line);
}
void error(std::string_view line) {
  write(spdlog::level::err, line);
}
void result(std::string_view line) {
  write(kResult, line);
}

bool stderr_is_terminal() {
  return logging().is_terminal;
}

void set_status_line(std::string_view line) {
  if (logging().to_stderr->should_log(spdlog::level::info)) logging().to_stderr->set_status_line(line);
}

}  // namespace bertft::log
