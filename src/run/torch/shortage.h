#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "bertft/run/trained_model.h"
#include "run/torch/job.h"

namespace bertft::run {

/// What to tell of an exception that means that memory ran out; nothing for any other.
std::optional<std::string> shortage_text(const std::exception& error);

/// Does `work`; returns what to tell when memory ran out in it. throws what else `work` throws
std::optional<std::string> shortage_in(const std::function<void()>& work);

/// The message for a run in which not even one feature fits: `fact`, what there is and what a step needs, up to three
/// remedies with what they save, and a command that is expected to work. `length`: tokens of the longest window that
/// has to fit; `saved`: the checkpoint to go on from.
std::string explain_shortage(const Job& job, std::int64_t length, const std::string& fact, Beginning beginning,
                             const std::optional<std::string>& saved);

/// The same where a trained model only answers `features`.
std::string explain_shortage(const TrainedModel& trained, const data::Features& features, const Means& means,
                             const std::string& fact);

}  // namespace bertft::run
