#pragma once

#include <CLI/CLI.hpp>

namespace bertft::cli {

// Each declares one command with its flags; its callback throws, or stores the exit code.
void add_train_command(CLI::App& app, int& exit_code);
void add_eval_command(CLI::App& app, int& exit_code);
void add_predict_command(CLI::App& app, int& exit_code);
void add_data_command(CLI::App& app, int& exit_code);

}  // namespace bertft::cli
