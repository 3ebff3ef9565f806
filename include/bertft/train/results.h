#pragma once

#include <string>

namespace bertft::train {

/// Whether `run_directory` holds all that train_model() leaves at the end of training.
bool has_results(const std::string& run_directory);

/// Of a run that goes on: whatever end it had before, it is not over. Afterwards has_results() is false.
void withdraw_results(const std::string& run_directory);

/// Removes what an earlier evaluation has left, of another model than is put there now.
void withdraw_evaluation(const std::string& run_directory);

}  // namespace bertft::train
