#include "run/torch/means.h"

namespace bertft::run {

Means find_means(const config::Options& options, const Invocation& invocation) {
  const device::Device device = device::select_device(options.device);
  return {invocation, device, memory::limit_memory(options.memory, device)};
}

}  // namespace bertft::run
