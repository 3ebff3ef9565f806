#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bertft/weights/encoder_config.h"
#include "bertft/weights/model_directory.h"

namespace bertft::weights {

/// The rows of the words' table that the texts of a run use. The loss gives no others a gradient, and AdamW without
/// decay leaves them as they are: a run can train a model that has these alone, numbered anew, and write the others as
/// it has read them. The same weights come out, to the bit where the table's width is one of whole vectors (a multiple
/// of 8): else the norm of the gradients, a sum over other zeros, may be rounded otherwise. (Vocabulary trimming:
/// Abdaoui et al. 2020, there for good.)
class TrainedRows {
 public:
  TrainedRows() = default;
  /// All of them.
  explicit TrainedRows(const EncoderConfig& whole);
  /// Those of `whole` that are used, [vocab_size]. Those up to the padding's are always among them, so that
  /// pad_token_id stays what it is: positions may be counted from it.
  TrainedRows(const EncoderConfig& whole, const std::vector<bool>& used);

  bool are_all() const { return config_.num_rows_aside == 0; }
  /// Of the model that has these rows alone.
  const EncoderConfig& config() const { return config_; }
  /// Ascending; empty: all.
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  /// Their numbers there, by row of the whole; empty: their own.
  std::span<const std::uint32_t> numbers() const { return numbers_; }

  /// read_weights(), of which these rows are to be taken.
  ModelWeights read(const std::string& directory, Head head) const;

 private:
  EncoderConfig config_{};
  std::vector<std::uint32_t> rows_, numbers_;
};

}  // namespace bertft::weights
