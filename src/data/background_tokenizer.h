#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/data/tokens.h"

namespace bertft::data {

/// Tokenizes texts on a second thread while they are being read: takes copies, in the order of the
/// data set, a context before or behind its questions. Where no thread can be made the work is done
/// in finish().
class BackgroundTokenizer {
 public:
  /// Texts that only questions beyond the first `max_questions` need get no tokens.
  BackgroundTokenizer(const tokenizer::Tokenizer& tokenizer, std::optional<std::int64_t> max_questions);
  /// Drops what is still to be done.
  ~BackgroundTokenizer();
  BackgroundTokenizer(const BackgroundTokenizer&) = delete;
  BackgroundTokenizer& operator=(const BackgroundTokenizer&) = delete;

  void add_context(std::string_view text);
  void add_question(std::string_view text);

  /// Waits for the rest; to be called once, after the last text.
  Tokens finish();

 private:
  // Some texts, one behind the other: enough for the second thread to work on for a while.
  struct Chunk {
    struct Text {
      std::size_t end;  // in bytes
      bool is_context;
    };
    std::string bytes;
    std::vector<Text> texts;
  };

  void add(std::string_view text, bool is_context);
  void hand_over();
  std::optional<Chunk> next();  // none after the last
  Tokens tokenize_chunks();
  void tokenize_chunk(const Chunk& chunk, Tokens& tokens) const;

  const tokenizer::Tokenizer& tokenizer_;
  std::int64_t max_questions_, num_questions_ = 0;
  std::int64_t num_before_ = 0;  // questions before the context that was added last
  Chunk chunk_;

  std::mutex mutex_;  // of the two below
  std::condition_variable changed_;
  std::deque<Chunk> chunks_;
  bool ended_ = false;

  std::future<Tokens> tokens_;  // last: its end waits for the thread, which uses the rest
};

}  // namespace bertft::data
