#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace bertft::cli {

// What to tell of a command line that cannot be taken: the fact, what was probably meant, where to read on.

/// `typed`: what stands where a command belongs.
std::string explain_unknown_command(const std::string& typed);

/// `args`: the command line that `app` could not parse, without the program.
std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& args);

}  // namespace bertft::cli
