#include "bertft/weights/trained_rows.h"

#include <utility>

namespace bertft::weights {

TrainedRows::TrainedRows(const EncoderConfig& whole) : config_(whole) {}

TrainedRows::TrainedRows(const EncoderConfig& whole, const std::vector<bool>& used) : TrainedRows(whole) {
  std::vector<std::uint32_t> rows, numbers(used.size());
  for (std::uint32_t row = 0; row < used.size(); ++row) {
    if (!used[row] && row > whole.pad_token_id) continue;
    numbers[row] = static_cast<std::uint32_t>(rows.size());
    rows.push_back(row);
  }
  if (rows.size() == used.size()) return;
  config_.vocab_size = static_cast<std::int64_t>(rows.size());
  config_.num_rows_aside = whole.vocab_size - config_.vocab_size;
  rows_ = std::move(rows);
  numbers_ = std::move(numbers);
}

ModelWeights TrainedRows::read(const std::string& directory, Head head) const {
  ModelWeights weights = read_weights(directory, config_, head);
  weights.word_rows = rows_;
  return weights;
}

}  // namespace bertft::weights
