#include "config/problems.h"

#include <fmt/format.h>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::config {

std::string Place::text() const {
  return is_in_file() ? fmt::format("{}:{}", printable(origin), line) : printable(origin);
}

void Problems::add(Place place, std::string fact, std::string hint) {
  const Position position{place.source, place.line, place.column};
  problems_.emplace(position, Problem{std::move(place), std::move(fact), std::move(hint)});
}

void Problems::raise() const {
  constexpr std::size_t kShown = 50;  // a file of another kind would fill the screen
  std::string text;
  for (std::size_t shown = 0; const auto& [position, problem] : problems_) {
    if (shown == kShown) break;
    const auto& [place, fact, hint] = problem;
    if (place.is_in_file()) {
      text += fmt::format("{}:{}: error: {}{}\n", place.text(), place.column, fact, hint);
    } else {
      // The command line puts "error: " before a text that does not begin with a place.
      text += fmt::format("{}{}{}{}\n", shown == 0 ? "" : "error: ", fact,
                          place.origin.empty() ? "" : fmt::format("  ({})", place.text()), hint);
    }
    ++shown;
  }
  if (problems_.size() > kShown) {
    text += fmt::format("{} errors, the first {} shown", problems_.size(), kShown);
  } else if (problems_.size() > 1) {
    text += fmt::format("{} errors", problems_.size());
  } else {
    text.pop_back();
  }
  throw ConfigError(text);
}

}  // namespace bertft::config
