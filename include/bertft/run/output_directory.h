#pragma once

#include "bertft/checkpoint/run_directory.h"
#include "bertft/config/config.h"

namespace bertft::run {

/// Whether output_dir can take the run, before anything is read. throws OutputError
void check_output_directory(const config::Options& options);

/// What may become of an earlier run in output_dir.
checkpoint::Existing existing_policy(const train::TrainOptions& options);

}  // namespace bertft::run
