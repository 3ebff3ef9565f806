#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "bertft/device/device.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "cli/torch/answer.h"
#include "cli/torch/shortage.h"
#include "cli/torch/train.h"
#include "cli/torch_half.h"

namespace bertft::cli {
namespace {

// Does `work`; the other half knows no exceptions of LibTorch's. `when_lost`: what to do when the device is.
template <class Work>
auto with_own_errors(Work work, std::string_view when_lost = "") {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    if (const auto shortage = shortage_text(e)) throw OutOfMemoryError(*shortage);
    // What what() says after that is a C++ stack; no user can use it.
    const auto* error = dynamic_cast<const c10::Error*>(&e);
    if (error == nullptr) throw;
    const std::string text = error->what_without_backtrace();
    // A library that meets the failure before LibTorch does says so in a text alone.
    const bool is_of_device = dynamic_cast<const c10::AcceleratorError*>(error) != nullptr ||
                              text.find("CUBLAS_STATUS_") != std::string::npos;
    if (!is_of_device) throw Error(text);
    throw DeviceError(
        fmt::format("the GPU failed: {}.\n{}The kernel's log may say more (dmesg, Xid).", first_line(text), when_lost));
  }
}

int guarded_train(Inputs inputs, TrainMode mode) {
  return with_own_errors([&] { return carry_out(std::move(inputs), mode); },
                         "Checkpoints are whole: --resume auto goes on from the newest. ");
}

AnswerRun guarded_answer(const TrainedModel& model, const eval::Task& task, const std::function<void()>& when_ready) {
  return with_own_errors([&] { return answer(model, task, when_ready); });
}

std::string guarded_versions() {
  return with_own_errors(device::library_versions);
}

}  // namespace
}  // namespace bertft::cli

extern "C" const bertft::cli::TorchHalf bertft_torch_half;
const bertft::cli::TorchHalf bertft_torch_half = {
    .library_versions = bertft::cli::guarded_versions,
    .train = bertft::cli::guarded_train,
    .answer = bertft::cli::guarded_answer,
};
