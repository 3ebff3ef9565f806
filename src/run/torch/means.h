#pragma once

#include "bertft/config/config.h"
#include "bertft/device/device.h"
#include "bertft/memory/budget.h"
#include "bertft/run/invocation.h"

namespace bertft::run {

/// What a command works with.
struct Means {
  const Invocation& invocation;
  device::Device device;
  memory::Budget budget;
};

/// Chooses the device and limits its memory. throws DeviceError, ConfigError
Means find_means(const config::Options& options, const Invocation& invocation);

}  // namespace bertft::run
