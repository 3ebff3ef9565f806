#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/device/device.h"
#include "bertft/run/torch_library.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "run/torch/answer.h"
#include "run/torch/shortage.h"
#include "run/torch/train.h"

namespace bertft::run {
namespace {

// Does `work`; the program knows no exceptions of LibTorch's. `when_lost`: what to do when the device is.
template <class Work>
auto with_own_errors(const Work& work, const std::function<std::string()>& when_lost = [] { return ""; }) {
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
    // A library that meets the failure before LibTorch does says so in a text alone, and so does the driver
    // when the allocator asks it for more.
    const bool is_of_device = dynamic_cast<const c10::AcceleratorError*>(error) != nullptr ||
                              text.find("CUBLAS_STATUS_") != std::string::npos ||
                              text.find("CUDA driver error") != std::string::npos;
    if (!is_of_device) throw Error(text);
    throw DeviceError(fmt::format("the GPU failed: {}.\n{}The kernel's log may say more (dmesg, Xid).",
                                  first_line(text), when_lost()));
  }
}

std::optional<int> guarded_train(Inputs inputs, TrainMode mode, const Invocation& invocation) {
  const std::string directory = *inputs.options().train.output_dir;
  const auto when_lost = [&] {
    const bool can_go_on = mode == TrainMode::kTrain && !checkpoint::list_own_checkpoints(directory).empty();
    return can_go_on ? "Checkpoints are whole: --resume auto goes on from the newest.\n" : "";
  };
  return with_own_errors([&] { return carry_out(std::move(inputs), mode, invocation); }, when_lost);
}

AnswerRun guarded_answer(const TrainedModel& model, const eval::Task& task, const Invocation& invocation,
                         const std::function<void()>& when_ready) {
  return with_own_errors([&] { return answer(model, task, invocation, when_ready); });
}

std::string guarded_versions() {
  return with_own_errors(device::library_versions);
}

}  // namespace
}  // namespace bertft::run

extern "C" const bertft::run::TorchLibrary bertft_torch_library;
const bertft::run::TorchLibrary bertft_torch_library = {
    .library_versions = bertft::run::guarded_versions,
    .train = bertft::run::guarded_train,
    .answer = bertft::run::guarded_answer,
};
