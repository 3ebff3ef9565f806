#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bertft/device/options.h"
#include "bertft/eval/answers.h"
#include "bertft/run/inputs.h"
#include "bertft/run/invocation.h"
#include "bertft/run/trained_model.h"

namespace bertft::run {

enum class TrainMode { kTrain, kDryRun, kProbe, kProbeForParent };

/// A trained model's answers, and what they took once it was loaded.
struct AnswerRun {
  eval::Answers answers;
  std::string device;  // what computed them, and how: "CPU, 2 threads, fp32"
  double seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
};

/// What needs LibTorch. Loading that takes longer than all that the other commands do, so these
/// functions live in a library of their own beside the program (src/run/torch), which takes
/// everything else from the program; it is built twice, with and without CUDA. The program has to know no
/// exceptions of LibTorch's.
struct TorchLibrary {
  std::string (*library_versions)();

  /// returns the signal that stopped it, if one did, once all was saved
  /// throws what its parts throw; OutOfMemoryError whose text says what would help
  std::optional<int> (*train)(Inputs inputs, TrainMode mode, const Invocation& invocation);

  /// Answers every question, with progress on the terminal. `when_ready` is called once device and model
  /// are, before the work: what it makes on the disk is not left behind by a refusal.
  /// throws DeviceError, ConfigError, WeightsError, DivergedError, what `when_ready` throws; OutOfMemoryError whose
  /// text says what would help
  AnswerRun (*answer)(const TrainedModel& model, const eval::Task& task, const Invocation& invocation,
                      const std::function<void()>& when_ready);
};

/// Begins to open the library that the device needs, while the command goes on. Once in a process.
void begin_to_open_torch_library(device::DeviceChoice device);

/// The library, once it is open, which begin_to_open_torch_library() has begun. throws InputError when it cannot be,
/// OutOfMemoryError
const TorchLibrary& torch_library();

}  // namespace bertft::run
