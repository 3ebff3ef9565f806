#include "bertft/memory/search.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "memory/bisect.h"

namespace bertft::memory {
namespace {

constexpr std::size_t kMostTrials = 5;
constexpr std::int64_t kSmall = 4;     // the second trial after one feature, where it shows the growth already
constexpr double kPlenty = 0.75;       // a prediction below this share of the room needs no calibration
constexpr double kGrowing = 0.9;       // of the full slope
constexpr double kCloseEnough = 0.01;  // of the size found
constexpr double kTelling = 40;        // times what rounding adds to a peak: growth that shows the slope

// After a size that did not fit.
struct Caution {
  double step_down;  // to this share of it, and as much again after each further one
  double room;       // share of it that the next size may be expected to take
  double close;      // as kCloseEnough
};
constexpr Caution kCaution = {0.9, 0.995, kCloseEnough};
// Where peaks are rounded there are holes between tensors too, one to five percent, and other ones for each size.
constexpr Caution kCautionOfHoles = {0.95, 0.985, 0.018};

double predict(const SearchTask& task, std::int64_t size) {
  return static_cast<double>(task.predict(size));
}

// Whether the part of the prediction that grows with the size decides at both sizes: for small ones it may be the
// optimizer, whatever the size.
bool grows_between(const SearchTask& task, std::int64_t small, std::int64_t large) {
  const double slope = predict(task, task.at_most + 1) - predict(task, task.at_most);
  const double growth = predict(task, large) - predict(task, small);
  return growth > kGrowing * slope * static_cast<double>(large - small);
}

// As far from 1 as peaks show that may both be too high by what rounding adds.
double stretch_shown(double predicted, double measured, double rounding) {
  return std::clamp(std::clamp(1.0, (measured - rounding) / predicted, (measured + rounding) / predicted), 0.5, 2.0);
}

class Search {
 public:
  explicit Search(const SearchTask& task)
      : task_(task),
        caution_(task.peak_rounding > 0 ? kCautionOfHoles : kCaution),
        smallest_(smallest()),
        too_large_(task.at_most + 1) {}

  SearchResult run() {
    for (std::optional<std::int64_t> size = first(); size; size = next()) try_size(*size);
    return std::move(result_);
  }

 private:
  // Where there is plenty of room, all of it at once; else little, to learn.
  std::int64_t first() const {
    const auto room = kPlenty * static_cast<double>(task_.usable_bytes);
    return predict(task_, task_.at_most) <= room ? task_.at_most : smallest_;
  }

  // One feature, or the whole step where that takes less, or where it is small beside what is looked for: a step that
  // is cut has gradients of its earlier parts beside it, and says less of one that is not.
  std::int64_t smallest() const {
    if (!task_.effective_batch) return 1;
    const std::int64_t whole = std::min(*task_.effective_batch, task_.at_most);
    return task_.predict(whole) < task_.predict(1) || task_.predict(2 * whole) <= task_.usable_bytes ? whole : 1;
  }

  void try_size(std::int64_t size) {
    Trial trial = try_once(size);
    // A shortage where twice the size should fit is another process's, or chance: asked again.
    if (!trial.fits && task_.predict(2 * size) < task_.usable_bytes) trial = try_once(size);
    if (trial.fits) {
      num_failures_ = 0;
      fitting_.push_back(trial);
      std::sort(fitting_.begin(), fitting_.end(),
                [](const Trial& a, const Trial& b) { return a.num_features < b.num_features; });
      result_.num_features = fitting_.back().num_features;
    } else {
      ++num_failures_;
      too_large_ = size;
    }
  }

  Trial try_once(std::int64_t size) {
    const Trial trial = task_.run_trial(size);
    if (trial.fits && trial.steps_done == 0) throw std::logic_error("a trial without a step proves nothing");
    result_.trials.push_back(trial);
    return trial;
  }

  std::optional<std::int64_t> next() const {
    const std::int64_t best = result_.num_features;
    if (best + 1 >= too_large_) return std::nullopt;
    if (num_failures_ > 0) return std::max(best + 1, step_down());
    // All steps down are counted as one trial: where the plan was that wrong, only sizes that fit teach anything.
    if (fitting_.size() + (fitting_.size() < result_.trials.size() ? 1 : 0) >= kMostTrials) return std::nullopt;
    const bool has_failed = too_large_ <= task_.at_most;
    const std::int64_t size = largest_expected_to_fit(has_failed ? caution_.room : 1);
    const std::int64_t second = smallest_ == 1 ? kSmall : 2 * smallest_;
    if (result_.trials.size() == 1 && best == smallest_ && size > second) {
      const double growth = predict(task_, second) - predict(task_, best);
      const bool tells = growth > kTelling * static_cast<double>(task_.peak_rounding);
      return tells && grows_between(task_, best, second) ? second : std::max(second, size / 2);
    }
    // A second shortage is not worth one feature more.
    const double close = has_failed ? std::max(caution_.close * static_cast<double>(best), 1.0)
                                    : kCloseEnough * static_cast<double>(best);
    const bool is_close = static_cast<double>(size - best) <= close;
    return size > best && !is_close ? std::optional(size) : std::nullopt;
  }

  std::int64_t step_down() const {
    const double share = std::pow(caution_.step_down, num_failures_);
    const std::int64_t middle = result_.num_features + (too_large_ - result_.num_features) / 2;
    const auto lower = static_cast<std::int64_t>(share * static_cast<double>(too_large_));
    return std::min(too_large_ - 2, std::max(lower, middle));
  }

  std::int64_t largest_expected_to_fit(double share_of_room) const {
    const double room = share_of_room * static_cast<double>(task_.usable_bytes);
    const auto fits = [&](std::int64_t n) { return calibrated_bytes(task_, fitting_, n) <= room; };
    // The whole step at once may take less than more than half of it with the rest to follow, and that less than half.
    const std::int64_t whole = task_.effective_batch.value_or(1), best = result_.num_features;
    if (best >= whole) return largest_size(best, too_large_, fits);
    if (whole < too_large_ && fits(whole)) return largest_size(whole, too_large_, fits);
    for (std::int64_t n = std::min(whole, too_large_) - 1; n > std::max(best, whole / 2); --n) {
      if (fits(n)) return n;
    }
    return largest_size(best, std::min(too_large_, whole / 2 + 1), fits);
  }

  const SearchTask& task_;
  const Caution caution_;
  const std::int64_t smallest_;
  SearchResult result_;
  std::vector<Trial> fitting_;  // by size
  std::int64_t too_large_;
  int num_failures_ = 0;  // in a row
};

}  // namespace

double calibrated_bytes(const SearchTask& task, const std::vector<Trial>& fitting, std::int64_t size) {
  const Trial& last = fitting.back();
  double stretch = 1;
  if (fitting.size() >= 2) {
    const Trial& before = fitting[fitting.size() - 2];
    if (grows_between(task, before.num_features, last.num_features)) {
      const double predicted = predict(task, last.num_features) - predict(task, before.num_features);
      const double measured = static_cast<double>(last.peak_bytes) - static_cast<double>(before.peak_bytes);
      stretch = stretch_shown(predicted, measured, static_cast<double>(task.peak_rounding));
    }
  }
  return static_cast<double>(last.peak_bytes) + stretch * (predict(task, size) - predict(task, last.num_features));
}

SearchResult find_micro_batch(const SearchTask& task) {
  return Search(task).run();
}

}  // namespace bertft::memory
