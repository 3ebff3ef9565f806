#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string_view>

namespace bertft::cli {

inline constexpr std::array<std::string_view, 4> kCommandNames = {"train", "eval", "predict", "data"};  // default first

// Each declares one command with its flags; its callback throws, or stores the exit code.
void add_train_command(CLI::App& app, int& exit_code);
void add_eval_command(CLI::App& app, int& exit_code);
void add_predict_command(CLI::App& app, int& exit_code);
void add_data_command(CLI::App& app, int& exit_code);

}  // namespace bertft::cli
