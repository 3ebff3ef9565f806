#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bertft/report/events.h"
#include "report/throughput.h"

namespace bertft::report {

std::unique_ptr<Observer> make_metrics_file(const std::string& run_directory, std::optional<std::int64_t> resumed_step,
                                            Clock clock);

}  // namespace bertft::report
