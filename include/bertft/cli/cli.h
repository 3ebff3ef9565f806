#pragma once

namespace bertft::cli {

/// The whole program: parses, dispatches to a command, turns every std::exception into a
/// message on stderr and an exit code.
int run(int argc, char** argv);

}  // namespace bertft::cli
