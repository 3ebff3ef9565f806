#include "config/resolver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "config/foreign_keys.h"
#include "config/problems.h"
#include "config/relations.h"
#include "config/scalar.h"
#include "config/schema.h"
#include "config/yaml_reader.h"

namespace bertft::config {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 20;

// "a/../b" is b only where a is no link to a directory elsewhere.
std::string absolute_path(const std::string& given) {
  fs::path result;
  for (const fs::path& part : fs::absolute(given)) {
    if (part == "." || part.empty()) continue;
    std::error_code ignored;
    if (part == ".." && result.filename() != ".." && !fs::is_symlink(result, ignored)) {
      result = result.parent_path();
    } else {
      result /= part;
    }
  }
  return result.string();
}

/// Merges sources, lowest precedence first, into one set of options.
class Resolver {
 public:
  Resolver() : fields_(fields_of(resolved_.options)) {
    for (const Field& field : fields_) {
      resolved_.origins.emplace(field.key, kDefaultOrigin);
      spellings_.emplace(field.key, &field);
      for (const std::string_view alias : field.option.aliases) spellings_.emplace(alias, &field);
    }
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void apply_file(const NamedText& file) { apply(read_yaml(file.text, file.name, num_sources_, problems_)); }

  void apply_overrides(const std::vector<Override>& overrides) {
    std::vector<Assignment> assignments;
    for (const auto& [key, value, origin] : overrides) {
      const Place place{.source = num_sources_, .origin = origin, .line = 0, .column = 0};
      assignments.push_back(
          {.key = key, .value = Scalar{value, Scalar::Form::kPlain}, .key_at = place, .value_at = place});
    }
    apply(assignments);
  }

  Resolved finish() {
    normalise();
    check_relations(resolved_, doubtful_, {.source = num_sources_, .origin = "", .line = 0, .column = 0}, problems_);
    if (!problems_.empty()) problems_.raise();
    return resolved_;
  }

 private:
  /// An assignment whose key has been understood.
  struct Target {
    const Assignment* assignment;
    const Field* field;
    Scalar value;
    bool is_idle = false;  // an old key with which nothing is asked for
    bool is_old = false;   // a name to be told of
    bool yields = false;   // TranslatedKey::yields
  };

  void apply(const std::vector<Assignment>& source) {
    const auto names_model = [](const Assignment& a) { return a.key == "model_name_or_path"; };
    jobs_count_ = source.empty() || !source.front().key_at.is_in_file() || std::ranges::any_of(source, names_model);
    std::vector<Target> targets;
    for (const Assignment& assignment : source) understand(assignment, targets);
    std::vector<std::vector<Target>> by_option;
    for (Target& target : targets) {
      const auto same = [&](const auto& names) { return names.front().field == target.field; };
      const auto found = std::ranges::find_if(by_option, same);
      std::vector<Target>& names = found == by_option.end() ? by_option.emplace_back() : *found;
      const auto again = [&](const Target& other) { return other.assignment->key == target.assignment->key; };
      std::erase_if(names, again);  // of a flag that is repeated the last is taken
      names.push_back(std::move(target));
    }
    for (std::vector<Target>& names : by_option) assign_one_of(std::move(names));
    ++num_sources_;
  }

  // TrainingArguments, written out, has several names for one option: warmup_ratio: 0 and warmup_steps: 500, or
  // warmup_ratio: 0.1 and warmup_steps: 0.
  void assign_one_of(std::vector<Target> names) {
    if (std::ranges::all_of(names, &Target::is_idle)) {
      names.resize(1);
    } else {
      std::erase_if(names, [](const Target& target) { return target.is_idle; });
    }
    if (const auto old = std::ranges::find_if(names, &Target::yields); old != names.end() && names.size() > 1) {
      const Target& other = old == names.begin() ? names.back() : names.front();
      if (asks_for_nothing(other.value)) {
        names = {*old};
      } else {
        note(old->assignment->key_at,
             fmt::format("'{}' has no effect: {} is given", old->assignment->key, other.assignment->key));
        names.erase(old);
      }
    }
    assign(names.front());
    const auto value = read_value(*names.front().field, names.front().value);
    for (const Target& target : std::span(names).subspan(1)) {
      if (value && value == read_value(*target.field, target.value)) continue;
      refuse_second_name(*names.front().assignment, *target.assignment, target.field->key);
    }
  }

  void understand(const Assignment& a, std::vector<Target>& targets) {
    if (const auto spelling = spellings_.find(a.key); spelling != spellings_.end()) {
      const Field& field = *spelling->second;
      const bool is_idle = a.key != field.key && is_null(a.value);
      // "resume" merely shortens its key: that is no old name to be warned of.
      targets.push_back({&a, &field, a.value, is_idle, !field.key.starts_with(a.key)});
    } else if (const auto* old = find_by_key(translated_keys(), a.key)) {
      if (!is_null(a.value)) translate(a, *old, targets);
    } else if (const auto* foreign = find_by_key(foreign_keys(), a.key)) {
      answer(a, *foreign);
    } else {
      refuse_unknown(a);
    }
  }

  template <class Entry>
  static const Entry* find_by_key(const std::vector<Entry>& table, std::string_view key) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const Entry& entry) { return entry.key == key; });
    return found == table.end() ? nullptr : &*found;
  }

  void translate(const Assignment& a, const TranslatedKey& old, std::vector<Target>& targets) {
    const bool is_scalar = a.value.form == Scalar::Form::kPlain || a.value.form == Scalar::Form::kQuoted;
    const auto value = is_scalar ? old.translate(a.value.text) : std::nullopt;
    if (!value) {
      problems_.add(a.value_at,
                    fmt::format("{} (now {}): {}", a.key, old.replaced_by, complaint(old.expected, a.value)));
      doubtful_.emplace(old.replaced_by);
      return;
    }
    const Scalar translated{*value, Scalar::Form::kPlain};
    targets.push_back({&a, spellings_.at(old.replaced_by), translated, asks_for_nothing(a.value), true, old.yields});
  }

  void answer(const Assignment& a, const ForeignKey& foreign) {
    if (foreign.is_job) note_wish(a);
    if (foreign.answer == ForeignKey::Answer::kPassOver) {
      if (asks_for_nothing(foreign, a.value)) return;
      note(a.key_at, fmt::format("'{}' has no effect: {}", a.key, foreign.reason));
    } else if (!asks_for_nothing(foreign, a.value)) {
      const std::string accepted =
          foreign.harmless.empty() ? "" : fmt::format("; accepted: {}", fmt::join(foreign.harmless, ", "));
      problems_.add(a.key_at, fmt::format("'{}' is not supported: {}{}", a.key, foreign.reason, accepted));
    }
  }

  void note_wish(const Assignment& a) {
    if (is_null(a.value)) return;
    const std::optional<bool> wish = read_bool(a.value.text);
    if (!wish) {
      problems_.add(a.value_at, fmt::format("{}: {}", a.key, complaint(kTrueOrFalse, a.value)));
    } else if (jobs_count_ || (*wish && a.key == "do_train")) {
      resolved_.jobs[a.key] = {*wish, a.key_at.text()};
    }
  }

  void refuse_unknown(const Assignment& a) {
    const std::string_view joined = a.key_at.is_in_file() ? key_joined_to_value(a.key) : "";
    const std::optional<std::string_view> meant = joined.empty() ? likely_meant(a.key) : std::nullopt;
    problems_.add(a.key_at, fmt::format("unknown key '{}'", printable(a.key)),
                  meant                                ? fmt::format("; did you mean '{}'?", *meant)
                  : a.value.form == Scalar::Form::kMap ? "; keys are not nested, they all stand in the first column"
                  : !joined.empty()                    ? "; write 'key: value', with a space behind the ':'"
                                                       : "; 'bert-finetune --help all' lists all keys");
    if (meant) doubtful_.emplace(key_of(*meant));
    if (!joined.empty()) doubtful_.emplace(key_of(joined));
  }

  // "seed" of "seed:3" or "seed=3" where "seed: 3" was meant.
  std::string_view key_joined_to_value(std::string_view text) const {
    const std::size_t end = text.find_first_of(":=");
    if (end == std::string_view::npos || !spellings_.contains(text.substr(0, end))) return "";
    return text.substr(0, end);
  }

  std::optional<std::string_view> likely_meant(std::string_view key) const {
    std::string word = to_lower_ascii(key.substr(0, 100));
    for (char& c : word) c = c == '-' || c == ' ' ? '_' : c;
    std::vector<std::string_view> names;
    for (const auto& [name, field] : spellings_) names.push_back(name);
    for (const TranslatedKey& old : translated_keys()) names.push_back(old.key);
    if (const auto synonym = key_meant_by(word)) return synonym;
    const std::optional<std::string_view> near = nearest(word, names);
    constexpr std::size_t kLeastLetters = 4;
    return near || word.size() < kLeastLetters ? near : only_one_beginning_with(word, names);
  }

  std::string_view key_of(std::string_view spelling) const {
    if (const auto* old = find_by_key(translated_keys(), spelling)) return old->replaced_by;
    return spellings_.at(spelling)->key;
  }

  void refuse_second_name(const Assignment& first, const Assignment& second, std::string_view key) {
    const std::string where =
        first.key_at.is_in_file() ? fmt::format("line {}", first.key_at.line) : first.key_at.text();
    problems_.add(second.key_at, fmt::format("'{}' and '{}' ({}) set the same option", second.key, first.key, where),
                  fmt::format("; keep one, best as {}", key));
    doubtful_.emplace(key);
  }

  void assign(const Target& target) {
    const Assignment& a = *target.assignment;
    const Field& field = *target.field;
    const bool null_changes_nothing = field.option.null_changes_nothing || (target.is_idle && !field.is_optional);
    if (null_changes_nothing && is_null(target.value)) return;
    if (target.is_old) note_old_name(a, field.key, target.value.text);
    if (field.option.is_path && target.value.text.starts_with("~/")) {
      problems_.add(a.value_at, fmt::format("{}: '~' is not expanded, got '{}'", a.key, printable(target.value.text)),
                    "; write the path out");
      doubtful_.emplace(field.key);
      return;
    }
    if (const std::optional<Value> value = read_value(field, target.value)) {
      field.set(*value);
      resolved_.origins[std::string(field.key)] = a.key_at.text();
      return;
    }
    const std::string name = a.key == field.key ? a.key : fmt::format("{} (now {})", a.key, field.key);
    problems_.add(a.value_at, fmt::format("{}: {}", name, complaint(field, target.value)));
    doubtful_.emplace(field.key);
  }

  void note_old_name(const Assignment& a, std::string_view key, std::string_view value) {
    note(a.key_at, fmt::format("'{}' is read as {}: {}", a.key, key, printable(value)));
  }

  void note(const Place& place, const std::string& text) {
    resolved_.notices.push_back(place.is_in_file() ? fmt::format("{}:{}: note: {}", place.text(), place.column, text)
                                                   : fmt::format("note: {}  ({})", text, place.text()));
  }

  // Spellings of values that Hugging Face's users bring along, and paths that must still be
  // right when the resolved configuration is read in another directory.
  void normalise() {
    train::TrainOptions& train = resolved_.options.train;
    if (train.resume_from_checkpoint) {
      // TrainingArguments takes a Python boolean here as well as a directory.
      const std::string wish = *train.resume_from_checkpoint;
      if (wish == "true" || wish == "True") train.resume_from_checkpoint = "auto";
      if (wish == "false" || wish == "False") train.resume_from_checkpoint.reset();
    }
    for (const Field& field : fields_) {
      const Value value = field.get();
      const auto* path = std::get_if<std::string>(&value);
      if (field.option.is_path && path) field.set(absolute_path(*path));
    }
  }

  Resolved resolved_;
  std::vector<Field> fields_;  // bound to resolved_.options
  std::map<std::string_view, const Field*, std::less<>> spellings_;
  Problems problems_;
  std::set<std::string, std::less<>> doubtful_;  // keys about which an error has been reported
  std::size_t num_sources_ = 0;
  bool jobs_count_ = true;  // Resolved::jobs, of the source being read
};

}  // namespace

Resolved resolve_texts(const std::vector<NamedText>& files, const std::vector<Override>& environment,
                       const std::vector<Override>& command_line) {
  Resolver resolver;
  for (const NamedText& file : files) resolver.apply_file(file);
  resolver.apply_overrides(environment);
  resolver.apply_overrides(command_line);
  return resolver.finish();
}

Resolved resolve(const Sources& sources) {
  std::vector<NamedText> files;
  for (const std::string& path : sources.files) files.push_back({path, read_file(path, kMaxFileBytes)});
  return resolve_texts(files, sources.environment, sources.command_line);
}

}  // namespace bertft::config
