#include "bertft/memory/shortage.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <new>

#include "bertft/memory/budget.h"
#include "bertft/util/text.h"
#include "memory/shortage_text.h"

namespace bertft::memory {
namespace {

constexpr std::int32_t kCudaMemoryAllocation = 2;  // cudaErrorMemoryAllocation

// Of an error of LibTorch without the C++ stack, whose names would be taken for words of the message.
std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

// Of CUDA's how much was asked for, without the allocator's whole account and advice on settings of its own; without a
// full stop.
std::string fact_of(const std::exception& error) {
  const std::string text = message_of(error);
  std::string_view line = first_line(text);
  line = line.substr(0, line.find(" GPU "));
  if (line.ends_with('.')) line.remove_suffix(1);
  return std::string(line);
}

// On a CPU the thread's queue of autograd keeps what was ready when a backward pass was left, and
// with it most of the graph, until the next pass has emptied it.
void forget_aborted_backward() {
  const at::AutoGradMode enabled(true);
  try {
    at::ones({1}).requires_grad_(true).sum().backward();
  } catch (const std::exception&) {
    // It takes a few bytes: without even these the retry fails, too, and says so.
  }
}

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (const auto* of_device = dynamic_cast<const c10::AcceleratorError*>(&error)) {
    return of_device->get_error_code() == kCudaMemoryAllocation;  // any other leaves the device unusable
  }
  return dynamic_cast<const c10::Error*>(&error) != nullptr && says_out_of_memory(message_of(error));
}

bool ends_in_shortage(const std::exception& error) {
  return dynamic_cast<const OutOfMemoryError*>(&error) != nullptr || is_out_of_memory(error);
}

std::optional<Shortage> shortage_of(const std::exception& error) {
  if (!is_out_of_memory(error)) return std::nullopt;
  return Shortage{fact_of(error)};
}

std::optional<Shortage> attempt(const device::Device& device, const std::function<void()>& work,
                                const std::function<void()>& release) {
  std::optional<Shortage> shortage;
  try {
    work();
    return std::nullopt;
  } catch (const std::exception& error) {
    shortage = shortage_of(error);
    if (!shortage) throw;
  }
  // Outside the handler: the exception itself may hold what has to go.
  release();
  if (!device.is_cuda()) {
    forget_aborted_backward();
  } else if (says_growing_was_broken_off(shortage->message)) {
    device::stop_growing_segments();
  }
  release_cached(device);
  return shortage;
}

std::string one_feature_text(std::int64_t num_tokens, std::string_view place, const Shortage& shortage) {
  return fmt::format("one feature of {} tokens does not fit in memory ({}): {}.", with_thousands(num_tokens), place,
                     shortage.message);
}

}  // namespace bertft::memory
