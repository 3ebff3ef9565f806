#pragma once

#include <string>
#include <vector>

namespace bertft::report {

/// 131 -> "2:11", 3723 -> "1:02:03"; for a clock that runs.
std::string clock_text(double seconds);

/// 42.3 -> "42.3 s", 652 -> "10 min 52 s", 7800 -> "2 h 10 min"; for a duration that is over.
std::string duration_text(double seconds);

/// Features per second: "403", below ten "3.2".
std::string rate_text(double per_second);

/// A bar of `width` cells in eighths of a block.
std::string block_bar(double fraction, int width);

/// A part of the status line; `rank` 0 stays longest when the terminal is narrow.
struct Field {
  int rank = 0;
  std::string text;
};

/// The fields, two spaces between them, without those of the highest ranks until the rest fits
/// into `columns`.
std::string fit_fields(std::vector<Field> fields, int columns);

}  // namespace bertft::report
