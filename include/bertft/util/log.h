#pragma once

#include <string_view>

namespace bertft::log {

// The logging facade: spdlog behind plain strings, so that no header of ours needs fmt.
// Human lines go to stderr; a run adds its train.log.

enum class Level { kDebug, kInfo, kWarn, kError };

/// What is shown on stderr; the file, once set, receives everything from debug on. returns what was shown until now
Level set_level(Level level);
/// Also appends to `path`, with UTC time stamps; first what was said before. Throws StorageError.
void set_file(std::string_view path);

// Of a message of several lines each stands for itself; other control characters are escaped.
void debug(std::string_view line);
void info(std::string_view line);
void warn(std::string_view line);
void error(std::string_view line);
/// What a command was started for: looks like info and is shown at every level.
void result(std::string_view line);

/// True when stderr is a terminal that can redraw a line.
bool stderr_is_terminal();
/// The one line that is redrawn in place below all others; empty removes it. Does nothing
/// when stderr is not a terminal.
void set_status_line(std::string_view line);

}  // namespace bertft::log
