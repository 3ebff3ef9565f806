#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/config/config.h"
#include "config/scalar.h"

namespace bertft::config {

/// An old key whose value must be translated for the key that replaced it.
struct TranslatedKey {
  std::string_view key, replaced_by;
  std::string_view expected;  // of the old key's value
  std::optional<std::string> (*translate)(std::string_view text);
  bool yields = false;  // to the new key, unless that asks for nothing
};
constexpr std::string_view kTrueOrFalse = "true or false";
const std::vector<TranslatedKey>& translated_keys();

/// A key of run_qa.py or TrainingArguments that this program knows and does not have.
struct ForeignKey {
  enum class Answer { kPassOver, kRefuse };
  enum class Form { kValue, kSwitch, kList };  // a switch may stand alone on a command line, a list takes several words
  std::string_view key;
  Answer answer;
  std::string_view reason;
  Form form = Form::kValue;
  std::vector<std::string_view> harmless = {};  // values, besides "off" ones, that ask for nothing
  bool is_job = false;                          // Resolved::jobs
};
const std::vector<ForeignKey>& foreign_keys();

/// Whether a job of run_qa's, "do_eval", is asked for: Resolved::jobs.
bool is_wished(const Resolved& resolved, std::string_view job);

/// True for values with which a key asks for what happens anyway: false, null, none, 0.
bool asks_for_nothing(const Scalar& value);
/// Also for one of its harmless values.
bool asks_for_nothing(const ForeignKey& key, const Scalar& value);

}  // namespace bertft::config
