#include "bertft/report/rows.h"

#include <algorithm>
#include <string_view>

#include "bertft/util/text.h"

namespace bertft::report {

std::vector<std::string> two_columns(const Rows& rows) {
  std::size_t width = 9;
  for (const auto& [name, text] : rows) width = std::max(width, count_code_points(name) + 2);
  std::vector<std::string> lines;
  for (const auto& [name, text] : rows) {
    std::string_view rest = text;
    std::string line = name + std::string(width - count_code_points(name), ' ');
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      lines.push_back(line.append(rest.substr(0, end)));
      rest.remove_prefix(end + 1);
      line.assign(width, ' ');
    }
    lines.push_back(line.append(rest));
  }
  return lines;
}

}  // namespace bertft::report
