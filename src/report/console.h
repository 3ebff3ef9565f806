#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "bertft/report/events.h"
#include "report/throughput.h"

namespace bertft::report {

/// Where the console speaks: the logging facade, or a test's record.
struct Screen {
  bool is_terminal = false;  // can redraw a line
  bool shows_blocks = false;
  std::function<int()> columns;
  std::function<void(std::string_view)> info, warn, result;
  std::function<void(std::string_view)> set_status_line;
};

std::unique_ptr<Observer> make_console(Screen screen, Clock clock);

}  // namespace bertft::report
