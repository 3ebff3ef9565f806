#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "bertft/util/text.h"

namespace bertft::report {
namespace {

// Beyond a century the figure is not a duration any more.
std::int64_t whole_seconds(double seconds) {
  return std::llround(std::clamp(seconds, 0.0, 3.2e9));
}

}  // namespace

std::string clock_text(double seconds) {
  const std::int64_t s = whole_seconds(seconds);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string duration_text(double seconds) {
  const std::int64_t s = whole_seconds(seconds);
  if (s < 60) return fmt::format("{:.1f} s", seconds);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string rate_text(double per_second) {
  return fmt::format("{:.{}f}", per_second, per_second < 10 ? 1 : 0);
}

std::string block_bar(double fraction, int width) {
  const auto eighths = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width * 8);
  std::string bar;
  for (int cell = 0; cell < eighths / 8; ++cell) bar += "█";
  // U+2588 is the full block; the ones after it are each an eighth narrower.
  if (eighths % 8 > 0) append_utf8(bar, static_cast<char32_t>(0x2590 - eighths % 8));
  return bar;
}

std::string fit_fields(std::vector<Field> fields, int columns) {
  const auto width = [&] {
    std::size_t total = fields.empty() ? 0 : 2 * (fields.size() - 1);
    for (const Field& field : fields) total += count_code_points(field.text);
    return total;
  };
  while (width() > static_cast<std::size_t>(std::max(columns, 0))) {
    // Of equal ranks the last one goes first.
    const auto least = std::max_element(fields.rbegin(), fields.rend(),
                                        [](const Field& a, const Field& b) { return a.rank < b.rank; });
    fields.erase(std::next(least).base());
  }
  std::string line;
  for (const Field& field : fields) line += (line.empty() ? "" : "  ") + field.text;
  return line;
}

}  // namespace bertft::report
