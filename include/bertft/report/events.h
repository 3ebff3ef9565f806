#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bertft/report/rows.h"
#include "bertft/util/json.h"

namespace bertft::report {

/// The start of a run: data, model, plan, device, output.
struct RunStarted {
  Rows rows = {};
  std::int64_t total_steps = 0;
  std::int64_t first_step = 0;  // steps already done by an earlier process
  std::optional<std::int64_t> eval_interval =
      {};  // steps between evaluations; the last step always has one; unset: none
};

/// A step of several micro-batches is going on: `done` of `total` features.
struct StepProgress {
  std::int64_t step = 0;  // from 1
  std::int64_t done = 0, total = 0;
};

/// One optimizer step. `loss` is the mean over the step's effective batch.
struct StepFinished {
  std::int64_t step = 0;  // from 1
  double epoch = 0;       // fractional
  std::int64_t num_features = 0;
  double learning_rate = 0, loss = 0, grad_norm = 0;
};

/// Due every logging_steps. `loss` is the mean over the steps since the last one, `grad_norm` and
/// `learning_rate` are the last step's, as Hugging Face logs them.
struct LogDue {
  std::int64_t step = 0;
  double epoch = 0, loss = 0, grad_norm = 0, learning_rate = 0;
  std::uint64_t peak_memory_bytes = 0;
};

/// An evaluation is going on: `done` of `total` features.
struct EvaluationProgress {
  std::int64_t done = 0, total = 0;
};

struct Evaluated {
  std::int64_t step = 0;
  double epoch = 0;
  Json metrics = {};  // official keys, plus "loss"
  double runtime_s = 0;
  std::int64_t num_features = 0;
  bool is_best = false;
};

/// A checkpoint is about to be written; it is on disk once its directory has its name.
struct SavingCheckpoint {
  std::int64_t step = 0;
  std::string directory = {};
  std::optional<double> blocked_s = {};  // how long training waited for it; unset where it waits until all is written
};

/// The checkpoint of `step` is not there.
struct SavingFailed {
  std::int64_t step = 0;
  std::string reason = {};  // with the directory's name
  bool ends_run = false;    // which tells the reason itself
};

/// Something that the user must know and that is not an error.
struct Notice {
  std::string line = {};
};

struct RunFinished {
  std::string outcome = {};  // "done", "stopped early", "interrupted by SIGINT"
  std::int64_t step = 0;
  double runtime_s = 0;
  std::int64_t num_features = 0;  // trained on by this process
  std::uint64_t peak_memory_bytes = 0;
  Rows rows = {};  // final rows: metrics, model, what to try next
};

/// Receives the events of a run; the loop calls all of its observers in order.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on(const RunStarted&) {}
  virtual void on(const StepProgress&) {}
  virtual void on(const StepFinished&) {}
  virtual void on(const LogDue&) {}
  virtual void on(const EvaluationProgress&) {}
  virtual void on(const Evaluated&) {}
  virtual void on(const SavingCheckpoint&) {}
  virtual void on(const SavingFailed&) {}
  virtual void on(const Notice&) {}
  virtual void on(const RunFinished&) {}
};

}  // namespace bertft::report
