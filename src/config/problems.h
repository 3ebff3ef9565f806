#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <tuple>

namespace bertft::config {

/// Where something was said: in a file, or somewhere that has a name only.
struct Place {
  std::size_t source = 0;  // rank of the source: files, environment, command line
  std::string origin;      // the file's name, "--set, argument 1", "BERT_FINETUNE_SEED"
  std::size_t line = 0;    // from 1; 0 outside files
  std::size_t column = 0;  // from 1, in code points

  bool is_in_file() const { return line > 0; }
  /// "squad.yaml:14" or the origin.
  std::string text() const;
};

/// All that is wrong, collected so that it can be told at once.
class Problems {
 public:
  /// `fact` states what is wrong; `hint`, with its own "; ", what to do.
  void add(Place place, std::string fact, std::string hint = "");
  bool empty() const { return problems_.empty(); }
  /// throws ConfigError with one line for each problem, sorted by place
  [[noreturn]] void raise() const;

 private:
  struct Problem {
    Place place;
    std::string fact, hint;
  };
  using Position = std::tuple<std::size_t, std::size_t, std::size_t>;  // source, line, column
  std::multimap<Position, Problem> problems_;
};

}  // namespace bertft::config
