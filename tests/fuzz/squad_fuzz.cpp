// libFuzzer target: any bytes are either refused with an Error or make a consistent data set.

#include <cstdint>
#include <string_view>

#include "bertft/data/check.h"
#include "bertft/data/dataset.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "fuzz/require.h"

namespace {

using bertft::require;
using bertft::data::Dataset;

void require_consistent(const Dataset& dataset) {
  require(!dataset.questions.empty());
  for (const auto& question : dataset.questions) {
    require(!question.id.empty());
    require(question.context_idx < dataset.contexts.size());
    const std::string_view context = dataset.contexts[question.context_idx];
    require(!bertft::find_invalid_utf8(context) && !bertft::find_invalid_utf8(question.text));
    for (const auto& answer : question.answers) {
      if (!answer.aligned) continue;
      require(answer.char_start >= 0);
      const auto begin = bertft::byte_offset_of(context, static_cast<std::size_t>(answer.char_start));
      require(context.substr(begin).starts_with(answer.text));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  try {
    const Dataset dataset = bertft::data::read_dataset_from({reinterpret_cast<const char*>(bytes), size}, "fuzz.json");
    require_consistent(dataset);
    require(!bertft::data::check_data(dataset).to_text().empty());
  } catch (const bertft::DataError&) {
    // Refused, as most inputs have to be.
  }
  return 0;
}
